import { spokenDuration } from '../../contract/durations.ts';
import { commandIds, viewIds, type About, type CommandId } from '../commands/names.ts';
import type { AccessRequest, Grant, World } from '../state/world.ts';
import { levelOf, spokenTime } from './countdown.ts';
import { ending, howItEnded, notYetConfirmed, proofOf, type Proof, type ToLocal } from './endings.ts';
import { breakable, broken, signedOff, toSignOff } from './glass.ts';
import { endOf, standingOf, unconfirmedOf, type Running } from './standing.ts';
import { isTaken, saidInWords, unanswered } from './talk.ts';
import { either, inert, lowerFirst, quoted, task, timeOfDay, why } from './words.ts';

/** Something that a person is told once, in one window. */
export interface Notice {
  /** The same in every window, and for good. */
  readonly id: string;
  readonly text: string;
  readonly kind: 'info' | 'warning';
  /** `focused`: only where the person is; `anywhere`: also where no window has the focus. */
  readonly where: 'focused' | 'anywhere';
  readonly action?: {
    readonly label: string;
    readonly command: CommandId | `${string}.focus`;
    readonly about: About;
  };
}

const answeredMs = 12 * 3600_000;
const endedMs = 15 * 60_000;

/**
 * All that is worth telling as things stand; who tells it remembers what was told.
 * @param now the broker's time, ms
 * @param awaits whether a terminal waits for a request and says by itself what became of it
 */
export function noticesOf(
  world: World,
  now: number,
  toLocal: ToLocal,
  awaits: (requestId: string) => boolean,
): Notice[] {
  if (world.account.is !== 'signed in') return [];
  const me = world.account.me.person.id;
  const standing = standingOf(world, now);
  const notices = [
    // Where somebody looks already, others can go back to sleep.
    ...standing.waitingForMe.filter((request) => !isTaken(request, me, now)).map(asked),
    ...[...standing.waitingForMe, ...standing.pending, ...standing.readable.requests].flatMap(
      (request) => question(request, me) ?? [],
    ),
    ...standing.pending.flatMap((request) => removed(request) ?? []),
    ...[...world.requests.values()]
      .filter((request) => request.requester.id === me && !awaits(request.id))
      .flatMap((request) => answered(request, now) ?? []),
    ...standing.ready
      .filter((grant) => grant.approvedBy.length > 0 && !awaits(grant.requestId))
      .map(approved),
    ...standing.pending.flatMap((request) => breakable(request, now) ?? []),
    ...[...world.grants.values()].flatMap((grant) => broken(grant, me, now) ?? []),
    ...standing.toSignOff.map(toSignOff),
    ...[...world.grants.values()].flatMap((grant) => signedOff(grant, me, now) ?? []),
    ...standing.running.flatMap((running) => nearEnd(running, toLocal) ?? []),
    ...[...world.grants.values()]
      .filter((grant) => grant.holder.id === me)
      .flatMap((grant) => over(grant, now, toLocal)),
    ...[...world.grants.values()]
      .filter((grant) => grant.state === 'revoked' && grant.endedBy?.id === me)
      .flatMap((grant) => revoked(grant, now, toLocal) ?? []),
  ];
  return notices.map((notice) => ({ ...notice, text: inert(notice.text) }));
}

function asked(request: AccessRequest): Notice {
  const { requester, template, duration, templateNow } = request;
  return {
    // What is there to look at anew is told anew.
    id: templateNow ? `asked ${request.id} ${request.digest}` : `asked ${request.id}`,
    text: [
      `${requester.name} asks to ${task(template)}, ${spokenDuration(duration)}: ${why(request)}`,
      ...(templateNow
        ? [`. The template ${templateNow.is === 'gone' ? 'was removed' : 'changed'} since.`]
        : []),
    ].join(''),
    kind: 'info',
    where: 'anywhere',
    action: { label: 'Review', command: commandIds.decide, about: { requestId: request.id } },
  };
}

/** A question to whoever asked, or their answer to whoever takes part in the exchange. */
function question(request: AccessRequest, me: string): Notice | undefined {
  const said = unanswered(request, me);
  if (!said) return undefined;
  const mine = request.requester.id === me;
  return {
    id: `said ${said.id}`,
    text: `${saidInWords(said, request)} (${task(request.template)})`,
    kind: 'info',
    where: 'anywhere',
    action: {
      label: mine ? 'Answer' : 'Review',
      command: mine ? commandIds.answer : commandIds.decide,
      about: { requestId: request.id },
    },
  };
}

/** To whoever asked: what they wait for cannot come. */
function removed({ id, template, templateNow }: AccessRequest): Notice | undefined {
  if (templateNow?.is !== 'gone') return undefined;
  return {
    id: `removed ${id}`,
    text: `The template of your request was removed, so it cannot be approved any more: ${task(template)}.`,
    kind: 'warning',
    where: 'anywhere',
    action: { label: 'Withdraw', command: commandIds.withdraw, about: { requestId: id } },
  };
}

