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

/** Thrown by `issue`. `nothingCreated` is true only where it is proven; otherwise the outcome is unknown. */
export class IssueFailed extends Error {
  readonly nothingCreated: boolean;
  constructor(message: string, options: { nothingCreated: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.nothingCreated = options.nothingCreated;
  }
}

/** A live connection of a lease, as the target sees it. */
export interface LiveConnection {
  readonly leaseId: string;
  readonly address: string;
  readonly program: string;
  readonly since: Date;
}

/** Either the receipt, or what stands in the way of it in words a person understands. */
export type Closed =
  | { readonly leaseId: string; readonly confirmed: true; readonly receipt: Receipt }
  | { readonly leaseId: string; readonly confirmed: false; readonly obstacle: string };

/**
 * A production system that credentials can be issued for. Every operation is idempotent: repeating it after a crash
 * at any instant does no harm and finishes what was begun. None keeps state of its own.
 */
export interface Target {
  readonly id: string;
  readonly kind: 'postgresql';

  /** Creates the credential. Throws `IssueFailed`. */
  issue(intent: Intent): Promise<void>;

  /** No new login and no live connection, for all leases in one batch. Resolves when asked of the target; quiet is proven by `close`. */
  cut(leases: readonly LeaseAtTarget[]): Promise<void>;

  /** Sweep until quiet, probe, clean, look at the catalogues; a receipt per lease, or the obstacle. Assumes `cut`. */
  close(leases: readonly LeaseAtTarget[]): Promise<Closed[]>;

  /** Every credential of this installation that exists at the target now. */
  observe(): Promise<LeaseAtTarget[]>;

  connections(leases: readonly LeaseAtTarget[]): Promise<LiveConnection[]>;

  /** What a person's machine needs to reach it under a lease; nothing secret. */
  connectionDetails(lease: LeaseAtTarget): ConnectionDetails;

  end(): Promise<void>;
}
