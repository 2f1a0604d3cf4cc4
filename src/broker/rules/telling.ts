/**
 * When which step of a template's `notify` is taken. Pure; times are the database's. One step at a time: the next one is
 * up when this one was told or could not be, so that whatever was late, nobody is woken together with somebody else.
 */

/** A step that tells somebody. */
export interface PlannedStep {
  /** Its place among the template's steps. */
  readonly step: number;
  readonly afterSeconds: number;
  readonly channel: string;
  /** The schedule that says whom; absent: whomever the channel reaches. */
  readonly onCall?: string;
}

/** Whom a step tells; or why nobody: none is known to be on call, or only those who cannot approve it. */
export type Whom =
  { readonly is: 'somebody'; readonly person: string } | { readonly is: 'nobody' | 'nobody else' };

/** What sets people on call apart, by subject. */
export interface Apart {
  /** They asked for it, have given their word on it, or would add nothing. */
  readonly cannotApprove: readonly string[];
  readonly told: readonly string[];
  /** The channel has no address of theirs. */
  readonly unreached: readonly string[];
}

/**
 * Whom of those on call a step tells: one person, whoever was not told before somebody who was. So of two who are on
 * call together one step tells the first and the next step the other, and where there is one, two channels reach them.
 */
export function whomToTell(onCall: readonly string[], { cannotApprove, told, unreached }: Apart): Whom {
  const able = onCall.filter((person) => !cannotApprove.includes(person));
  const reached = able.filter((person) => !unreached.includes(person));
  const person = reached.find((one) => !told.includes(one)) ?? reached[0] ?? able[0];
  if (person !== undefined) return { is: 'somebody', person };
  return { is: onCall.length > 0 ? 'nobody else' : 'nobody' };
}

export interface StepDone {
  readonly afterSeconds: number;
  /** `not reached`: its channel gives no answer, or will never. */
  readonly is: 'told' | 'not reached';
  readonly at: Date;
}

/** When the next step is up: the template's time between the two after this one was told, at once where it was not. */
export function nextUp(done: StepDone, next: { readonly afterSeconds: number }): Date {
  const gapMs = Math.max(next.afterSeconds - done.afterSeconds, 0) * 1000;
  return new Date(done.at.getTime() + (done.is === 'told' ? gapMs : 0));
}

/** What stands between a step that is up and the person whom it tells. */
export interface Waiting {
  readonly state: 'pending' | 'settled';
  /** Somebody looks at it until then, unless they say otherwise. */
  readonly claimedUntil?: Date | undefined;
}

export type Look =
  { readonly is: 'tell' } | { readonly is: 'wait'; readonly until: Date } | { readonly is: 'stop' };

/** What to do about a step that is up, just before it is told. */
export function lookAt({ state, claimedUntil }: Waiting, now: Date): Look {
  if (state === 'settled') return { is: 'stop' };
  return claimedUntil && now < claimedUntil ? { is: 'wait', until: claimedUntil } : { is: 'tell' };
}

/** How an attempt failed: for good, or for now; `afterSeconds` where the other side said how long. */
export type Failure =
  { readonly again: false } | { readonly again: true; readonly afterSeconds?: number | undefined };

export type AfterFailure =
  | { readonly is: 'given up' }
  /** `silent`: nobody is left to wait for it, the next step is up. */
  | { readonly is: 'again'; readonly at: Date; readonly silent: boolean };

/** Seconds from an attempt that failed to the next one. */
const pauses = [2, 5, 15, 60, 300, 900, 1_800, 3_600] as const;
export const mostAttempts = pauses.length + 1;
const silentAfterAttempts = 2;
const longestPatienceS = 10;

/**
 * @param attempts those made, this one included
 * @param spread from 0 to 1, another one each time, so that what failed together does not come back together
 */
export function afterFailure(failure: Failure, attempts: number, now: Date, spread: number): AfterFailure {
  const pause = pauses[attempts - 1];
  if (!failure.again || pause === undefined) return { is: 'given up' };
  const waitS = Math.min(Math.max(pause, failure.afterSeconds ?? 0), 12 * 3600) * (1 + spread / 10);
  return {
    is: 'again',
    at: new Date(now.getTime() + waitS * 1000),
    silent: attempts >= silentAfterAttempts || waitS > longestPatienceS * 1.1,
  };
}

/** A step of one request as it is recorded. */
export type StepStand = { readonly afterSeconds: number } & (
  { readonly is: 'told' | 'not reached' | 'up'; readonly at: Date } | { readonly is: 'planned' | 'stopped' }
);

/**
 * Each step with its time: when it was told or found not to be reached, when it is up if nothing changes. A stopped one
 * has none. A claim holds up what comes.
 */
export function foreseen(
  steps: readonly StepStand[],
  claimedUntil?: Date,
): { readonly is: 'told' | 'not reached' | 'next' | 'not needed'; readonly at?: Date }[] {
  let before: StepDone | undefined;
  const held = (at: Date) => (claimedUntil && at < claimedUntil ? claimedUntil : at);
  return steps.map((step) => {
    const { afterSeconds } = step;
    if (step.is === 'stopped') return { is: 'not needed' };
    if (step.is === 'told' || step.is === 'not reached') {
      before = { afterSeconds, is: step.is, at: step.at };
      return { is: step.is, at: step.at };
    }
    const up = step.is === 'up' ? step.at : before && nextUp(before, step);
    if (!up) return { is: 'not needed' };
    const at = held(up);
    before = { afterSeconds, is: 'told', at };
    return { is: 'next', at };
  });
}
