import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Trx, Writer } from './schema.ts';

export interface Call {
  readonly personId: string;
  /** The route with its parameters, so that one key on two resources is two calls. */
  readonly route: string;
  readonly key: string;
  readonly bodyHash: string;
}

export type Earlier =
  | { readonly is: 'first' }
  | { readonly is: 'same'; readonly resourceId: string }
  | { readonly is: 'another body' }
  | { readonly is: 'in progress' };

/** SHA-256 of the parsed body; keys are in the order of their schema, so that spelling does not matter. */
export function hashOf(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

/**
 * Whether this call was made before. The advisory lock stands for "in progress" and dies with its transaction, so a
 * crash in between leaves no eternal 409; the row is written in the same transaction as the effect.
 */
export async function lookUp(trx: Trx, call: Call): Promise<Earlier> {
  if (!(await claim(trx, call))) return { is: 'in progress' };
  const row = await trx
    .selectFrom('idempotency_key')
    .selectAll()
    .where('person_id', '=', call.personId)
    .where('route', '=', call.route)
    .where('key', '=', call.key)
    .executeTakeFirst();
  if (!row) return { is: 'first' };
  return row.body_hash === call.bodyHash
    ? { is: 'same', resourceId: row.resource_id }
    : { is: 'another body' };
}

/** Takes the lock of this call for the rest of the transaction; false where another one holds it. */
export async function claim(trx: Trx, call: Omit<Call, 'bodyHash'>): Promise<boolean> {
  const name = `${call.personId} ${call.route} ${call.key}`;
  const { rows } = await sql<{
    mine: boolean;
  }>`select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as mine`.execute(trx);
  return rows[0]?.mine === true;
}

export async function remember(trx: Trx, call: Call, resourceId: string): Promise<void> {
  await trx
    .insertInto('idempotency_key')
    .values({
      person_id: call.personId,
      route: call.route,
      key: call.key,
      body_hash: call.bodyHash,
      resource_id: resourceId,
    })
    .execute();
}

/** Forgets keys that nobody can still be repeating a call with. */
export async function forgetOld(db: Writer): Promise<void> {
  await db
    .deleteFrom('idempotency_key')
    .where('at', '<', sql<Date>`now() - interval '2 days'`)
    .execute();
}
