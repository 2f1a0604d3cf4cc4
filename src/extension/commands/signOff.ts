import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import { inert, task } from '../views/words.ts';
import { askOnce } from './askOnce.ts';
import { chooseGrant } from './choose.ts';
import { told } from './failure.ts';
import { ask } from './quickInput.ts';
import { checkText, limits } from './request/checks.ts';

/** Says what somebody who could have approved it thinks of what was done without them. */
export async function signOff(services: Services, argument: unknown): Promise<void> {
  const grant = await chooseGrant(services, argument, ({ toSignOff }) => toSignOff, {
    placeholder: 'Sign off which access?',
    none: 'Nothing waits for you to sign it off.',
    help: 'requests',
  });
  if (!grant) return;
  const answer = await askOnce(`sign off ${grant.id}`, () =>
    ask({
      title: inert(`Sign off: ${grant.holder.name} broke the glass to ${task(grant.template)}`),
      step: 1,
      totalSteps: 1,
      canGoBack: false,
      prompt: inert(
        `What did you look at, and was it right? ${grant.holder.name} and the auditors read this.`,
      ),
      placeholder: 'For example: the outage was real, two orders were changed',
      value: '',
      check: (text) => checkText(text, limits.comment),
    }),
  );
  if (answer?.is !== 'value') return;
  const comment = answer.value.trim();
  await told(services, async () => {
    await services.api.call('reviewGrant', { params: { id: grant.id }, body: { comment } });
    void vscode.window.showInformationMessage(inert(`Signed off. ${grant.holder.name} reads your words.`));
  });
}
