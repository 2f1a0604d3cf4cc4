import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  accountOfServer,
  programsFor,
  type Account,
  type Programs,
} from '../../src/broker/store/embedded-programs.ts';
import { freePort } from '../broker/support/postgres.ts';

const run = promisify(execFile);

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '150',
  // What a crash of the server loses is tried; a crash of the machine is not.
  fsync: 'off',
  wal_keep_size: '64MB',
  // New files for what is written, so that a full disk is met soon.
  wal_recycle: 'off',
  min_wal_size: '2MB',
  log_min_messages: 'warning',
};

/** After a crash it takes connections again within so many ms, or hangs. */
const recoversWithinMs = 20_000;
/** Told to stop, it ends within so many ms, or is ended. */
const endsWithinMs = 20_000;

/** PostgreSQL's own programs, and whom they run as. */
export interface Postgres {
  readonly programs: Programs;
  readonly account: Account | undefined;
}

/** @param folder where a copy of the programs goes if the account cannot reach the installed ones */
export async function findPostgres(folder: string): Promise<Postgres> {
  const account = await accountOfServer();
  return { account, programs: await programsFor(account, folder) };
}

/** A real PostgreSQL on loopback that can be restarted, crashed and followed by a standby. */
export class Server {
  readonly #postgres: Postgres;
  readonly directory: string;
  #port: number;
  readonly password: string;
  #child: ChildProcess | undefined;
  #client: Promise<pg.Client> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #log: string[] = [];
  /** How often it said that its disk is full. */
  fullDisks = 0;
  /** Since when it answers, on this process's monotonic clock; Infinity: it does not. */
  upSince = Infinity;

  private constructor(postgres: Postgres, directory: string, port: number, password: string) {
    this.#postgres = postgres;
    this.directory = directory;
    this.#port = port;
    this.password = password;
  }

  /** @param directory made here; its parent must be reachable by the account */
  static async make(postgres: Postgres, directory: string): Promise<Server> {
    const password = randomBytes(24).toString('base64url');
    const { account, programs } = postgres;
    await mkdir(directory, { mode: 0o700 });
    const passwordFile = `${directory}.password`;
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (account) for (const one of [directory, passwordFile]) await chown(one, account.uid, account.gid);
    const flags = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--no-sync'];
    await run(programs.initdb, ['-D', directory, ...flags, `--pwfile=${passwordFile}`, '--wal-segsize=1'], {
      ...account,
      cwd: directory,
    });
    await rm(passwordFile);
    const server = new Server(postgres, directory, await freePort(), password);
    await server.start();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const { programs, account } = this.#postgres;
    const flags = Object.entries({ ...settings, port: String(this.port) }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]);
    const child = spawn(programs.postgres, ['-D', this.directory, ...flags], {
      ...account,
      cwd: this.directory,
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log.push(text);
      if (this.#log.length > 50) this.#log.shift();
      if (text.includes('No space left on device')) this.fullDisks += 1;
    });
    child.once('exit', () => {
      this.#child = undefined;
      this.upSince = Infinity;
      this.#client = undefined;
    });
    const hangsFrom = performance.now() + recoversWithinMs;
    for (;;) {
      if (performance.now() > hangsFrom) await this.stop('SIGQUIT');
      if (this.#child !== child) throw new Error(`PostgreSQL did not start.\n${this.#log.join('')}`);
      if (
        await this.query('select 1').then(
          () => true,
          () => false,
        )
      )
        break;
      await pause(30);
    }
    this.upSince = performance.now();
  }

  /** `SIGINT`: in order, clients are cut off; `SIGQUIT`: at once, as in a crash. */
  async stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const slow = setTimeout(() => child.kill('SIGKILL'), endsWithinMs);
    await gone;
    clearTimeout(slow);
  }

