import { refusedByServer } from './connect.ts';
import type { Present, Site } from './ending.ts';
import { identifier } from './names.ts';

/** A login under way at the server: nobody can see yet whose it is. */
export interface Arrival {
  readonly pid: number;
  /** The transaction that it began before it was asked who it is. */
  readonly transaction: string;
  /** It was let in. */
  readonly inside: boolean;
}

// Who comes shows in pg_stat_activity only at the very end of the start of a session; its first lock shows at once.
const arrivals = `
with locks as materialized (select pid, locktype, classid, virtualxid from pg_locks)
select l.pid, l.virtualxid as transaction,
       exists (select from locks d where d.pid = l.pid and d.locktype = 'object' and d.classid = 'pg_database'::regclass) as inside
  from locks l
 where l.locktype = 'virtualxid'
   and not exists (select from pg_stat_activity a
                    where a.pid = l.pid and (a.usesysid is not null or a.backend_type <> 'client backend'))`;

/** Every login under way, by its transaction. */
export async function lookForArrivals(site: Site): Promise<Map<string, Arrival>> {
  const rows = await site.connections.useTwice((session) =>
    session.query<Arrival>('arrivals looked for', arrivals),
  );
  return new Map(rows.map((row) => [row.transaction, row]));
}

/**
 * Ends those of these arrivals that are a lease's. A login that was let in before it was closed can be held up on its
 * way for half an hour (`post_auth_delay` is anybody's to set), unseen, and become a session after everything else of
 * the lease is gone. Whose it is, is found out by acting as the lease's role, which may end its own sessions only.
 * @returns what was ended, by the login's number
 */
export async function endArrivals(
  site: Site,
  endings: readonly Present[],
  some: readonly Arrival[],
): Promise<Map<number, Arrival[]>> {
  const ended = new Map<number, Arrival[]>();
  await site.connections.useIn(site.config.database, async (session) => {
    for (const { lease, oid } of endings) {
      // Which the broker may from the issue on: a grant made now would reach a replica only when it has replayed it, and
      // this very login can hold that up.
      await session.query('arrival taken on', `set role ${identifier(lease.role)}`);
      for (const arrival of some) {
        try {
          const [told] = await session.query<{ told: boolean }>(
            'arrival ended',
            'select pg_terminate_backend($1) as told',
            [arrival.pid],
          );
          if (told?.told) ended.set(oid, [...(ended.get(oid) ?? []), arrival]);
        } catch (error) {
          if (!refusedByServer(error)) throw error;
        }
      }
      await session.query('arrival let go', 'reset role');
    }
  });
  return ended;
}
