import { sql } from 'kysely';
import type { Db } from './schema.ts';

/** What is open at a target that none of the given is. */
export interface Unattended {
  readonly target: string;
  /** Leases that are not over. */
  readonly open: number;
  readonly latestDueAt: Date;
  /** Ids of those whose end is due for some seconds and about which nothing was said. */
  readonly untold: readonly string[];
}

/** How long another broker, which may know the target, has for an end before something is said about it. */
const patienceS = 5;

/** Leases that are not over at targets other than these, by target. */
export async function unattendedLeases(db: Db, targets: readonly string[]): Promise<Unattended[]> {
  const { rows } = await sql<Unattended>`
    select target, count(*) as open, max(due_at) as "latestDueAt",
           coalesce(array_agg(id::text) filter (where state = 'closing' and obstacle is null
             and closing_at < clock_timestamp() - make_interval(secs => ${patienceS})), '{}') as untold
      from lease
     where state in ('issuing', 'issued', 'closing') and target <> all(${[...targets]}::text[])
     group by target order by target`.execute(db);
  return rows;
}
