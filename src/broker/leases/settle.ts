/** A lease that is not over, with what its target needs to end it. */
export interface OwedLease {
  readonly leaseId: string;
  readonly role: string;
  readonly state: 'issuing' | 'issued' | 'closing';
  readonly createdAt: Date;
  /** Null: it was never known that its login is there. */
  readonly issuedAt: Date | null;
  readonly dueAt: Date;
  readonly templateId: string;
  readonly scope: unknown;
  readonly evidence: unknown;
  /** The broker wrote it as it is. */
  readonly authentic: boolean;
}

/** A credential that is at the target now. */
export interface Seen {
  readonly leaseId: string;
  readonly role: string;
}

export interface Situation {
  /** Every lease of this target that is not over. */
  readonly leases: readonly OwedLease[];
  /** Ours at the target although no open lease is known for them. Empty where the target was not looked at. */
  readonly unknown: readonly Seen[];
  /** Leases that this process is issuing at this moment; they are closed once that has come back. */
  readonly beingIssued: ReadonlySet<string>;
  /** How long an issue may take before its outcome counts as unknown. */
  readonly issueWithinMs: number;
  /** The database's clock. */
  readonly now: Date;
}

export interface Owed {
  /** Past their due time, or of unknown outcome: they begin to close. */
  readonly begin: readonly {
    readonly lease: OwedLease;
    readonly reason: 'expired' | 'issue not confirmed';
  }[];
  /** No new login and no live connection, at once. */
  readonly cut: readonly OwedLease[];
  /** To be proven, cleaned and confirmed. */
  readonly close: readonly OwedLease[];
  /** To be removed although no lease is known for them. */
  readonly remove: readonly Seen[];
  /** When to look again at the latest, on the database's clock; null: nothing is due. */
  readonly wakeAt: Date | null;
}

/** What is owed at a target now. Issuing, recovery after a crash, revocation and reconciliation all come from here. */
export function settle({ leases, unknown, beingIssued, issueWithinMs, now }: Situation): Owed {
  const begin: { lease: OwedLease; reason: 'expired' | 'issue not confirmed' }[] = [];
  const cut: OwedLease[] = [];
  const close: OwedLease[] = [];
  const wakes: number[] = [];

  for (const lease of leases) {
    const due = lease.dueAt.getTime();
    const lost = lease.createdAt.getTime() + issueWithinMs;
    if (lease.state === 'closing') cut.push(lease);
    else if (due <= now.getTime()) {
      begin.push({ lease, reason: 'expired' });
      cut.push(lease);
    } else if (lease.state === 'issuing' && !beingIssued.has(lease.leaseId) && lost <= now.getTime()) {
      begin.push({ lease, reason: 'issue not confirmed' });
      cut.push(lease);
    } else {
      wakes.push(due);
      if (lease.state === 'issuing' && !beingIssued.has(lease.leaseId)) wakes.push(lost);
    }
  }
  for (const lease of cut) if (!beingIssued.has(lease.leaseId)) close.push(lease);

  return {
    begin,
    cut,
    close,
    remove: unknown,
    wakeAt: wakes.length > 0 ? new Date(Math.min(...wakes)) : null,
  };
}

/**
 * Whether the login of a lease may still appear although it is not there: whoever was to create it, here or in another
 * broker, may only be slow.
 */
export function mayStillAppear(
  { createdAt, issuedAt }: Pick<OwedLease, 'createdAt' | 'issuedAt'>,
  { now, issueWithinMs }: Pick<Situation, 'now' | 'issueWithinMs'>,
): boolean {
  // Twice: what an issue may take is told from its intent on, and not to the millisecond.
  return issuedAt === null && now.getTime() - createdAt.getTime() < 2 * issueWithinMs;
}
