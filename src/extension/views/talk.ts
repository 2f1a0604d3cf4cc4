import type { AccessRequest } from '../state/world.ts';
import type { ToLocal } from './endings.ts';
import { quoted, timeOfDay } from './words.ts';

/** What is said on a request, and who looks at it: as facts and in words. */

type Message = AccessRequest['messages'][number];
type Claim = NonNullable<AccessRequest['claim']>;

/** Who looks at a request at this time; a claim ends by itself. */
export function lookingAt({ state, claim }: AccessRequest, now: number): Claim | undefined {
  return state === 'pending' && claim && now < Date.parse(claim.until) ? claim : undefined;
}

/** Whether somebody else looks at it, so that the person here need not. */
export function isTaken(request: AccessRequest, me: string, now: number): boolean {
  const claim = lookingAt(request, now);
  return claim !== undefined && claim.by.id !== me;
}

/** `Eva Lang is looking, since 02:15`, or `You are looking, since 02:15`. */
export function lookingInWords({ by, since }: Claim, me: string, toLocal: ToLocal): string {
  const who = by.id === me ? 'You are' : `${by.name} is`;
  return `${who} looking, since ${timeOfDay(toLocal(Date.parse(since)))}`;
}

/** What somebody waits for an answer to: the last word, if it is not one's own. Only who takes part is asked. */
export function unanswered(request: AccessRequest, me: string): Message | undefined {
  const last = request.messages.at(-1);
  if (!last || last.by.id === me || request.state !== 'pending' || !request.may.write) return undefined;
  if (request.requester.id === me) return last;
  // Another approver's question is not for this one.
  const takesPart = request.messages.some(({ by }) => by.id === me) || request.claim?.by.id === me;
  return last.by.id === request.requester.id && takesPart ? last : undefined;
}

/** `Ben Roth asks: “Which customer?”`: whoever asked for access answers, others ask. */
export function saidInWords({ by, text }: Message, { requester }: AccessRequest, me?: string): string {
  const does = by.id === requester.id ? 'answer' : 'ask';
  return `${by.id === me ? `You ${does}` : `${by.name} ${does}s`}: ${quoted(text)}`;
}
