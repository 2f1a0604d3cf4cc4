import type { Elapsed } from './elapsed.ts';
import type { ConnectionDetails } from '../../contract/leases.ts';
import type { Receipt } from '../../contract/receipts.ts';

/** A lease as a target needs to know it. `role` is the login's name there and carries installation and lease id. */
export interface LeaseAtTarget {
  readonly leaseId: string;
  readonly role: string;
}

/** What is asked of a target when a credential is issued. The scope is the stored one of the request. */
export interface Intent extends LeaseAtTarget {
  readonly templateId: string;
  readonly scope: unknown;
  /** What the target needs to check the secret, never the secret (for PostgreSQL a SCRAM verifier). */
  readonly verifier: string;
  readonly expiresAt: Date;
}

/**
 * What was seen at the target about a lease, as plain JSON. Only the target reads it. It exists because some proofs
 * cannot be had twice: once a login is removed, nothing can show any more that it was closed before.
 */
export type Evidence = Readonly<Record<string, unknown>>;

/**
 * Stores evidence by lease id, together with what was stored before: another broker may have seen what this one has
 * not. It resolves when the evidence is durable, with what is stored then: the target waits for that before each step
 * that destroys what the evidence was taken from. If it rejects, the step is not taken.
 */
export type Keep = (evidence: ReadonlyMap<string, Evidence>) => Promise<ReadonlyMap<string, unknown>>;

/** One lease's evidence out of what was stored of it and what was seen of it now. */
export type Together = (stored: unknown, seen: unknown) => Evidence;

/**
 * A lease that is to end. Template and scope are the stored ones; both are absent for a credential that the target
 * reports and that no lease is known for: it is removed, and whatever it created is set aside, never dropped.
 */
export interface ClosingLease extends LeaseAtTarget {
  readonly templateId?: string | undefined;
  readonly scope?: unknown;
  /** Its record is the broker's own work: the login named in it is its own, whatever the installation is called by now. */
  readonly authentic?: boolean;
  /** What `Keep` stored last for this lease, since its issue. */
  readonly evidence?: unknown;
}

/** Thrown by `issue`. `nothingCreated` is true only where it is proven; otherwise the outcome is unknown. */
export class IssueFailed extends Error {
  readonly nothingCreated: boolean;
  constructor(message: string, options: { nothingCreated: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.nothingCreated = options.nothingCreated;
  }
}

/** A live connection of a lease, as the target sees it. `program` is whatever the holder says it is. */
export interface LiveConnection {
  readonly leaseId: string;
  readonly address: string;
  readonly program: string;
  readonly since: Date;
  /** Where it is, if not at the target itself. */
  readonly replica?: string;
}

/** What stands in the way of an end. */
export interface InTheWay {
  /** In words a person understands. Stored once for each different text: an age in it would make each look another. */
  readonly obstacle: string;
  /**
   * When what stands in the way began, by the target's clock: the first of the calls that it cannot interrupt. Present
   * where these alone are left: the login is closed.
   */
  readonly obstacleSince?: Date;
}

/** A lease that could not be cut, and why. */
export interface NotCut extends InTheWay {
  readonly leaseId: string;
}

/**
 * How closing a lease went.
 * - `confirmed`: every piece of evidence is there.
 * - `absent`: nothing of the lease is at the target, and no proof of its end was kept: it was never created, or
 *   somebody else removed it. There is nothing left to do and nothing to show for it.
 * - `unconfirmed`: it is to be tried again, and what stands in the way.
 */
export type Closed =
  | { readonly leaseId: string; readonly outcome: 'confirmed'; readonly receipt: Receipt }
  | { readonly leaseId: string; readonly outcome: 'absent'; readonly detail: string }
  | (InTheWay & { readonly leaseId: string; readonly outcome: 'unconfirmed' });

/**
 * A production system that credentials can be issued for. Every operation is idempotent: repeating it after a crash
 * at any instant does no harm and finishes what was begun. None keeps state of its own. All end within bounded time,
 * however the target behaves, and none touches what another installation made.
 */
export interface Target {
  readonly id: string;
  readonly kind: 'postgresql';

  /** The name that a lease's login has at this target. */
  roleOf(leaseId: string): string;

  /**
   * Creates the credential. Throws `IssueFailed`. `keep` is called before, with what its end is compared to.
   * @param sinceIntent how long ago the lease was intended: after a while nothing is created any more; now, unless given
   * @returns the evidence to be stored with its issue
   */
  issue(intent: Intent, keep: Keep, sinceIntent?: Elapsed): Promise<unknown>;

  /**
   * No new login and no live connection, for all leases in one batch. Resolves when the target has been told, with
   * those that it could not be done for; quiet is proven by `close`. Never rejects for what the target does.
   */
  cut(leases: readonly ClosingLease[], keep: Keep): Promise<NotCut[]>;

  /**
   * Sweep until quiet, probe, clean, look at the catalogues: for each lease its receipt, or what stands in the way.
   * Assumes `cut`. Never rejects for what the target does.
   */
  close(leases: readonly ClosingLease[], keep: Keep): Promise<Closed[]>;

  readonly together: Together;

  /** Every credential of this installation that exists at the target now. */
  observe(): Promise<LeaseAtTarget[]>;

  /** The live connections of these leases, and the names of the replicas that could not be asked for theirs. */
  connections(
    leases: readonly LeaseAtTarget[],
  ): Promise<{ readonly connections: LiveConnection[]; readonly unknownAt: string[] }>;

  /** What a person's machine needs to reach it under a lease; nothing secret. */
  connectionDetails(lease: LeaseAtTarget & { readonly scope: unknown }): ConnectionDetails;

  end(): Promise<void>;
}
