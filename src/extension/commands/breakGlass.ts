import * as vscode from 'vscode';
import { secondsOf, spokenDuration } from '../../contract/durations.ts';
import { newKey } from '../client/call.ts';
import type { Services } from '../services.ts';
import type { AccessRequest } from '../state/world.ts';
import type { Terminals } from '../terminal/register.ts';
import { inert, task, timeOfDay } from '../views/words.ts';
import { askOnce } from './askOnce.ts';
import { chooseRequest } from './choose.ts';
import { told } from './failure.ts';
import { openOn } from './openTerminal.ts';
import { ask, pick } from './quickInput.ts';
import { checkText, limits } from './request/checks.ts';
import { grantOf } from './terminalProfile.ts';

/** Does not wait for approval: a reason, one more confirmation, a fresh sign-in, then the terminal. */
export async function breakGlass(services: Services, terminals: Terminals, argument: unknown): Promise<void> {
  const request = await chooseRequest(
    services,
    argument,
    ({ pending }) => pending.filter(({ breakableFrom }) => breakableFrom !== undefined),
    {
      placeholder: 'Break the glass for which request?',
      none: 'You have no request for which the glass can be broken. It begins as a request does.',
      help: 'request',
    },
  );
  if (!request || !isTime(services, request)) return;
  const reason = await askOnce(`glass ${request.id}`, () => reasonFor(request));
  if (reason === undefined) return;
  const key = newKey();
  // Where a terminal waits for it, that one opens by itself.
  const awaited = terminals.awaits(request.id);
  await told(services, async () => {
    const broken = await services.api.call('breakGlass', {
      params: { id: request.id },
      key,
      body: { digest: request.digest, reason },
    });
    const grant = awaited ? undefined : await grantOf(services, { request: broken });
    if (grant) await openOn(services, terminals, grant);
  });
}

function isTime({ clock }: Services, { breakableFrom }: AccessRequest): boolean {
  const from = breakableFrom === undefined ? Infinity : Date.parse(breakableFrom);
  if (clock.now() >= from) return true;
  void vscode.window.showInformationMessage(
    from === Infinity
      ? 'The glass cannot be broken for this request. Call somebody who approves it.'
      : `Somebody may still answer: the glass can be broken at ${timeOfDay(clock.toLocal(from))}. Call them meanwhile.`,
  );
  return false;
}

/** Two steps, back and forth; undefined where the person turned away. */
async function reasonFor(request: AccessRequest): Promise<string | undefined> {
  const title = inert(`Break the glass: ${task(request.template)}`);
  for (let reason = ''; ;) {
    const typed = await ask({
      title,
      step: 1,
      totalSteps: 2,
      canGoBack: false,
      prompt:
        'Why can this not wait? Whoever approves and revokes reads it now, and whoever reviews it later.',
      placeholder: 'For example: checkout is down and nobody answers the phone',
      value: reason,
      check: (text) => checkText(text, limits.reason),
    });
    if (typed.is !== 'value') return undefined;
    reason = typed.value.trim();
    const sure = await pick<boolean>({
      title,
      step: 2,
      totalSteps: 2,
      canGoBack: true,
      placeholder: 'Everybody concerned is told at once. Break the glass?',
      choices: [
        { label: 'Go on waiting', value: false },
        {
          label: 'Break the glass',
          description: `${spokenDuration(longest(request))} at most, nobody has approved it`,
          detail: 'You sign in afresh. Somebody signs it off afterwards.',
          value: true,
        },
      ],
    });
    if (sure.is === 'value') return sure.value ? reason : undefined;
    if (sure.is === 'cancelled') return undefined;
  }
}

function longest({ duration, template }: AccessRequest): string {
  const most = template.breakGlass?.longest ?? duration;
  return secondsOf(most) < secondsOf(duration) ? most : duration;
}
