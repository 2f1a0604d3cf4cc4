import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import type { Terminals } from '../terminal/register.ts';
import type { ReviewPanels } from '../views/reviewPanels.ts';
import { commandIds, idIn, type CommandId } from './names.ts';
import { grantOf, registerTerminalProfile } from './terminalProfile.ts';

/** Registered where the account is made, since they need what nobody else may touch. */
type Elsewhere = (typeof commandIds)['connect' | 'signIn' | 'signOut'];

/** Every other command a person can invoke; each is loaded when it is first called. */
export function registerCommands(services: Services, terminals: Terminals): Disposable {
  const request = async (argument: unknown): Promise<void> => {
    const { requestAccess } = await import('./requestAccess.ts');
    const { told } = await import('./failure.ts');
    await told(services, async () => {
      const outcome = await requestAccess(services, idIn(argument, 'templateId'));
      if (!outcome) return;
      const { openOn } = await import('./openTerminal.ts');
      const grant = 'open' in outcome ? outcome.open : await grantOf(services, outcome);
      if (grant) await openOn(services, terminals, grant);
      else if ('request' in outcome) {
        const { waitForAnswer } = await import('./waitForAnswer.ts');
        // Not awaited: the command is done, the person goes on working.
        void waitForAnswer(services, outcome.request);
      }
    });
  };

  let opened: Promise<ReviewPanels> | undefined;
  const reviews = (): Promise<ReviewPanels> =>
    (opened ??= Promise.all([import('../views/reviewPanels.ts'), import('./decide.ts')]).then(
      ([{ ReviewPanels }, { actOn }]) =>
        new ReviewPanels(services, (asked, act) => actOn(services, asked, act)),
    ));

  const table: Readonly<Record<Exclude<CommandId, Elsewhere>, (argument: unknown) => Promise<void>>> = {
    [commandIds.requestAccess]: request,
    [commandIds.showSession]: async () => (await import('./showSession.ts')).showSession(services),
    [commandIds.openTerminal]: async (argument) =>
      (await import('./openTerminal.ts')).openTerminal(services, terminals, argument),
    [commandIds.endSession]: async (argument) =>
      (await import('./endSession.ts')).endSession(services, argument),
    [commandIds.withdraw]: async (argument) => (await import('./withdraw.ts')).withdraw(services, argument),
    [commandIds.breakGlass]: async (argument) =>
      (await import('./breakGlass.ts')).breakGlass(services, terminals, argument),
    [commandIds.decide]: async (argument) =>
      (await import('./decide.ts')).decide(services, await reviews(), argument),
    [commandIds.answer]: async (argument) =>
      (await import('./decide.ts')).answer(services, await reviews(), argument),
    [commandIds.revoke]: async (argument) => (await import('./revoke.ts')).revoke(services, argument),
    [commandIds.signOff]: async (argument) => (await import('./signOff.ts')).signOff(services, argument),
    [commandIds.copyConnectionDetails]: async (argument) =>
      (await import('./copyConnectionDetails.ts')).copyConnectionDetails(services, terminals, argument),
    [commandIds.openDocumentation]: async (argument) =>
      (await import('./openDocumentation.ts')).openDocumentation(services, argument),
    [commandIds.refresh]: () => services.sync.refresh(),
  };

  return vscode.Disposable.from(
    ...Object.entries(table).map(([id, run]) =>
      vscode.commands.registerCommand(id, (argument: unknown) => run(argument)),
    ),
    registerTerminalProfile(services, terminals, async (token) => {
      const { requestAccess } = await import('./requestAccess.ts');
      return requestAccess(services, undefined, token);
    }),
  );
}
