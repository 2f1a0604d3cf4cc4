import type { PostgresServer } from './postgres.ts';

type Server = Pick<PostgresServer, 'run'>;

const lock = 4711;

/**
 * Takes a lock, to be seen by others, and then makes so many digests of much data without ever asking, not even between
 * them, whether it should stop.
 */
const digests = (count: number) =>
  `select pg_try_advisory_lock(${lock}), array[${Array(count).fill('sha512(much)').join(', ')}] is null
     from (select convert_to(repeat(repeat('x', 65536), 1024), 'UTF8') as much offset 0) as once`;

/** A call that PostgreSQL cannot interrupt and that takes about so long here and now. */
export async function callOf(server: Server, ms: number): Promise<string> {
  const measured = 8;
  const start = performance.now();
  await server.run(digests(measured));
  return digests(Math.ceil((ms / (performance.now() - start)) * measured));
}

/** When this login's calls of that kind began that cannot be interrupted any more; none while none has come so far. */
export async function beginsOf(server: Server, role: string): Promise<Date[]> {
  const rows = await server.run(
    `select state_change as since from pg_stat_activity join pg_locks using (pid)
      where usename = '${role}' and locktype = 'advisory' and objid = ${lock}`,
  );
  return rows.map(({ since }) => since as Date);
}
