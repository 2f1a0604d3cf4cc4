import { sql } from 'kysely';
import type { Db, Trx } from './schema.ts';

/** What is known from its issue; what was kept of it before that holds. */
export const withEvidenceOfIssue = (evidence: unknown) =>
  sql<string>`${JSON.stringify(evidence)}::jsonb || coalesce(lease.evidence, '{}'::jsonb)`;

/**
 * What was observed at the target, kept so that a crash after the login is gone does not lose the proof. Several brokers
 * cut what is due, and each saw a part of it: what is stored already stays.
 * @param together what makes one of the two
 * @returns what is stored now
 */
export async function keepEvidence(
  trx: Trx,
  evidence: ReadonlyMap<string, unknown>,
  together: (stored: unknown, seen: unknown) => unknown,
): Promise<ReadonlyMap<string, unknown>> {
  if (evidence.size === 0) return new Map();
  const before = await trx
    .selectFrom('lease')
    .select(['id', 'evidence'])
    .where('id', 'in', [...evidence.keys()])
    .orderBy('id')
    .forUpdate()
    .execute();
  const now = new Map(
    before.map(({ id, evidence: stored }) => {
      const seen = evidence.get(id);
      return [id, stored === null ? seen : together(stored, seen)] as const;
    }),
  );
  const rows = JSON.stringify([...now].map(([id, what]) => ({ id, what })));
  await sql`
    update lease set evidence = kept.what
    from jsonb_to_recordset(${rows}::jsonb) as kept(id uuid, what jsonb)
    where lease.id = kept.id`.execute(trx);
  return now;
}

export async function evidenceOf(db: Db, leaseIds: readonly string[]): Promise<Map<string, unknown>> {
  if (leaseIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('lease')
    .select(['id', 'evidence'])
    .where('id', 'in', [...leaseIds])
    .execute();
  return new Map(rows.map((row) => [row.id, row.evidence ?? undefined]));
}
