import type { Logger } from 'pino';
import type { LeaseStore } from './lease-store.ts';
import { mayStillAppear, type OwedLease } from './settle.ts';
import type { Closed, Target } from '../targets/target.ts';

/** How long another broker has for the proof of an end. */
const provenElsewhereWithinMs = 10_000;
/** Transactions at once: each waits for the disk, and others want the store as well. */
const storeTogether = 4;
const onItsWay =
  'Nothing of it is there, but its login may still be on its way: it is looked for until that is certain.';

export interface ProverParts {
  readonly target: Target;
  readonly store: Pick<LeaseStore, 'reserve' | 'withEvidence' | 'keepEvidence' | 'confirm' | 'noteObstacle'>;
  readonly log: Logger;
  readonly databaseNow: () => Date;
  readonly issueWithinMs: number;
}

/** Proves the ends of leases that were cut, and stores what came of it. */
export class Prover {
  readonly #parts: ProverParts;
  /** Their logins were not created, for certain, and will not be. */
  readonly #neverCreated = new Set<string>();
  /** Since when another broker has been proving them, on this process's monotonic clock. */
  readonly #elsewhere = new Map<string, number>();

  constructor(parts: ProverParts) {
    this.#parts = parts;
  }

  /** The issue of this lease by this process is over, and it is certain that it created nothing. */
  neverCreated(leaseId: string): void {
    this.#neverCreated.add(leaseId);
  }

  /** Whether another broker was proving it when it was last tried here. */
  isElsewhere(leaseId: string): boolean {
    return this.#elsewhere.has(leaseId);
  }

  /** Whatever is known of other leases than these is forgotten. */
  keepOnly(open: ReadonlySet<string>): void {
    for (const about of [this.#neverCreated, this.#elsewhere])
      for (const id of about.keys()) if (!open.has(id)) about.delete(id);
  }

  /** The ids of those whose end is settled and stored. */
  async prove(leases: readonly OwedLease[]): Promise<string[]> {
    const { target, store, log } = this.#parts;
    const settled: string[] = [];
    const { mine, release } = await store.reserve(leases.map(({ leaseId }) => leaseId));
    const here = leases.filter(({ leaseId }) => this.#isFor(leaseId, mine));
    if (here.length === 0) return [];
    // Told before the target is looked at: what comes back during that look may have been missed by it.
    const early = new Set(here.filter((lease) => this.#isEarly(lease)).map(({ leaseId }) => leaseId));
    try {
      const current = await store.withEvidence(here);
      const results = await target.close(current, (evidence) =>
        store.keepEvidence(evidence, target.together),
      );
      for (let at = 0; at < results.length; at += storeTogether)
        await Promise.all(
          results.slice(at, at + storeTogether).map(async (result) => {
            if (await this.#stored(result, early.has(result.leaseId))) settled.push(result.leaseId);
          }),
        );
    } catch (error) {
      log.error({ err: error, target: target.id }, 'Closing failed; trying again.');
    } finally {
      await release();
    }
    return settled;
  }

  #isFor(leaseId: string, mine: ReadonlySet<string>): boolean {
    if (mine.has(leaseId)) {
      this.#elsewhere.delete(leaseId);
      return true;
    }
    const since = this.#elsewhere.get(leaseId) ?? performance.now();
    this.#elsewhere.set(leaseId, since);
    return performance.now() - since >= provenElsewhereWithinMs;
  }

  #isEarly(lease: OwedLease): boolean {
    const { databaseNow, issueWithinMs } = this.#parts;
    return (
      !this.#neverCreated.has(lease.leaseId) && mayStillAppear(lease, { now: databaseNow(), issueWithinMs })
    );
  }

  /** What cannot be stored of one end holds up no other. */
  async #stored(found: Closed, early: boolean): Promise<boolean> {
    try {
      return await this.#conclude(found, early);
    } catch (error) {
      const { target, log } = this.#parts;
      const { leaseId } = found;
      log.error(
        { err: error, lease: leaseId, target: target.id },
        'An end could not be stored; trying again.',
      );
      return false;
    }
  }

  async #conclude(found: Closed, early: boolean): Promise<boolean> {
    const { target, store, log } = this.#parts;
    const { leaseId } = found;
    const result: Closed =
      early && found.outcome === 'absent' ? { leaseId, outcome: 'unconfirmed', obstacle: onItsWay } : found;
    switch (result.outcome) {
      case 'confirmed':
        await store.confirm(leaseId, { receipt: result.receipt });
        return true;
      case 'absent':
        await store.confirm(leaseId, { absent: result.detail });
        return true;
      case 'unconfirmed':
        log.warn(
          { lease: leaseId, target: target.id, obstacle: result.obstacle },
          'The end is not confirmed yet.',
        );
        await store.noteObstacle(leaseId, result);
        return false;
    }
  }
}
