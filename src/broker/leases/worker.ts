import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { DatabaseClock } from './database-clock.ts';
import type { LeaseStore } from './lease-store.ts';
import { lookAtLeastEveryMs } from '../store/notify.ts';
import { Issues } from './issues.ts';
import { Prover } from './prove.ts';
import { settle, type OwedLease, type Seen } from './settle.ts';
import { Sleep } from './sleep.ts';
import { Turns } from './turns.ts';
import { Unstored } from './unstored.ts';
import { IssueFailed, type Closed, type Target } from '../targets/target.ts';

const issueWithinMs = 30_000;
/** After an issue: whoever waits for the credential needs the machine first. */
const lookSoonMs = 1_000;
const retryLookMs = 1_000;
const firstRetryMs = 250;
const longestRetryMs = 5_000;
const recordWithinMs = 1_000;
/** How many are proven and cleaned together: a thousand at once would all wait for the last one's receipt. */
const closeTogether = 100;
/** While another broker proves an end. */
const lookElsewhereMs = 2_000;
/** How long stopping waits for ends under way; what they have not done, the next start does. */
const stopWithinMs = 5_000;

export interface Worker {
  /** Look now: something about this target's leases has changed. */
  wake(): void;
  /**
   * While `work` runs, the lease is cut if it must be but not closed: its login may appear at any moment. Its deadline
   * is kept from here on, whatever becomes of the store. Where it fails, its end is looked after at once.
   * @param work resolves once the issue stands in the store, with the evidence of it
   */
  whileIssuing<T extends Pick<OwedLease, 'evidence'>>(lease: OwedLease, work: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export interface WorkerParts {
  readonly target: Target;
  readonly store: LeaseStore;
  readonly log: Logger;
  /** Told how long after its due time a lease was cut, in ms. */
  readonly onCut?: (lateMs: number) => void;
}

/**
 * Ends the leases of one target. The lease table is the schedule: it sleeps until the earliest due time or until it is
 * woken, and cuts everything due together. A lease is never given up: whatever is not confirmed is tried again.
 */
export function startWorker({ target, store, log, onCut }: WorkerParts): Worker {
  let known: readonly OwedLease[] = [];
  const clock = new DatabaseClock();
  let soon: NodeJS.Timeout | undefined;
  let stopped = false;
  let lastObserved = -Infinity;
  let observing = false;
  const issues = new Issues();
  const inHand = new Set<string>();
  /** Of those in hand: not ended yet, and not tried again before its time. */
  const resting = new Set<string>();
  const attempts = new Map<string, number>();
  /** Ended since the last look began: what it read may not know that yet. */
  const overSinceLook = new Set<string>();
  /** Logins that no lease accounted for and whose removal is not recorded yet. */
  const removed: Closed[] = [];
  const running = new Set<Promise<void>>();

  const databaseNow = () => clock.now();
  const prover = new Prover({ target, store, log, databaseNow, issueWithinMs });
  const unstored = new Unstored(store, target.together);
  const looks = new Turns(look);
  const wake = () => looks.ask();
  const sleep = new Sleep({ now: () => databaseNow().getTime(), onTime, onJump: wake });

  function wakeSoon(): void {
    if (stopped) return;
    soon ??= setTimeout(() => {
      soon = undefined;
      wake();
    }, lookSoonMs);
  }

  async function look(): Promise<void> {
    try {
      const before = performance.now();
      overSinceLook.clear();
      const issued = issues.cameBackUnread();
      const { now, leases } = await store.owed(target.id);
      const open = new Set(leases.map(({ leaseId }) => leaseId));
      for (const id of attempts.keys()) if (!open.has(id)) attempts.delete(id);
      prover.keepOnly(open);
      clock.learn({ now, before, after: performance.now() });
      if (clock.vague) wakeSoon();
      // What is gone from the store although nobody here ended it may be gone from nowhere else.
      const expected = [...known.map(({ leaseId }) => leaseId), ...issued];
      if (expected.some((id) => !open.has(id))) lastObserved = -Infinity;
      for (const id of issued) issues.forget(id);
      known = leases.filter(({ leaseId }) => !overSinceLook.has(leaseId));
      sleepUntil(act([]));
      await noteRemovals();
      // Beside the turn: a target that hangs there holds up no end that is told of meanwhile.
      if (!observing) track(removeStrangers());
    } catch (error) {
      log.error(
        { err: error, target: target.id },
        'The leases of this target could not be read; trying again.',
      );
      sleepUntil(earlier(act([]), new Date(databaseNow().getTime() + retryLookMs)));
    }
  }

  /** At the deadline nothing is read first: due times never move later, so what is known is enough to cut. */
  function onTime(): void {
    // A look may hang for long: the deadlines that are known do not wait for it.
    sleepUntil(act([]));
    wake();
  }

  function sleepUntil(next: Date | null): void {
    sleep.until(Math.min(next?.getTime() ?? Infinity, databaseNow().getTime() + lookAtLeastEveryMs));
  }

  async function removeStrangers(): Promise<void> {
    observing = true;
    const unknown = await strangers();
    observing = false;
    if (unknown.length > 0) act(unknown);
    // It was asked for anew meanwhile.
    if (lastObserved === -Infinity) wakeSoon();
  }

  /** Looks at the target itself now and then: what is ours there and unknown here is removed. */
  async function strangers(): Promise<Seen[]> {
    if (performance.now() - lastObserved < lookAtLeastEveryMs) return [];
    lastObserved = performance.now();
    try {
      const seen = (await target.observe()).filter(
        (one) => !inHand.has(one.leaseId) && !issues.underWay.has(one.leaseId),
      );
      const open = await store.openRoles(seen.map((one) => one.role));
      return seen.filter((one) => !open.has(one.role));
    } catch (error) {
      log.warn({ err: error, target: target.id }, 'The target could not be looked at.');
      return [];
    }
  }

  function act(unknown: readonly Seen[]): Date | null {
    const owed = settle({
      leases: issues.beside(known),
      unknown,
      beingIssued: issues.underWay,
      issueWithinMs,
      now: databaseNow(),
    });
    const fresh = owed.cut.filter((lease) => !inHand.has(lease.leaseId));
    if (fresh.length > 0) {
      for (const lease of fresh) inHand.add(lease.leaseId);
      const ids = new Set(fresh.map((lease) => lease.leaseId));
      track(
        end(
          fresh,
          owed.begin.filter(({ lease }) => ids.has(lease.leaseId)),
        ),
      );
    }
    if (owed.remove.length > 0) track(remove(owed.remove));
    return owed.wakeAt;
  }

  function track(work: Promise<void>): void {
    running.add(work);
    void work.finally(() => running.delete(work));
  }

  /** Cut at once; record that they close; then prove it. Each lease stays in hand until that is settled. */
  async function end(
    leases: readonly OwedLease[],
    begin: readonly { readonly lease: OwedLease; readonly reason: 'expired' | 'issue not confirmed' }[],
  ): Promise<void> {
    const remember = (evidence: ReadonlyMap<string, unknown>) => {
      unstored.remember(evidence);
      return Promise.resolve(new Map<string, unknown>());
    };
    const cut = target.cut(unstored.latest(leases), remember).then((notCut) => {
      const missed = new Set(notCut.map(({ leaseId }) => leaseId));
      for (const { lease } of begin)
        if (!missed.has(lease.leaseId)) onCut?.(databaseNow().getTime() - lease.dueAt.getTime());
    });
    const record = async () => {
      await unstored.store();
      if (begin.length > 0)
        await store.begin(begin.map(({ lease, reason }) => ({ leaseId: lease.leaseId, reason })));
    };
    // A thousand records at once would take the machine from the cut; one that does not come back holds up none.
    const recorded = Promise.race([
      cut.catch(() => undefined),
      pause(recordWithinMs, undefined, { ref: false }),
    ]).then(record);
    // Once more: a cut that took its time has seen more since.
    const stored = Promise.allSettled([cut, recorded]).then(() => unstored.store());
    const [cutResult, recordResult, storeResult] = await Promise.allSettled([cut, recorded, stored]);
    if (cutResult.status === 'rejected')
      log.error({ err: cutResult.reason as unknown, target: target.id }, 'A cut failed; trying again.');
    const notRecorded = [recordResult, storeResult].find((one) => one.status === 'rejected');
    if (notRecorded)
      log.error(
        { err: notRecorded.reason as unknown, target: target.id },
        'The end could not be recorded; trying again.',
      );
    // What is being issued is closed once that has come back.
    const held = leases.filter((lease) => issues.underWay.has(lease.leaseId));
    tryAgain(held);
    const ready = leases.filter((lease) => !held.includes(lease));
    const done = new Set<string>();
    if (cutResult.status === 'fulfilled' && !notRecorded)
      for (let at = 0; at < ready.length; at += closeTogether)
        for (const id of await prover.prove(ready.slice(at, at + closeTogether))) done.add(id);
    for (const id of done) {
      attempts.delete(id);
      inHand.delete(id);
      overSinceLook.add(id);
      issues.forget(id);
    }
    // Otherwise the next look from memory would end them once more.
    known = known.filter(({ leaseId }) => !done.has(leaseId));
    const left = ready.filter(({ leaseId }) => !done.has(leaseId));
    tryAgain(left.filter(({ leaseId }) => !prover.isElsewhere(leaseId)));
    // Each cut disturbs the other's proof a little.
    tryAgain(
      left.filter(({ leaseId }) => prover.isElsewhere(leaseId)),
      lookElsewhereMs,
    );
  }

  /** They stay in hand until then. */
  function tryAgain(leases: readonly OwedLease[], atLeastMs = 0): void {
    if (leases.length === 0) return;
    let retryIn = longestRetryMs;
    for (const { leaseId } of leases) {
      const attempt = attempts.get(leaseId) ?? 0;
      attempts.set(leaseId, attempt + 1);
      retryIn = Math.min(retryIn, firstRetryMs * 2 ** Math.min(attempt, 6));
      resting.add(leaseId);
    }
    const again = setTimeout(
      () => {
        for (const { leaseId } of leases) letGo(leaseId);
        wake();
      },
      Math.max(retryIn, atLeastMs),
    );
    again.unref();
  }

  /** A lease that rests may be ended again by the next look; true where it rested. */
  function letGo(leaseId: string): boolean {
    return resting.delete(leaseId) && inHand.delete(leaseId);
  }

  async function remove(unknown: readonly Seen[]): Promise<void> {
    for (const one of unknown)
      log.warn(
        { role: one.role, target: target.id },
        'A login of ours that no lease accounts for; removing it.',
      );
    const keep = () => Promise.resolve(new Map<string, unknown>());
    const unknowns = unknown.map(({ leaseId, role }) => ({ leaseId, role }));
    try {
      await target.cut(unknowns, keep);
      for (const result of await target.close(unknowns, keep)) {
        if (result.outcome === 'unconfirmed') removeAgain();
        if (result.outcome === 'confirmed') removed.push(result);
      }
      await noteRemovals();
    } catch (error) {
      removeAgain();
      log.error({ err: error, target: target.id }, 'Removing an unknown login failed; trying again.');
    }
  }

  /** What the store did not take is told it with the next look. */
  async function noteRemovals(): Promise<void> {
    for (let one = removed.shift(); one; one = removed.shift()) {
      const told = one;
      await store.noteRemoved(target.id, told).catch((error: unknown) => {
        removed.push(told);
        throw error;
      });
    }
  }

  function removeAgain(): void {
    lastObserved = -Infinity;
    wakeSoon();
  }

  wake();
  return {
    wake,
    async whileIssuing(lease, work) {
      const { leaseId } = lease;
      // The database's clock is this far at least: all that is known of it before the first look.
      clock.learn({ now: lease.createdAt, before: -Infinity, after: performance.now() });
      issues.begin(lease);
      sleep.atMostUntil(lease.dueAt.getTime());
      let failed = true;
      try {
        const done = await work();
        failed = false;
        issues.confirmed(lease, databaseNow(), done.evidence);
        return done;
      } catch (error) {
        if (createdNothing(error)) prover.neverCreated(leaseId);
        throw error;
      } finally {
        issues.cameBack(leaseId);
        // Another broker may have closed the lease meanwhile: then the target alone still knows of the login.
        if (failed) lastObserved = -Infinity;
        if (letGo(leaseId) || failed) wake();
        else wakeSoon();
      }
    },
    async stop() {
      stopped = true;
      sleep.end();
      clearTimeout(soon);
      const late = new Promise((resolve) => setTimeout(resolve, stopWithinMs).unref());
      await Promise.race([Promise.allSettled([looks.stop(), ...running]), late]);
    },
  };
}

function createdNothing(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause)
    if (one instanceof IssueFailed) return one.nothingCreated;
  return false;
}

function earlier(one: Date | null, another: Date): Date {
  return one && one < another ? one : another;
}
