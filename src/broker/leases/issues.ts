import type { OwedLease } from './settle.ts';

/**
 * What this process issues, and has issued since the store was last read: a database that goes away a moment after an
 * issue must not make its deadline unknown.
 */
export class Issues {
  readonly #underWay = new Set<string>();
  /** By id; each stays until a look that began after its issue has come to its end. */
  readonly #unread = new Map<string, OwedLease>();

  /** Their logins may appear at any moment. */
  get underWay(): ReadonlySet<string> {
    return this.#underWay;
  }

  begin(lease: OwedLease): void {
    this.#underWay.add(lease.leaseId);
    this.#unread.set(lease.leaseId, lease);
  }

  confirmed(lease: OwedLease, issuedAt: Date, evidence: unknown): void {
    if (this.#unread.has(lease.leaseId))
      this.#unread.set(lease.leaseId, { ...lease, state: 'issued', issuedAt, evidence });
  }

  cameBack(leaseId: string): void {
    this.#underWay.delete(leaseId);
  }

  /** Its end is settled. */
  forget(leaseId: string): void {
    this.#unread.delete(leaseId);
  }

  /** Those of which a look that begins now learns; once it has read them, they are to be forgotten. */
  cameBackUnread(): string[] {
    return [...this.#unread.keys()].filter((id) => !this.#underWay.has(id));
  }

  /** What was read, and what is newer than that. */
  beside(read: readonly OwedLease[]): readonly OwedLease[] {
    if (this.#unread.size === 0) return read;
    const newer = new Map(this.#unread);
    for (const { leaseId, state } of read) if (state !== 'issuing') newer.delete(leaseId);
    return [...read.filter(({ leaseId }) => !newer.has(leaseId)), ...newer.values()];
  }
}
