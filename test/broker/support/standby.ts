import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { clientsOf, flagsOf, freePort, serverFolder, type PostgresServer } from './postgres.ts';

/** A server that replays what another one writes, and lets people read meanwhile. */
export interface Standby extends Omit<PostgresServer, 'pid'> {
  /** Of the server's main process at this moment. */
  readonly pid: number;
  /** Ends its processes as a crash would, and keeps its data. */
  halt(): Promise<void>;
  /** Starts it again after `halt`, on the same port. */
  resume(): Promise<void>;
}

export interface StandbyOptions {
  /** What it calls itself at its primary (`application_name` there); PostgreSQL's own `walreceiver` unless told. */
  readonly name?: string;
  /** A replication slot at the primary; it is made if it is not there. */
  readonly slot?: string;
  /** Another standby that it streams from instead of the primary. */
  readonly from?: Standby;
}

/**
 * Starts a hot standby of a server of these tests: a copy of its files that replays what it writes. Takes about a
 * second; resolves when it lets people in. Whoever starts it stops it, before its primary. `select pg_promote()` makes
 * it a primary.
 */
export async function startStandby(primary: PostgresServer, options: StandbyOptions = {}): Promise<Standby> {
  const directory = await serverFolder();
  const port = await freePort();
  // The same program: another major version could not read the files.
  const program = await readlink(`/proc/${primary.pid}/exe`);
  const { uid, gid } = await stat(join(primary.directory, 'PG_VERSION'));
  const { certificateAuthority, password } = primary;
  const settings = {
    ...primary.settings,
    cluster_name: options.name ?? '',
    primary_slot_name: options.slot ?? '',
    primary_conninfo: `host=127.0.0.1 port=${(options.from ?? primary).port} user=postgres password=${password} sslmode=${certificateAuthority === undefined ? 'disable' : 'require'}`,
    // It connects again at once where its primary was away.
    wal_retrieve_retry_interval: '200ms',
  };
  let running: ChildProcess | undefined;

  const start = async () => {
    const server = spawn(program, ['-D', directory, '-p', String(port), ...flagsOf(settings)], {
      ...(process.getuid?.() === 0 ? { uid, gid } : {}),
      // What libpq looks for at home the server's account may not read.
      env: { ...process.env, LC_MESSAGES: 'C', HOME: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running = server;
    const log: string[] = [];
    await new Promise<void>((resolve, reject) => {
      server.stderr.setEncoding('utf8').on('data', (line: string) => {
        log.push(line);
        if (log.length > 100) log.shift();
        if (log.join('').includes('ready to accept read-only connections')) resolve();
      });
      server.once('exit', () => reject(new Error(`The standby did not start.\n${log.join('')}`)));
      server.once('error', reject);
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    const server = running;
    running = undefined;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const over = once(server, 'exit');
    server.kill(signal);
    await over;
  };
  const stop = async () => {
    await end('SIGQUIT');
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await copy(primary, directory, options.slot);
    await writeFile(join(directory, 'standby.signal'), '');
    for (const made of ['.', 'standby.signal', 'backup_label']) await chown(join(directory, made), uid, gid);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...clientsOf({ port, password, certificateAuthority }),
    directory,
    settings,
    get pid() {
      if (running?.pid === undefined) throw new Error('The standby does not run.');
      return running.pid;
    },
    halt: () => end('SIGQUIT'),
    resume: start,
    stop,
  };
}

/** Copies a running server's files the way backups are taken, so that what is copied is a beginning to replay from. */
async function copy(primary: PostgresServer, directory: string, slot: string | undefined): Promise<void> {
  const client = await primary.connect();
  try {
    if (slot !== undefined)
      await client.query(
        `select pg_create_physical_replication_slot($1, true)
          where not exists (select from pg_replication_slots where slot_name = $1)`,
        [slot],
      );
    // The backup's checkpoint would remove what another standby without a slot has not received yet: it would lag for ever.
    await client.query(`alter system set wal_keep_size = '512MB'`);
    await client.query('select pg_reload_conf()');
    await client.query(`select pg_backup_start('standby', true)`);
    await promisify(execFile)('cp', ['-a', `${primary.directory}/.`, directory]);
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    await writeFile(join(directory, 'backup_label'), rows[0]?.labelfile ?? '');
    // Its own process is another, and its primary's slots are not its own.
    for (const name of ['postmaster.pid', 'postmaster.opts'])
      await rm(join(directory, name), { force: true });
    for (const name of await readdir(join(directory, 'pg_replslot')))
      await rm(join(directory, 'pg_replslot', name), { recursive: true });
  } finally {
    await client.end();
  }
}
