import { sql } from 'kysely';
import type { Cap } from '../rules/verdict.ts';
import type { Db, Trx } from './schema.ts';

export interface Counted {
  /** Access at the target that is approved or open. */
  readonly open: Required<Cap>;
  /** Approvals of the template within 24 hours that needed nobody. */
  readonly automatic: Required<Cap>;
}

/** What a policy's caps are held against. */
export async function countedFor(
  db: Db,
  { personId, target, templateId }: { personId: string; target: string; templateId: string },
): Promise<Counted> {
  const own = (column: string) => sql<string>`count(*) filter (where ${sql.ref(column)} = ${personId})`;
  const open = await db
    .selectFrom('grant')
    .select((e) => [e.fn.countAll<string>().as('total'), own('holder').as('own')])
    .where('target', '=', target)
    .where('state', 'in', ['approved', 'active'])
    .executeTakeFirstOrThrow();
  const automatic = await db
    .selectFrom('request')
    .select((e) => [e.fn.countAll<string>().as('total'), own('requester').as('own')])
    .where('template_id', '=', templateId)
    .where('created_at', '>', sql<Date>`now() - interval '24 hours'`)
    .where(sql<boolean>`demands ? 'automatic'`)
    .executeTakeFirstOrThrow();
  return {
    open: { ofPerson: Number(open.own), inTotal: Number(open.total) },
    automatic: { ofPerson: Number(automatic.own), inTotal: Number(automatic.total) },
  };
}

/** Until the transaction is over nobody else asks for access at this target: two at once cannot both be the last one. */
export async function inTurnAt(trx: Trx, target: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`daypass caps ${target}`}, 0))`.execute(trx);
}

/**
 * How long people waited for approval under this template, in seconds: the median of the last twenty that were approved
 * by somebody. Undefined where there are fewer than five. Whoever broke the glass did not wait until there was enough.
 */
export async function usualWait(db: Db, templateId: string): Promise<number | undefined> {
  const { rows } = await sql<{ seconds: number | null; number: string }>`
    select percentile_cont(0.5) within group (order by seconds) as seconds, count(*) as number
      from (select extract(epoch from max(d.at) - r.created_at)::float8 as seconds
              from request r join decision d on d.request_id = r.id and d.verdict = 'approve'
             where r.template_id = ${templateId} and r.state = 'approved'
               and not exists (select from broken_glass b where b.request_id = r.id)
             group by r.id order by r.created_at desc limit 20) lately`.execute(db);
  const [row] = rows;
  return row && Number(row.number) >= 5 && row.seconds !== null ? Math.round(row.seconds) : undefined;
}