function answered(request: AccessRequest, now: number): Notice | undefined {
  const again = { label: 'Request something else', command: commandIds.requestAccess, about: {} };
  const base = { id: `answered ${request.id}`, kind: 'info', where: 'anywhere', action: again } as const;
  const denial = request.decisions.find((decision) => decision.verdict === 'deny');
  if (request.state === 'denied' && denial && now - Date.parse(denial.at) < answeredMs) {
    const comment = denial.comment === undefined ? '' : ` ${quoted(denial.comment)}.`;
    return {
      ...base,
      text: `${denial.by.name} denied: ${task(request.template)}.${comment} Nothing was opened.`,
    };
  }
  if (request.state === 'expired' && now - Date.parse(request.answerBy) < answeredMs)
    return {
      ...base,
      text: `Nobody answered in time: ${task(request.template)}. Nothing was opened; you can ask again.`,
      action: {
        ...again,
        label: 'Ask again',
        about: { templateId: request.template.id },
      },
    };
  return undefined;
}

const starts = 'The time starts when you open the terminal.';

function approved(grant: Grant): Notice {
  const by = either(
    grant.approvedBy.map((person) => person.name),
    'and',
  );
  return {
    id: `approved ${grant.id}`,
    text:
      grant.asked === undefined
        ? `${by} approved: ${task(grant.template)}, ${spokenDuration(grant.duration)}. ${starts}`
        : `${by} approved ${spokenDuration(grant.duration)} instead of ${spokenDuration(grant.asked)}: ${task(grant.template)}. ${starts}`,
    kind: 'info',
    where: 'anywhere',
    action: { label: 'Open terminal', command: commandIds.openTerminal, about: { grantId: grant.id } },
  };
}

function nearEnd(
  { grant, remainingMs, totalMs, expiresAtMs }: Running,
  toLocal: ToLocal,
): Notice | undefined {
  const level = levelOf(remainingMs, totalMs);
  if (level !== 'soon' && level !== 'last') return undefined;
  return {
    id: `${level} ${grant.id}`,
    text: `${spokenTime(remainingMs)} left to ${task(grant.template)}, until ${timeOfDay(toLocal(expiresAtMs))}.`,
    kind: 'warning',
    where: 'focused',
    action: { label: 'Show', command: commandIds.showSession, about: { grantId: grant.id } },
  };
}

function over(grant: Grant, now: number, toLocal: ToLocal): Notice[] {
  const show = { label: 'Show', command: commandIds.showSession, about: { grantId: grant.id } };
  const proof = proofOf(grant.leases);
  const told = proof ? `${howItEnded(grant, toLocal)} ${proof.text}` : ending(grant, toLocal);
  const { title, target } = grant.template;
  const text = `${title} on ${target.title}: ${lowerFirst(told)}`;
  if (grant.state === 'approved' || (grant.state === 'active' && now < endOf(grant))) return [];
  if (unconfirmedOf(grant))
    return [{ id: `late ${grant.id}`, text, kind: 'warning', where: 'anywhere', action: show }];
  // Given back or lapsed before a terminal was opened: nothing happened that needs telling, unless somebody else did it.
  if (grant.leases.length === 0 && grant.state !== 'revoked') return [];
  if (!grant.settled || now - endOf(grant) > endedMs) return [];
  return [{ id: `over ${grant.id}`, text, kind: kindOf(proof), where: 'anywhere', action: show }];
}

/** For whoever revoked it: what became of it at the target. */
function revoked(grant: Grant, now: number, toLocal: ToLocal): Notice | undefined {
  const { holder, template } = grant;
  const what = `Revoked: ${holder.name}, ${task(template)}.`;
  const action = { label: 'Show requests', command: `${viewIds.requests}.focus`, about: {} } as const;
  const base = { where: 'anywhere', action } as const;
  if (unconfirmedOf(grant))
    return {
      ...base,
      id: `revoked late ${grant.id}`,
      text: `${what} ${notYetConfirmed(grant, toLocal)}`,
      kind: 'warning',
    };
  if (!grant.settled || now - lastWordOn(grant) > endedMs) return undefined;
  const proof = proofOf(grant.leases);
  const text = `${what} ${proof?.text ?? 'It had not been opened.'}`;
  return { ...base, id: `revoked ${grant.id}`, text, kind: kindOf(proof) };
}

/** What could not be proven somewhere is no mere information. */
function kindOf(proof: Proof | undefined): Notice['kind'] {
  return proof?.sure === false ? 'warning' : 'info';
}

/** When the last of a grant's logins was found closed, which may be long after it was revoked; ms. */
function lastWordOn(grant: Grant): number {
  const closed = grant.leases.flatMap(({ receipt }) => (receipt ? [Date.parse(receipt.closedAt)] : []));
  return Math.max(endOf(grant), ...closed);
}
