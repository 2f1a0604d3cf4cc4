/** Who is on call, as far as a schedule can be trusted for approving something without anybody's look. Pure. */

/** Somebody answers for production from a moment on, until before another one. */
export interface Shift {
  /** The subject, as tokens say who somebody is. */
  readonly person: string;
  readonly from: Date;
  readonly until: Date;
}

export interface KnownShift extends Shift {
  /** When a broker first saw it in the schedule, where it has stood since. */
  readonly firstSeen: Date;
}

/** What is known of a schedule. */
export interface KnownSchedule {
  readonly shifts: readonly KnownShift[];
  /** From then on it is too old to be believed; null: never. */
  readonly staleFrom: Date | null;
}

/** Whether somebody is on call, as far as is known. */
export type Standing = 'on call' | 'not on call' | 'stale' | 'added lately';

/** Whoever can write a schedule could approve their own request with it: others have so long to see what they wrote. */
export const settlesAfterHours = 24;

/**
 * What a schedule says of somebody at a moment. A shift counts once it has stood there for 24 hours; one that was added
 * lately takes nothing from an older one beside it. `undefined`: nothing is known of the schedule yet.
 */
export function standing(schedule: KnownSchedule | undefined, person: string, at: Date): Standing {
  if (!schedule || isStale(schedule, at)) return 'stale';
  const theirs = schedule.shifts.filter((shift) => shift.person === person && covers(shift, at));
  if (theirs.length === 0) return 'not on call';
  return theirs.some((shift) => hasSettled(shift, at)) ? 'on call' : 'added lately';
}

/** The subjects of everybody on call at a moment, each once, also by shifts that were added lately; nobody if it is stale. */
export function onCall(schedule: KnownSchedule | undefined, at: Date): string[] {
  if (!schedule || isStale(schedule, at)) return [];
  return [...new Set(schedule.shifts.filter((shift) => covers(shift, at)).map(({ person }) => person))];
}

function isStale({ staleFrom }: KnownSchedule, at: Date): boolean {
  return staleFrom !== null && at >= staleFrom;
}

function covers({ from, until }: Shift, at: Date): boolean {
  return from <= at && at < until;
}

function hasSettled({ firstSeen }: KnownShift, at: Date): boolean {
  return at.getTime() - firstSeen.getTime() >= settlesAfterHours * 3600_000;
}
