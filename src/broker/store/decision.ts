import { randomUUID } from 'node:crypto';
import { sql, type Selectable } from 'kysely';
import type { Integrity } from '../integrity/integrity.ts';
import type { Macs } from '../integrity/macs.ts';
import type { Approval } from '../rules/quorum.ts';
import { decisionFields } from './authentic.ts';
import type { Db, Schema, Trx } from './schema.ts';

export type DecisionRow = Selectable<Schema['decision']>;

/** Records one person's word on a request; a person has one. Its id. */
export async function insertDecision(
  trx: Trx,
  macs: Macs,
  decision: {
    requestId: string;
    personId: string;
    verdict: 'approve' | 'deny';
    comment: string | undefined;
    digest: string;
    /** Those of the quorum's groups that they are in. */
    groups: readonly string[];
    /** What an approval shortens it to. */
    durationSeconds: number | undefined;
  },
): Promise<string> {
  const row = {
    id: randomUUID(),
    request_id: decision.requestId,
    person_id: decision.personId,
    verdict: decision.verdict,
    digest: decision.digest,
    groups: [...decision.groups],
    duration_s: decision.durationSeconds ?? null,
  };
  const mac = macs.of('decision', decisionFields(row));
  await trx
    .insertInto('decision')
    .values({ ...row, comment: decision.comment ?? null, mac })
    .execute();
  return row.id;
}

/**
 * The decisions on these requests that people really made, one of each person; whatever else stands there raises the
 * alarm.
 */
export async function decisionsOn(
  db: Db,
  { macs, alarm }: Integrity,
  requestIds: readonly string[],
): Promise<DecisionRow[]> {
  if (requestIds.length === 0) return [];
  const rows = await db
    .selectFrom('decision')
    .selectAll()
    .select(sql<string>`(select target from request where request.id = decision.request_id)`.as('target'))
    .where('request_id', 'in', [...requestIds])
    .orderBy('at')
    .execute();
  // That a person has one is a rule of the table, which whoever owns it can drop.
  const decided = new Set<string>();
  return rows.filter(({ target, ...row }) => {
    const who = `${row.request_id} ${row.person_id}`;
    const authentic = macs.holds('decision', decisionFields(row), row.mac);
    const counts = authentic && !decided.has(who);
    if (!counts) {
      const why = authentic ? 'it stands there more than once' : 'nobody made this decision';
      alarm({ record: 'decision', id: row.id, target, why });
    }
    if (authentic) decided.add(who);
    return counts;
  });
}

export function approvalsAmong(decisions: readonly DecisionRow[]): Approval[] {
  return decisions
    .filter((one) => one.verdict === 'approve')
    .map((one) => ({ person: one.person_id, groups: one.groups }));
}
