import { sql } from 'kysely';
import { channels } from './notify.ts';
import type { Db } from './schema.ts';

export interface Numbered {
  /** How many events got a number. */
  readonly count: number;
  /** Whether there may be more to number at once. */
  readonly more: boolean;
  /** A transaction id (xid8): every event of an older transaction has a number. */
  readonly settled: string;
}

const mostAtOnce = 2_000;

/**
 * Gives the next numbers to committed events that have none, all of them in one statement, or none. Whoever else does
 * the same at the same moment, one of the two fails with a unique violation (23505), so that numbers have no gap and
 * events no second number.
 *
 * The order is that of the events' times, with one correction: what happened to one thing is in the order of its
 * versions, whatever the clock did. A later version is committed after an earlier one, since it waits for the row's
 * lock; so whoever sees it sees the earlier one too, and the order holds across batches as well.
 * @param settled what the last call gave; `0` looks through everything
 */
export async function numberEvents(db: Db, settled: string): Promise<Numbered> {
  const { rows } = await sql<{ count: number; settled: string }>`
    with fresh as (
      select e.id, e.at, e.version, e.ctid as place, coalesce(e.grant_id, e.resource_id) as thing
      from audit_event e
      where e.transaction >= ${settled}::xid8
        and not exists (select from audit_number n where n.event_id = e.id)
    ), reached as (
      select *, max(at) over (partition by thing order by version nulls first, at, place) as reached from fresh
    ), ordered as (
      select id, row_number() over (order by reached, thing, version nulls first, at, place) as place from reached
    ), numbered as (
      insert into audit_number (number, event_id)
      select before.last + ordered.place, ordered.id
      from ordered, (select coalesce(max(number), 0) as last from audit_number) before
      where ordered.place <= ${mostAtOnce}
      returning number
    )
    select count(*)::int as count, pg_snapshot_xmin(pg_current_snapshot())::text as settled from numbered`.execute(
    db,
  );
  const row = rows[0];
  if (!row) throw new Error('Numbering gave no answer.');
  if (row.count > 0) await sql`select pg_notify(${channels.number}, '')`.execute(db);
  const more = row.count === mostAtOnce;
  return { count: row.count, more, settled: more ? settled : row.settled };
}

/** Whether an event has waited for its number longer than it ever should. */
export async function isOverdue(db: Db, settled: string, afterMs: number): Promise<boolean> {
  const { rows } = await sql<{ overdue: boolean }>`
    select exists (
      select from audit_event e
      where e.transaction >= ${settled}::xid8
        and e.at < clock_timestamp() - make_interval(secs => ${afterMs / 1000})
        and not exists (select from audit_number n where n.event_id = e.id)
    ) as overdue`.execute(db);
  return rows[0]?.overdue === true;
}

export interface NumberedEvent {
  readonly number: number;
  readonly id: string;
  readonly at: Date;
  readonly action: string;
  readonly actor: string | null;
  readonly resource: string;
  readonly resourceId: string | null;
  readonly version: number | null;
  readonly requestId: string | null;
  readonly grantId: string | null;
  readonly target: string | null;
  readonly detail: Record<string, unknown>;
}

/** Numbered events after a number, in order. */
export function eventsAfter(db: Db, number: number, limit: number): Promise<NumberedEvent[]> {
  return db
    .selectFrom('audit_number')
    .innerJoin('audit_event as e', 'e.id', 'audit_number.event_id')
    .select([
      'audit_number.number',
      'e.id',
      'e.at',
      'e.action',
      'e.actor',
      'e.resource',
      'e.resource_id as resourceId',
      'e.version',
      'e.request_id as requestId',
      'e.grant_id as grantId',
      'e.target',
      'e.detail',
    ])
    .where('audit_number.number', '>', number)
    .orderBy('audit_number.number')
    .limit(limit)
    .execute();
}

/** The last number given; 0 before the first. */
export async function lastNumber(db: Db): Promise<number> {
  const row = await db
    .selectFrom('audit_number')
    .select((e) => e.fn.max<number | null>('number').as('last'))
    .executeTakeFirst();
  return row?.last ?? 0;
}
