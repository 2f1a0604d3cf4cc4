import { secondsOf } from '../../contract/durations.ts';
import type { Lease } from '../../contract/leases.ts';
import type { AccessRequest, Grant, World } from '../state/world.ts';

/** A grant of the person here whose clock runs, with what is left of it on the broker's clock. */
export interface Running {
  readonly grant: Grant;
  readonly expiresAtMs: number;
  readonly remainingMs: number;
  readonly totalMs: number;
}

/** Where the person stands: theirs, and what waits for their word. Each list is in the order in which it is shown. */
export interface Standing {
  /** The one that ends first is first. */
  readonly running: readonly Running[];
  /** Approved, and nobody has opened a terminal yet. */
  readonly ready: readonly Grant[];
  readonly pending: readonly AccessRequest[];
  /** Over; the latest first. Also one whose time is up although the broker's word has not come yet. */
  readonly over: readonly Grant[];
  readonly waitingForMe: readonly AccessRequest[];
  /** Somebody else's, open, and the person here may revoke it. */
  readonly revocable: readonly Grant[];
  /** Given without approval and over: the person here may sign it off; the latest first. */
  readonly toSignOff: readonly Grant[];
  /** The same of the person here: somebody else has to. */
  readonly owed: readonly Grant[];
  /** Somebody else's that is over, and that its target has not confirmed; the latest first. */
  readonly unproven: readonly Grant[];
  /** Somebody else's that the person here may read and nothing more, as an auditor may. */
  readonly readable: { readonly requests: readonly AccessRequest[]; readonly grants: readonly Grant[] };
}

const nowhere: Standing = {
  running: [],
  ready: [],
  pending: [],
  over: [],
  waitingForMe: [],
  revocable: [],
  toSignOff: [],
  owed: [],
  unproven: [],
  readable: { requests: [], grants: [] },
};

/** How long what is over is still shown. */
export const shownAfterwardsMs = 30 * 60_000;

/** @param now the broker's time, ms */
export function standingOf(world: World, now: number): Standing {
  if (world.account.is !== 'signed in') return nowhere;
  const me = world.account.me.person.id;
  const grants = [...world.grants.values()];
  const requests = [...world.requests.values()].filter(
    (request) => request.state === 'pending' && now < Date.parse(request.answerBy),
  );
  const mine = grants.filter((grant) => grant.holder.id === me);
  const openOfOthers = grants
    .filter((grant) => grant.holder.id !== me && isOpen(grant, now))
    .sort(byInstant((grant) => grant.createdAt));
  return {
    running: mine
      .flatMap((grant) => runningOf(grant, now) ?? [])
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs),
    ready: mine
      .filter((grant) => grant.state === 'approved' && now < Date.parse(grant.activateBy))
      .sort(byInstant((grant) => grant.createdAt)),
    pending: requests
      .filter((request) => request.requester.id === me)
      .sort(byInstant((request) => request.createdAt)),
    over: mine.filter((grant) => isShownAsOver(grant, now)).sort((a, b) => endOf(b) - endOf(a)),
    waitingForMe: requests
      .filter((request) => request.may.approve)
      .sort(byInstant((request) => request.createdAt)),
    revocable: openOfOthers.filter((grant) => grant.may.revoke),
    toSignOff: grants.filter((grant) => grant.may.review).sort((a, b) => endOf(b) - endOf(a)),
    owed: mine.filter((grant) => isOwed(grant, now)).sort((a, b) => endOf(b) - endOf(a)),
    unproven: grants
      .filter((grant) => grant.holder.id !== me && !grant.settled && isShownAsOver(grant, now))
      .sort((a, b) => endOf(b) - endOf(a)),
    readable: {
      requests: requests
        .filter((request) => request.requester.id !== me && !request.may.approve)
        .sort(byInstant((request) => request.createdAt)),
      grants: openOfOthers.filter((grant) => !grant.may.revoke),
    },
  };
}

/** Until the first of the figures that count down shows another second, ms; `Infinity` while none does. */
export function nextFigureInMs({ running }: Standing): number {
  return Math.min(Infinity, ...running.map(({ remainingMs }) => remainingMs % 1000 || 1000));
}

function runningOf(grant: Grant, now: number): Running | undefined {
  if (grant.state !== 'active' || grant.expiresAt === undefined) return undefined;
  const expiresAtMs = Date.parse(grant.expiresAt);
  if (expiresAtMs <= now) return undefined;
  return {
    grant,
    expiresAtMs,
    remainingMs: expiresAtMs - now,
    totalMs: secondsOf(grant.duration) * 1000,
  };
}

function isOpen(grant: Grant, now: number): boolean {
  if (grant.state === 'approved') return now < Date.parse(grant.activateBy);
  return grant.state === 'active' && (grant.expiresAt === undefined || now < Date.parse(grant.expiresAt));
}

/** The glass was broken for it, it is over, and nobody has signed it off. */
export function isOwed(grant: Grant, now: number): boolean {
  return grant.brokenGlass !== undefined && !grant.brokenGlass.review && !isOpen(grant, now);
}

function isShownAsOver(grant: Grant, now: number): boolean {
  // One that lapsed or was given back before a terminal was opened has nothing to prove.
  if (grant.leases.length === 0 && grant.activatedAt === undefined) return false;
  if (isOpen(grant, now)) return false;
  return !grant.settled || now - endOf(grant) < shownAfterwardsMs;
}

/**
 * When a grant that is over came to its end, ms since the epoch on the broker's clock. What the clock ends, ends at its
 * time; the broker records it a moment later, or long after where it was down.
 */
export function endOf(grant: Grant): number {
  switch (grant.state) {
    case 'expired':
      return Date.parse(grant.expiresAt ?? grant.activateBy);
    case 'lapsed':
      return Date.parse(grant.activateBy);
    default:
      return Date.parse(grant.endedAt ?? grant.expiresAt ?? grant.activateBy);
  }
}

/**
 * Since when the target owes the proof that a grant's credentials are closed, and what stands in the way: of several
 * the first, and rather one whose login may still be open than one that only has calls left.
 */
export function unconfirmedOf(grant: Grant): Lease['unconfirmed'] {
  const late = grant.leases.flatMap(({ unconfirmed }) => unconfirmed ?? []);
  return late.find(({ obstacleSince }) => obstacleSince === undefined) ?? late[0];
}

function byInstant<T>(instant: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => Date.parse(instant(a)) - Date.parse(instant(b));
}
