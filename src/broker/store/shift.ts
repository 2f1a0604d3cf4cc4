import { randomUUID } from 'node:crypto';
import { sql, type Selectable } from 'kysely';
import { append } from '../audit/append.ts';
import type { Integrity } from '../integrity/integrity.ts';
import type { KnownShift, Shift } from '../rules/on-call.ts';
import { shiftFields } from './authentic.ts';
import type { Store } from './connect.ts';
import { now } from './now.ts';
import type { Db, Schema, Trx } from './schema.ts';

export type SightingRow = Selectable<Schema['shift_sighting']>;

/** So many shifts of one change are told of in the audit log one by one. */
const mostTold = 50;

/** What of a schedule was looked at. */
interface Looked {
  readonly schedule: string;
  /** The shifts that stand there now, and lie in the window at least in part. */
  readonly shifts: readonly Shift[];
  readonly window: { readonly from: Date; readonly until: Date };
}

/**
 * The shifts of a schedule with the time since when each has stood there, by what any broker saw. What was not seen
 * before is recorded, and what is gone: a shift that comes again is a new one.
 * @param clock the database's, unless a test has its own
 */
export async function seeShifts(
  store: Pick<Store, 'db' | 'transaction'>,
  integrity: Integrity,
  { schedule, shifts, window }: Looked,
  clock: (db: Db) => Promise<Date> = now,
): Promise<KnownShift[]> {
  const differences = (known: ReadonlyMap<string, KnownShift>) => {
    const names = new Set(shifts.map(nameOf));
    return {
      added: shifts.filter((shift) => !known.has(nameOf(shift))),
      gone: [...known.values()].filter((shift) => !names.has(nameOf(shift)) && shift.from < window.until),
    };
  };
  const known = await standingShifts(store.db, integrity, schedule, window.from);
  const { added, gone } = differences(known);
  const all =
    added.length + gone.length === 0
      ? known
      : await store.transaction('shifts seen', async (trx) => {
          // Brokers that look at once must not each find the same shifts new.
          await sql`select pg_advisory_xact_lock(hashtextextended(${`daypass schedule ${schedule}`}, 0))`.execute(
            trx,
          );
          const before = await standingShifts(trx, integrity, schedule, window.from);
          await record(trx, integrity, schedule, { ...differences(before), at: await clock(trx) });
          return standingShifts(trx, integrity, schedule, window.from);
        });
  return shifts.flatMap((shift) => all.get(nameOf(shift)) ?? []);
}

async function record(
  trx: Trx,
  { macs }: Integrity,
  schedule: string,
  {
    added,
    gone,
    at,
  }: { readonly added: readonly Shift[]; readonly gone: readonly Shift[]; readonly at: Date },
): Promise<void> {
  const seen = [
    ...gone.map((shift) => ({ shift, gone: true })),
    ...added.map((shift) => ({ shift, gone: false })),
  ].map(({ shift, gone: isGone }) => ({
    id: randomUUID(),
    schedule,
    person: shift.person,
    begins: shift.from,
    ends: shift.until,
    gone: isGone,
    at,
  }));
  if (seen.length === 0) return;
  await trx
    .insertInto('shift_sighting')
    .values(seen.map((row) => ({ ...row, mac: macs.of('shift', shiftFields(row)) })))
    .execute();
  const told = (list: readonly Shift[]) =>
    list
      .slice(0, mostTold)
      .map(({ person, from, until }) => ({ person, from: from.toISOString(), until: until.toISOString() }));
  await append(trx, {
    action: 'schedule changed',
    actor: null,
    resource: 'broker',
    target: null,
    detail: {
      schedule,
      added: told(added),
      gone: told(gone),
      addedInAll: added.length,
      goneInAll: gone.length,
    },
  });
}

/** The shifts that stand in a schedule and are not over, by name, as brokers saw them; what nobody saw raises the alarm. */
export async function standingShifts(
  db: Db,
  { macs, alarm }: Integrity,
  schedule: string,
  from: Date,
): Promise<ReadonlyMap<string, KnownShift>> {
  const rows = await db
    .selectFrom('shift_sighting')
    .selectAll()
    .where('schedule', '=', schedule)
    .where('ends', '>', from)
    .orderBy('at')
    .orderBy('gone')
    .execute();
  const standing = new Map<string, KnownShift>();
  for (const row of rows) {
    if (!macs.holds('shift', shiftFields(row), row.mac)) {
      alarm({ record: 'shift', id: row.id, target: null, why: 'no broker saw this' });
      continue;
    }
    const shift = { person: row.person, from: row.begins, until: row.ends, firstSeen: row.at };
    const name = nameOf(shift);
    if (row.gone) standing.delete(name);
    else if (!standing.has(name)) standing.set(name, shift);
  }
  return standing;
}

function nameOf({ person, from, until }: Shift): string {
  return JSON.stringify([person, from.getTime(), until.getTime()]);
}
