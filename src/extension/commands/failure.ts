import * as vscode from 'vscode';
import type { ProblemKind } from '../../contract/problems.ts';
import { signingInAgain } from '../account/sign-in-again.ts';
import { Cancelled, ProblemError, SignedOut, Unreachable } from '../client/call.ts';
import type { Services } from '../services.ts';
import type { World } from '../state/world.ts';
import { helps } from './help.ts';
import { patiently } from './patience.ts';
import { inert } from '../views/words.ts';

/** What a look at the requests can explain. */
const aboutRequests: readonly ProblemKind[] = [
  'too-late',
  'changed-meanwhile',
  'refused-by-policy',
  'not-allowed',
  'not-found',
];

/** What another try can mend. */
const mendable: readonly ProblemKind[] = ['not-ready', 'step-up-needed'];

/** Says once, in words, why something did not work; `retry` is offered where trying again can help. */
export async function tell(
  { account, log }: Pick<Services, 'account' | 'log'>,
  error: unknown,
  retry?: () => Promise<unknown>,
): Promise<void> {
  if (error instanceof Cancelled) return;
  if (error instanceof SignedOut) {
    if ((await account.ensureSignedIn()) && retry) await retry();
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  log.warn(message, error instanceof Error ? (error.cause ?? error) : error);
  const again = 'Try again';
  const canMend = retry && (!(error instanceof ProblemError) || mendable.includes(error.kind));
  const say =
    error instanceof ProblemError || error instanceof Unreachable
      ? vscode.window.showWarningMessage
      : vscode.window.showErrorMessage;
  const help =
    helps[error instanceof ProblemError && aboutRequests.includes(error.kind) ? 'requests' : 'session'];
  const chosen = await say(inert(message), canMend ? again : help.label);
  if (chosen === help.label) await vscode.commands.executeCommand(help.command);
  else if (retry && chosen === again) await retry();
}

/** Runs a command to its end; a failure is told and offered to be tried again, by the person who began it. */
export async function told(
  services: Pick<Services, 'account' | 'log' | 'store'>,
  work: () => Promise<unknown>,
): Promise<void> {
  const who = personIn(services.store.world);
  try {
    await signingInAgain(services.account, work);
  } catch (error) {
    await tell(services, error, async () => {
      if (who === undefined || who === personIn(services.store.world)) await told(services, work);
    });
  }
}

/** The same for what goes on showing something meanwhile: whether it is done, without waiting until the failure is read. */
export async function doneOrTold(
  services: Pick<Services, 'account' | 'log' | 'store'>,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const who = personIn(services.store.world);
  try {
    await signingInAgain(services.account, work);
    return true;
  } catch (error) {
    void tell(services, error, async () => {
      if (who === undefined || who === personIn(services.store.world)) await told(services, work);
    });
    return false;
  }
}

function personIn({ account }: World): string | undefined {
  return account.is === 'signed in' ? account.me.person.id : undefined;
}

/** From here on a person wonders whether anything happens. */
const noticedMs = 500;
const slowMs = 5000;

/**
 * The same for what is done in no time as a rule: nothing is shown until a person would notice that it takes time.
 * @param slow said instead once it takes so long that something must be the matter
 */
export function withLateProgress<T>(
  message: string,
  slow: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const working = work(stop.signal);
  let say = (_message: string): void => undefined;
  const show = (): void => {
    const options = { location: vscode.ProgressLocation.Notification, cancellable: true };
    void vscode.window.withProgress(options, async (progress, token) => {
      say = (words) => progress.report({ message: words });
      say(message);
      const listening = token.onCancellationRequested(() => stop.abort());
      // Whoever called hears how it went.
      await working.then(
        () => undefined,
        () => undefined,
      );
      listening.dispose();
    });
  };
  return patiently(working, [
    { afterMs: noticedMs, do: show },
    { afterMs: slowMs, do: () => say(slow) },
  ]);
}

/** Progress that can be cancelled, as a signal for `Api.call`. */
export function withProgress<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return Promise.resolve(
    vscode.window.withProgress(options, async (_progress, token) => {
      const stop = new AbortController();
      const listening = token.onCancellationRequested(() => stop.abort());
      try {
        return await work(stop.signal);
      } finally {
        listening.dispose();
      }
    }),
  );
}