  /**
   * Resolves when it takes connections again, started anew if it has ended. PostgreSQL 18 can hang after a crash on a full
   * disk ("not yet accepting connections", with no process that recovers it): whoever operates it starts it anew then.
   */
  async recovered(): Promise<void> {
    this.upSince = Infinity;
    let hangsFrom = performance.now() + recoversWithinMs;
    for (;;) {
      const answers = await this.query('select 1').then(
        () => true,
        () => false,
      );
      if (answers) break;
      if (performance.now() > hangsFrom) {
        await this.stop('SIGQUIT');
        hangsFrom = performance.now() + recoversWithinMs;
      }
      if (!this.isRunning) await this.start().catch(() => undefined);
      await pause(50);
    }
    this.upSince = performance.now();
  }

  /** How the superuser reaches the database that `query` is about. */
  get superuser(): pg.ClientConfig {
    const { port, password, database } = this;
    return { host: '127.0.0.1', port, user: 'postgres', password, database };
  }

  /** A connection of the superuser's; the caller ends it. */
  async connect(database = 'postgres'): Promise<pg.Client> {
    const client = new pg.Client({
      ...this.superuser,
      database,
      connectionTimeoutMillis: 5_000,
      query_timeout: 15_000,
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Asks as the superuser, one question after the other on a connection that stays open. */
  query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const answer = this.#turn.then(() => this.#ask<Row>(sql, values));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  async #ask<Row extends pg.QueryResultRow>(sql: string, values: unknown[]): Promise<Row[]> {
    const mine = (this.#client ??= this.connect(this.database));
    try {
      return (await (await mine).query<Row>(sql, values)).rows;
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.severity === 'ERROR') throw error;
      if (this.#client === mine) this.#client = undefined;
      void mine.then((client) => client.end()).catch(() => undefined);
      throw error;
    }
  }

  /** Which of its databases `query` is about. */
  database = 'postgres';

  /** Changes the database that `query` is about. */
  async use(database: string): Promise<void> {
    const before = this.#client;
    this.#client = undefined;
    this.database = database;
    await (await before)?.end();
  }

  /** Copies it while it runs (a base backup) and starts the copy as a standby that each commit waits for. */
  async follow(directory: string): Promise<Server> {
    const { account } = this.#postgres;
    const backup = await this.connect();
    let label: string;
    try {
      await backup.query("select pg_backup_start('standby', true)");
      // Files that come and go meanwhile are what the write-ahead log is for.
      await run('cp', ['-a', this.directory, directory]).catch(() => undefined);
      const { rows } = await backup.query<{ labelfile: string }>(
        'select labelfile from pg_backup_stop(false)',
      );
      label = rows[0]?.labelfile ?? '';
    } finally {
      await backup.end();
    }
    const conninfo = `host=127.0.0.1 port=${this.port} user=postgres password=${this.password} application_name=standby`;
    await writeFile(join(directory, 'backup_label'), label);
    await writeFile(join(directory, 'standby.signal'), '');
    await appendFile(join(directory, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
    for (const gone of ['postmaster.pid', 'postmaster.opts'])
      await rm(join(directory, gone), { force: true });
    if (account)
      for (const name of ['backup_label', 'standby.signal', 'postgresql.auto.conf'])
        await chown(join(directory, name), account.uid, account.gid);
    const standby = new Server(this.#postgres, directory, await freePort(), this.password);
    standby.database = this.database;
    await standby.start();
    await this.query("alter system set synchronous_standby_names = '*'");
    await this.query('select pg_reload_conf()');
    for (;;) {
      const rows = await this.query("select from pg_stat_replication where sync_state = 'sync'");
      if (rows.length > 0) return standby;
      await pause(50);
    }
  }

  /** Makes a standby the primary; resolves when it takes writes. */
  async promote(): Promise<void> {
    await this.query('select pg_promote(true, 60)');
  }

  /** Restarts it where clients know another server that is gone: its address moves to this one. */
  async takePlaceOf({ port }: Server): Promise<void> {
    await this.stop('SIGINT');
    this.#port = port;
    await this.start();
  }

  /** Ends it and removes what it kept. */
  async remove(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.then((one) => one.end()).catch(() => undefined);
    await this.stop('SIGQUIT');
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
