import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
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

/** A call that PostgreSQL cannot interrupt and that takes no time of a processor. */
export interface HeldCall {
  readonly sql: string;
  readonly letGo: () => Promise<void>;
}

/**
 * Opens a pipe as a file: the server waits there, deaf to everything, until somebody opens the other end.
 *
 * @param at where it is called, if that is a standby of this server
 */
export async function heldCall(
  server: PostgresServer,
  database: string,
  at: Pick<PostgresServer, 'directory'> = server,
): Promise<HeldCall> {
  const pipe = join(at.directory, 'held');
  await promisify(execFile)('mkfifo', ['-m', '666', pipe]);
  await server.run('grant execute on function pg_read_file(text) to public', database);
  return {
    sql: `select pg_try_advisory_lock(${lock}), pg_read_file('held')`,
    async letGo() {
      await server.run('revoke execute on function pg_read_file(text) from public', database);
      // For reading too, so that it waits for nobody itself.
      await (await open(pipe, constants.O_RDWR)).close();
    },
  };
}

/** When this login's calls of that kind began that cannot be interrupted any more; none while none has come so far. */
export async function beginsOf(server: Server, role: string): Promise<Date[]> {
  const rows = await server.run(
    `select state_change as since from pg_stat_activity join pg_locks using (pid)
      where usename = '${role}' and locktype = 'advisory' and objid = ${lock}`,
  );
  return rows.map(({ since }) => since as Date);
}
