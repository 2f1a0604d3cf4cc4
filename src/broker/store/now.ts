import { sql } from 'kysely';
import type { Db } from './schema.ts';

/** The database's clock: the only one that due times are compared on. */
export async function now(db: Db): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  const row = rows[0];
  if (!row) throw new Error('The database gave no time.');
  return row.now;
}

/** The database's clock, that many seconds from now. */
export async function inSeconds(db: Db, seconds: number): Promise<Date> {
  return new Date((await now(db)).getTime() + seconds * 1000);
}
