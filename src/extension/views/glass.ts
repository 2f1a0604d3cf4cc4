import { needWords } from '../../contract/needs.ts';
import { commandIds, viewIds } from '../commands/names.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import type { Notice } from './notices.ts';
import { either, quoted, task } from './words.ts';

/** What is told of access that nobody approved. */

/** How long after it happened. */
const toldMs = 12 * 3600_000;

/** Nobody has answered for as long as the template says, so that whoever asked may go on without. */
export function canBreak({ breakableFrom }: AccessRequest, now: number): boolean {
  return breakableFrom !== undefined && now >= Date.parse(breakableFrom);
}

/** Not where it could be broken from the beginning: whoever just asked was told so. */
export function breakable(request: AccessRequest, now: number): Notice | undefined {
  const { id, template, breakableFrom = '', createdAt } = request;
  if (!canBreak(request, now) || Date.parse(breakableFrom) - Date.parse(createdAt) < 1000) return undefined;
  return {
    id: `breakable ${id}`,
    text: `${howFar(request)}: ${task(template)}. In an emergency you can break the glass.`,
    kind: 'warning',
    where: 'anywhere',
    action: { label: 'Break the glass…', command: commandIds.breakGlass, about: { requestId: id } },
  };
}

/** What came of a request that still waits. */
function howFar({ claim, decisions, stillNeeded, messages, requester }: AccessRequest): string {
  if (claim) return `${claim.by.name} is looking at it and has not decided yet`;
  if (decisions.length > 0) {
    const names = either(
      decisions.map(({ by }) => by.name),
      'and',
    );
    return `${names} approved it, and it still takes ${needWords(stillNeeded)}`;
  }
  return messages.some(({ by }) => by.id !== requester.id)
    ? 'Nobody has decided yet'
    : 'Nobody has answered yet';
}

/** To everybody else whom it concerns, while it can still be acted on. */
export function broken(
  { id, holder, brokenGlass, template, may }: Grant,
  me: string,
  now: number,
): Notice | undefined {
  // Whoever is to sign it off is told of both at once.
  if (!brokenGlass || may.review || holder.id === me || now - Date.parse(brokenGlass.at) > toldMs)
    return undefined;
  return {
    id: `broken ${id}`,
    text: `${holder.name} broke the glass to ${task(template)}: ${quoted(brokenGlass.reason)}. Nobody approved it.`,
    kind: 'warning',
    where: 'anywhere',
    action: may.revoke
      ? { label: 'Revoke…', command: commandIds.revoke, about: { grantId: id } }
      : { label: 'Show requests', command: `${viewIds.requests}.focus`, about: {} },
  };
}

export function toSignOff({ id, holder, template }: Grant): Notice {
  return {
    id: `sign off ${id}`,
    text: `${holder.name} broke the glass to ${task(template)}, and it is over. Look at it and sign it off.`,
    kind: 'info',
    where: 'anywhere',
    action: { label: 'Sign off…', command: commandIds.signOff, about: { grantId: id } },
  };
}

export function signedOff(
  { id, holder, template, brokenGlass }: Grant,
  me: string,
  now: number,
): Notice | undefined {
  const review = brokenGlass?.review;
  if (!review || holder.id !== me || now - Date.parse(review.at) > toldMs) return undefined;
  return {
    id: `signed off ${id}`,
    text: `${review.by.name} signed off: ${task(template)}. ${quoted(review.comment)}`,
    kind: 'info',
    where: 'anywhere',
  };
}
