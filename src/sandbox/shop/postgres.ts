import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import pg from 'pg';
import { Secret } from '../../contract/secret.ts';
import { selfMadeCertificates } from './certificates.ts';
import { accountOfServer, programsFor } from '../../broker/store/embedded-programs.ts';

const run = promisify(execFile);

export interface PostgresOptions {
  /** Everything goes in here. As root it must be a folder that others may pass through. */
  readonly folder: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Postgres {
  readonly port: number;
  readonly pid: number;
  readonly log: string;
  /** PEM; vouches for the server as `localhost` and 127.0.0.1. */
  readonly certificateAuthority: string;
  /** `postgres://…` of its superuser, for one database. */
  superuser(database: string): Secret;
  stop(): Promise<void>;
}

const user = 'postgres';

/** A new, empty PostgreSQL: on 127.0.0.1 only, no socket, SCRAM, a random password that no other account can read. */
export async function startPostgres({
  folder,
  port,
  settings,
  environment,
}: PostgresOptions): Promise<Postgres> {
  const account = await accountOfServer();
  const data = join(folder, 'data');
  await mkdir(folder, { recursive: true, mode: account ? 0o711 : 0o700 });
  await mkdir(data, { mode: 0o700 });
  const programs = await programsFor(account, folder);
  const password = new Secret(randomBytes(24).toString('base64url'));
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password.reveal(), { mode: 0o600 });
  if (account) for (const path of [data, passwordFile]) await chown(path, account.uid, account.gid);

  const env = { ...process.env, ...environment, LC_ALL: 'C' };
  const flags = [
    '--auth=scram-sha-256',
    `--username=${user}`,
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ];
  await run(programs.initdb, [`--pgdata=${data}`, `--pwfile=${passwordFile}`, ...flags], {
    ...account,
    cwd: '/',
    env,
  });
  await rm(passwordFile);
  const certificates = selfMadeCertificates(['localhost'], ['127.0.0.1']);
  for (const [name, content] of [
    ['server.crt', certificates.certificate],
    ['server.key', certificates.key],
  ] as const) {
    await writeFile(join(data, name), content, { mode: 0o600 });
    if (account) await chown(join(data, name), account.uid, account.gid);
  }

  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    ssl: 'on',
    ...settings,
  };
  const log = join(folder, 'postgres.log');
  const child = spawn(
    programs.postgres,
    [
      '-D',
      data,
      '-p',
      String(port),
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    {
      ...account,
      cwd: '/',
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: process.platform !== 'win32',
    },
  );
  const kept = createWriteStream(log, { mode: 0o600 });
  child.stderr.pipe(kept);
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${said.join('\n')}`)));
    const lines = createInterface({ input: child.stderr });
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('database system is ready to accept connections')) {
        lines.close();
        // Closing the reader pauses what the log is written from.
        child.stderr.resume();
        resolve();
      }
    });
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('PostgreSQL has no process id.');

  return {
    port,
    pid,
    log,
    certificateAuthority: certificates.certificateAuthority,
    superuser: (database) =>
      new Secret(`postgres://${user}:${password.reveal()}@127.0.0.1:${port}/${database}`),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      // Fast shutdown: ends sessions, does not wait for them.
      child.kill('SIGINT');
      await ended;
    },
  };
}

/** Runs a script, all of it or nothing of it known to have failed, on a connection of its own. */
export async function runSql(connection: Secret, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: connection.reveal() });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
