import * as vscode from 'vscode';
import type { ProblemKind } from '../../contract/problems.ts';
import { Cancelled, ProblemError, SignedOut, Unreachable } from '../client/call.ts';
import type { Services } from '../services.ts';
import type { World } from '../state/world.ts';
import { helps } from './help.ts';

/** What a look at the requests can explain. */
const aboutRequests: readonly ProblemKind[] = ['too-late', 'changed-meanwhile', 'not-allowed', 'not-found'];

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
  const canMend = retry && (!(error instanceof ProblemError) || error.kind === 'not-ready');
  const say =
    error instanceof ProblemError || error instanceof Unreachable
      ? vscode.window.showWarningMessage
      : vscode.window.showErrorMessage;
  const help =
    helps[error instanceof ProblemError && aboutRequests.includes(error.kind) ? 'requests' : 'session'];
  const chosen = await say(message, canMend ? again : help.label);
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
    await work();
  } catch (error) {
    await tell(services, error, async () => {
      if (who === undefined || who === personIn(services.store.world)) await told(services, work);
    });
  }
}

function personIn({ account }: World): string | undefined {
  return account.is === 'signed in' ? account.me.person.id : undefined;
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
