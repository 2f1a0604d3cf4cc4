import type pg from 'pg';
import type { Credential } from '../broker/support/leaks.ts';
import type { TargetName } from './schedule.ts';

/** A credential that somebody was given, as its holder knows it. */
export interface Held {
  readonly leaseId: string;
  readonly grantId: string;
  readonly role: string;
  readonly password: string;
  readonly target: TargetName;
  readonly dueAt: Date;
  /** When the broker acknowledged that it ends before its time. */
  endedAt?: Date;
  /** The holder's open connection to the target; absent once it broke. */
  socket?: pg.Client;
  /** When its lease was seen to have a receipt, or to be over without one. */
  overAt?: Date;
  /** Whether a login was tried, after its time or after that, and refused by the target. */
  refused?: true;
}

/** A credential of which its holder does not know whether a login has come of it. */
export interface Unanswered {
  readonly grantId: string;
  /** The Idempotency-Key of the call. */
  readonly key: string;
  readonly password: string;
  readonly target: TargetName;
}

/** What people asked for and what they were told, as they know it, and what was seen: nothing here comes from the store. */
export class Ledger {
  /** Ids that came back for each logical call; one call must never get two. */
  readonly #answers = new Map<string, Set<string>>();
  /** What was acknowledged, as `request approved <id>`: each must stand in the audit log. */
  readonly #acknowledged = new Set<string>();
  readonly held: Held[] = [];
  readonly unanswered: Unanswered[] = [];
  /** Names of leases' logins that were at a target at some time. */
  readonly seen = new Set<string>();
  /** All that were made, whether or not a lease came of it. */
  readonly credentials: Credential[] = [];

  /** @param call the call's Idempotency-Key and what it is for */
  answered(call: string, id: string): void {
    const ids = this.#answers.get(call) ?? new Set();
    this.#answers.set(call, ids.add(id));
  }

  acknowledged(action: string, id: string): void {
    this.#acknowledged.add(`${action} ${id}`);
  }

  get answers(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#answers;
  }

  get acknowledgements(): ReadonlySet<string> {
    return this.#acknowledged;
  }
}
