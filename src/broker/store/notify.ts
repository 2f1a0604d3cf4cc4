import { sql } from 'kysely';
import type { Trx, Writer } from './schema.ts';

/** What a transaction tells every broker when it commits. */
export const channels = {
  /** A target's leases have changed; the payload is the target's id. */
  lease: 'daypass_lease',
  /** Events were appended that have no number yet. */
  audit: 'daypass_audit',
  /** Events have got their numbers. */
  number: 'daypass_number',
  /** Something has a new time at which it ends by itself. */
  expiry: 'daypass_expiry',
  /** Somebody is to be told of something. */
  delivery: 'daypass_delivery',
} as const;

/** However little they are told, workers and the expiry look at least this often. */
export const lookAtLeastEveryMs = 30_000;

/** Whether an end is so near that looking comes too late. All others are not told: there may be many brokers. */
export function isNear(end: Date, now: Date): boolean {
  return end.getTime() - now.getTime() < 2 * lookAtLeastEveryMs;
}

type Channel = (typeof channels)[keyof typeof channels];

export async function notify(db: Writer | Trx, channel: Channel, payload = ''): Promise<void> {
  await sql`select pg_notify(${channel}, ${payload})`.execute(db);
}

/** The same as a column of what a statement returns, which saves a round trip of its own. */
export function notifying(channel: Channel, payload = '') {
  return sql<string>`pg_notify(${channel}, ${payload})::text`.as('notified');
}
