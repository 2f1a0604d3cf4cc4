import { sql } from 'kysely';
import { channels } from './notify.ts';
import type { Db, Writer } from './schema.ts';

export interface Numbered {
  /** How many events got a number. */
  readonly count: number;
  /** Whether there may be more to number at once. */
  readonly more: boolean;
  /** A transaction id (xid8): events of older transactions need not be looked for again. */
  readonly settled: string;
}

/** In place of a transaction id: look through the whole log. It takes seconds for millions of events. */
export const everything = 'everything';

const mostAtOnce = 10_000;

/**
 * Where looking for events without a number may begin. Far enough back for any transaction that was open when the last
 * numbers were given; `everything` finds what is older all the same.
 */
export async function beginning(db: Db): Promise<string> {
  // In two steps: sorted and limited as one, the whole log is walked from its oldest event, and no end of that is seen.
  const { rows } = await sql<{ settled: string }>`
    with recent as materialized (
      select event_id from audit_number order by number desc limit 10000
    ), written as materialized (
      select e.transaction from recent join audit_event e on e.id = recent.event_id
    )
    select transaction::text as settled from written order by transaction limit 1`.execute(db);
  return rows[0]?.settled ?? '0';
}

/**
 * Events that have no number. Whatever is visible now was written by a transaction below the snapshot's end; ids beyond
 * it come from a dump of another server, whose rows would otherwise be looked at every time.
 */
const unnumbered = (settled: string) => sql`
  select e.id, e.at, e.version, e.transaction, e.ctid as place, coalesce(e.grant_id, e.resource_id) as thing
  from audit_event e
  where not exists (select from audit_number n where n.event_id = e.id)
    ${
      settled === everything
        ? sql``
        : sql`and e.transaction >= ${settled}::xid8 and e.transaction < pg_snapshot_xmax(pg_current_snapshot())`
    }`;

/**
 * Gives the next numbers to committed events that have none, all of them in one statement, or none. Whoever else does
 * the same at the same moment, one of the two fails with a unique violation (23505), so that numbers have no gap and
 * events no second number.
 *
 * The order is that of the events' times, with one correction: what happened to one thing is in the order of its
 * versions, whatever the clock did. A later version is committed after an earlier one, since it waits for the row's
 * lock; so whoever sees it sees the earlier one too, and the order holds across batches as well.
 * @param settled what `beginning` or the last call gave, or `everything`
 */
export async function numberEvents(db: Writer, settled: string): Promise<Numbered> {
  const { rows } = await sql<{ count: number; settled: string }>`
    with fresh as (${unnumbered(settled)}), reached as (
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

/** Whether an event has waited for its number longer than it ever should, and where to begin to look the next time. */
export async function lookForOverdue(
  db: Db,
  settled: string,
  afterMs: number,
): Promise<{ overdue: boolean; settled: string }> {
  const { rows } = await sql<{ overdue: boolean; settled: string }>`
    with waiting as (${unnumbered(settled)})
    select exists (
             select from waiting where at < clock_timestamp() - make_interval(secs => ${afterMs / 1000})
           ) as overdue,
           least(
             pg_snapshot_xmin(pg_current_snapshot()),
             (select transaction from waiting order by transaction limit 1)
           )::text as settled`.execute(db);
  const row = rows[0];
  if (!row) throw new Error('Looking for events without a number gave no answer.');
  return row;
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

/** Up to which number some broker has written the events to its log; what comes after it, nobody may have written. */
export async function loggedUpTo(db: Db): Promise<number> {
  const row = await db.selectFrom('audit_logged').select('number').executeTakeFirst();
  return row?.number ?? 0;
}

/** Never goes back, whichever broker is behind. */
export async function noteLogged(db: Writer, number: number): Promise<void> {
  await db.updateTable('audit_logged').set({ number }).where('number', '<', number).execute();
}
