import * as vscode from 'vscode';
import { spokenDuration } from '../../contract/durations.ts';
import type { Services } from '../services.ts';
import type { Grant } from '../state/world.ts';
import type { Copied } from '../terminal/desk.ts';
import type { Terminals } from '../terminal/register.ts';
import { timeOfDay } from '../views/words.ts';
import { askOnce } from './askOnce.ts';
import { chooseGrant, stillOpen } from './choose.ts';
import { told, withProgress } from './failure.ts';

interface Form extends vscode.QuickPickItem {
  readonly text: (copied: Copied) => Promise<string>;
}

const libpq = () => import('../terminal/libpq.ts');

const forms: readonly Form[] = [
  {
    label: 'Connection URI',
    description: 'postgresql://… for libpq, pg and most tools',
    text: async ({ connection, password, authorities }) =>
      (await libpq()).connectionUri(connection, password, authorities),
  },
  {
    label: 'JDBC URL',
    description: 'jdbc:postgresql://… for DBeaver, DataGrip and Java',
    text: async ({ connection, password, authorities }) =>
      (await libpq()).jdbcUrl(connection, password, authorities),
  },
  {
    label: 'Each on a line',
    description: 'host, port, database, user, password, to fill in a form',
    text: async ({ connection, password, authorities }) =>
      (await libpq()).connectionForm(connection, password, authorities),
  },
];

/** For tools that are no terminal: a credential of its own, put on the clipboard after the person was asked. */
export async function copyConnectionDetails(
  services: Services,
  terminals: Terminals,
  argument: unknown,
): Promise<void> {
  const grant = await chooseGrant(
    services,
    argument,
    // One with all its terminals open among them: the broker says how many it allows.
    ({ ready, running }) => [...running.map(({ grant }) => grant), ...ready],
    {
      placeholder: 'Connection details of which access?',
      none: 'You have no access whose connection details could be copied.',
      help: 'request',
    },
  );
  if (!grant) return;
  const form = await askOnce(`copy ${grant.id}`, () => askForm(grant));
  if (!form) return;
  if (!stillOpen(services, grant)) {
    void vscode.window.showInformationMessage('Your access is over already. Nothing was copied.');
    return;
  }
  await told(services, async () => {
    const copied = await withProgress('Getting connection details…', (signal) =>
      terminals.copy(grant, signal),
    );
    await vscode.env.clipboard.writeText(await form.text(copied));
    const { expiresAt } = services.store.world.grants.get(grant.id) ?? grant;
    const until =
      expiresAt === undefined
        ? 'until your access ends'
        : `until ${timeOfDay(services.clock.toLocal(Date.parse(expiresAt)))}`;
    void vscode.window.showInformationMessage(`Copied. It works ${until}.`);
  });
}

/** In which form, and whether it may go on the clipboard at all. */
async function askForm(grant: Grant): Promise<Form | undefined> {
  const form = await vscode.window.showQuickPick([...forms], { placeHolder: 'In which form?' });
  if (!form) return undefined;
  const copy = 'Copy with password';
  const begins = grant.expiresAt === undefined ? ` Its ${spokenDuration(grant.duration)} begin now.` : '';
  const chosen = await vscode.window.showWarningMessage(
    'Put a production password on the clipboard?',
    {
      modal: true,
      detail: `Every program on this machine can read the clipboard. The password is made for this alone, counts as one terminal, and works until your access ends.${begins}`,
    },
    copy,
  );
  return chosen === copy ? form : undefined;
}
