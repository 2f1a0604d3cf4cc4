import * as vscode from 'vscode';
import { needWords } from '../../contract/needs.ts';
import { newKey, ProblemError } from '../client/call.ts';
import type { Services } from '../services.ts';
import type { AccessRequest } from '../state/world.ts';
import type { ReviewPanels } from '../views/reviewPanels.ts';
import type { Act } from '../views/reviewModel.ts';
import { unanswered } from '../views/talk.ts';
import { inert } from '../views/words.ts';
import { chooseRequest } from './choose.ts';
import { doneOrTold } from './failure.ts';
import { commandIds } from './names.ts';
import { takenBack } from './request/sender.ts';

/** Opens a request with all that matters, where a word on it is given. */
export async function decide(services: Services, reviews: ReviewPanels, argument: unknown): Promise<void> {
  const request = await chooseRequest(services, argument, ({ waitingForMe }) => waitingForMe, {
    placeholder: 'Review which request?',
    none: 'No request waits for you.',
    help: 'requests',
  });
  if (request && !saidSettled(services, request)) reviews.show(request, 'decide');
}

/** Opens one's own request where others are answered. */
export async function answer(services: Services, reviews: ReviewPanels, argument: unknown): Promise<void> {
  const { account } = services.store.world;
  const me = account.is === 'signed in' ? account.me.person.id : '';
  const request = await chooseRequest(
    services,
    argument,
    ({ pending, waitingForMe }) => {
      const asked = [...pending, ...waitingForMe].filter((one) => unanswered(one, me));
      return asked.length > 0 ? asked : pending;
    },
    { placeholder: 'Answer about which request?', none: 'You have no request that waits.', help: 'requests' },
  );
  if (request && !saidSettled(services, request)) reviews.show(request, 'write');
}

/**
 * Does what was pressed in a review. A decision carries the digest of what was shown when it was, so that it holds for
 * that and nothing else.
 */
export async function actOn(
  services: Services,
  request: AccessRequest,
  act: Act,
): Promise<'done' | 'not done' | 'over'> {
  const { api, sync } = services;
  const params = { id: request.id };
  const key = newKey();
  const work = async (): Promise<void> => {
    switch (act.do) {
      case 'approve':
      case 'deny': {
        const body =
          act.do === 'deny'
            ? { verdict: act.do, digest: act.digest, comment: act.comment }
            : {
                verdict: act.do,
                digest: act.digest,
                ...(act.duration === undefined ? {} : { duration: act.duration }),
              };
        const after = await api.call('decide', { params, key, body });
        void vscode.window.showInformationMessage(inert(decided(after)));
        return;
      }
      case 'write':
        await api.call('writeMessage', { params, key, body: { text: act.text } });
        return;
      case 'claim':
        await api.call('claimRequest', { params, body: act.from === undefined ? {} : { from: act.from } });
        return;
      case 'release':
        await api.call('releaseRequest', { params });
        return;
      case 'withdraw':
        await api.call('withdrawRequest', { params });
        void vscode.window.showInformationMessage(takenBack);
        return;
      case 'document':
        await vscode.commands.executeCommand(commandIds.openDocumentation, { requestId: request.id });
        return;
    }
  };
  const done = await doneOrTold(services, async () => {
    try {
      await work();
    } catch (error) {
      if (error instanceof ProblemError && reread.has(error.kind)) await sync.reload({ request: request.id });
      throw error;
    }
  });
  if (!done) return 'not done';
  return act.do === 'approve' || act.do === 'deny' || act.do === 'withdraw' ? 'over' : 'done';
}

/** What these say is seen by looking again. */
const reread: ReadonlySet<string> = new Set(['too-late', 'changed-meanwhile', 'template-gone']);

function decided({ state, requester, stillNeeded }: AccessRequest): string {
  if (state === 'denied') return `Denied. ${requester.name} reads your words.`;
  return state === 'pending' && stillNeeded.length > 0
    ? `Approved. It still needs ${needWords(stillNeeded)}.`
    : `Approved. ${requester.name} has been told.`;
}

/** Says what came of a request that waits no more. */
function saidSettled({ store }: Services, request: AccessRequest): boolean {
  if (request.state === 'pending') return false;
  const { account } = store.world;
  const me = account.is === 'signed in' ? account.me.person.id : undefined;
  void vscode.window.showInformationMessage(inert(settled(request, me)));
  return true;
}

function settled({ state, decisions }: AccessRequest, me: string | undefined): string {
  const last = decisions.at(-1)?.by;
  const by = last?.id === me ? 'You' : (last?.name ?? 'Somebody else');
  switch (state) {
    case 'approved':
      return `${by} approved it already.`;
    case 'denied':
      return `${by} denied it already.`;
    case 'withdrawn':
      return 'It was withdrawn meanwhile.';
    case 'expired':
    case 'refused':
    case 'pending':
      return 'It is no longer open.';
  }
}
