import * as vscode from 'vscode';
import { Cancelled, ProblemError } from '../../client/call.ts';
import type { Services } from '../../services.ts';
import type { AccessRequest } from '../../state/world.ts';
import { askedOf, task } from '../../views/words.ts';
import { bodyOf, type Complete, type Keys } from './body.ts';

/**
 * Asks for the access, with progress that can be cancelled.
 * @throws what `Api.call` throws; `Cancelled` after what may have been created was taken back
 */
export function send(services: Services, draft: Complete, keys: Keys): Promise<AccessRequest> {
  const body = bodyOf(draft);
  const asked = draft.template.approval.needed
    ? `Asking ${askedOf({ askedOf: [], template: draft.template })}…`
    : `Asking to ${task(draft.template)}…`;
  const options = { location: vscode.ProgressLocation.Notification, title: asked, cancellable: true };
  return Promise.resolve(
    vscode.window.withProgress(options, async (_progress, token) => {
      const stop = new AbortController();
      const listening = token.onCancellationRequested(() => stop.abort());
      const since = services.clock.now();
      try {
        return await services.api.call('createRequest', {
          body,
          key: keys.for(body),
          signal: stop.signal,
        });
      } catch (error) {
        if (error instanceof Cancelled) await takeBack(services, draft, since);
        throw error;
      } finally {
        listening.dispose();
      }
    }),
  );
}

/** Clocks and the road take their time; another request with the very same words within it is the one. */
const leewayMs = 10_000;

/** A cancelled call may have arrived: what it created is looked for and taken back. */
async function takeBack(services: Services, draft: Complete, since: number): Promise<void> {
  await services.sync.refresh();
  const { account, requests } = services.store.world;
  if (account.is !== 'signed in') return;
  const mine = [...requests.values()].find(
    (request) =>
      request.requester.id === account.me.person.id &&
      request.template.id === draft.template.id &&
      request.reason === draft.reason &&
      Date.parse(request.createdAt) > since - leewayMs,
  );
  if (!mine) return;
  try {
    if (mine.state === 'pending') await services.api.call('withdrawRequest', { params: { id: mine.id } });
    else if (mine.state === 'approved' && mine.grantId !== undefined)
      await services.api.call('endGrant', { params: { id: mine.grantId } });
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    services.log.info(`A cancelled request could not be taken back: ${error.message}`);
  }
}
