import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { Grant } from '../state/world.ts';
import { inert, task } from '../views/words.ts';
import { askOnce } from './askOnce.ts';
import { chooseGrant, stillOpen } from './choose.ts';
import { told } from './failure.ts';
import { ask } from './quickInput.ts';
import { checkText, limits } from './request/checks.ts';

/** Ends somebody else's access, with a word why. */
export async function revoke(services: Services, argument: unknown): Promise<void> {
  const grant = await chooseGrant(services, argument, ({ revocable }) => revocable, {
    placeholder: 'Revoke which access?',
    none: 'There is no open access that you may revoke.',
    help: 'requests',
  });
  if (!grant) return;
  const answer = await askOnce(`revoke ${grant.id}`, () =>
    ask({
      title: `Revoke ${grant.holder.name}’s access to ${task(grant.template)}`,
      step: 1,
      totalSteps: 1,
      canGoBack: false,
      prompt: inert(`Why? ${grant.holder.name} will read this. ${whatStops(grant)}`),
      placeholder: 'For example: wrong customer, call me',
      value: '',
      check: (text) => checkText(text, limits.comment),
    }),
  );
  if (answer?.is !== 'value') return;
  if (!stillOpen(services, grant)) {
    void vscode.window.showInformationMessage(inert(`${grant.holder.name}’s access is over already.`));
    return;
  }
  const comment = answer.value.trim();
  await told(services, () =>
    services.api.call('revokeGrant', { params: { id: grant.id }, body: { comment } }),
  );
}

function whatStops({ state }: Grant): string {
  return state === 'approved'
    ? 'They can no longer open it.'
    : 'Their terminals stop and their login is closed at once.';
}
