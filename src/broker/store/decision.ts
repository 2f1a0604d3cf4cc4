import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Db, Schema, Trx } from './schema.ts';

export type DecisionRow = Selectable<Schema['decision']>;

/** Records one person's word on a request; a person has one. Its id. */
export async function insertDecision(
  trx: Trx,
  decision: {
    requestId: string;
    personId: string;
    verdict: 'approve' | 'deny';
    comment: string | undefined;
    digest: string;
  },
): Promise<string> {
  const id = randomUUID();
  await trx
    .insertInto('decision')
    .values({
      id,
      request_id: decision.requestId,
      person_id: decision.personId,
      verdict: decision.verdict,
      comment: decision.comment ?? null,
      digest: decision.digest,
    })
    .execute();
  return id;
}

export function decisionsOn(db: Db, requestIds: readonly string[]): Promise<DecisionRow[]> {
  if (requestIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('decision')
    .selectAll()
    .where('request_id', 'in', [...requestIds])
    .orderBy('at')
    .execute();
}
