import type { LeaseStore } from './lease-store.ts';
import type { OwedLease } from './settle.ts';
import type { Together } from '../targets/target.ts';

/**
 * What cuts saw, until the database has it. A cut does not wait for the database; what it ended is not there to be seen
 * a second time, so it is remembered here and stored before anything else is.
 */
export class Unstored {
  readonly #store: Pick<LeaseStore, 'keepEvidence'>;
  readonly #together: Together;
  readonly #evidence = new Map<string, unknown>();

  constructor(store: Pick<LeaseStore, 'keepEvidence'>, together: Together) {
    this.#store = store;
    this.#together = together;
  }

  remember(evidence: ReadonlyMap<string, unknown>): void {
    for (const [leaseId, seen] of evidence) this.#evidence.set(leaseId, seen);
  }

  /** The same leases with what is remembered of them, which is newer than what was read. */
  latest(leases: readonly OwedLease[]): OwedLease[] {
    return leases.map((lease) =>
      this.#evidence.has(lease.leaseId) ? { ...lease, evidence: this.#evidence.get(lease.leaseId) } : lease,
    );
  }

  /** Rejects where the database does not take it; it stays remembered. */
  async store(): Promise<void> {
    if (this.#evidence.size === 0) return;
    const now = new Map(this.#evidence);
    await this.#store.keepEvidence(now, this.#together);
    for (const [leaseId, seen] of now)
      if (this.#evidence.get(leaseId) === seen) this.#evidence.delete(leaseId);
  }
}
