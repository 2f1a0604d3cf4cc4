import * as vscode from 'vscode';
import { newKey, ProblemError } from '../client/call.ts';
import type { Services } from '../services.ts';
import type { AccessRequest } from '../state/world.ts';
import { reviewInWords } from '../views/review.ts';
import { inert, task } from '../views/words.ts';
import { askOnce } from './askOnce.ts';
import { chooseRequest } from './choose.ts';
import { told } from './failure.ts';
import { ask } from './quickInput.ts';
import { checkText, limits } from './request/checks.ts';

/**
 * Shows a request with all that matters and takes a word on it. The decision carries the digest of what was shown, so
 * that it holds for that and nothing else.
 */
export async function decide(services: Services, argument: unknown): Promise<void> {
  const request = await chooseRequest(services, argument, ({ waitingForMe }) => waitingForMe, {
    placeholder: 'Review which request?',
    none: 'No request waits for you.',
    help: 'requests',
  });
  if (!request || saidSettled(services, request)) return;
  const word = await askOnce(`decide ${request.id}`, () => askWord(request));
  // Somebody else may have been quicker while the question was open.
  const now = services.store.world.requests.get(request.id);
  if (!word || !now || saidSettled(services, now)) return;
  const { comment } = word;
  const key = newKey();
  await told(services, async () => {
    try {
      const { state } = await services.api.call('decide', {
        params: { id: request.id },
        key,
        body:
          comment === undefined
            ? { verdict: 'approve', digest: request.digest }
            : { verdict: 'deny', digest: request.digest, comment },
      });
      void vscode.window.showInformationMessage(
        inert(
          state === 'denied'
            ? `Denied. ${request.requester.name} reads your words.`
            : `Approved. ${request.requester.name} has been told.`,
        ),
      );
    } catch (error) {
      if (error instanceof ProblemError && (error.kind === 'too-late' || error.kind === 'changed-meanwhile'))
        await services.sync.reload({ request: request.id });
      throw error;
    }
  });
}

/** A word on a request: a denial has a comment. */
async function askWord(request: AccessRequest): Promise<{ readonly comment?: string } | undefined> {
  const [approve, deny] = ['Approve', 'Deny…'] as const;
  const verdict = await vscode.window.showInformationMessage(
    `${request.requester.name} asks to ${task(request.template)}`,
    { modal: true, detail: reviewInWords(request) },
    approve,
    deny,
  );
  if (verdict === approve) return {};
  const comment = verdict === deny ? await commentFor(request) : undefined;
  return comment === undefined ? undefined : { comment };
}

async function commentFor({ requester, template }: AccessRequest): Promise<string | undefined> {
  const answer = await ask({
    title: `Deny: ${template.title}`,
    step: 1,
    totalSteps: 1,
    canGoBack: false,
    prompt: inert(`What should ${requester.name} know? They will read this.`),
    placeholder: 'For example: use the replica instead',
    value: '',
    check: (text) => checkText(text, limits.comment),
  });
  return answer.is === 'value' ? answer.value.trim() : undefined;
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
