import { randomBytes } from 'node:crypto';
import { chmod, chown, link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Logger } from 'pino';
import { Secret } from '../../contract/secret.ts';
import { connectionOf, onlyLooking, type StoreServer } from './connect.ts';
import { accountOfServer, programsFor, reaches, type Account } from './embedded-programs.ts';
import { initialise } from './embedded-initialise.ts';
import { endProcess, findPostmaster, startPostmaster, type Postmaster } from './embedded-postmaster.ts';
import { openSession, type Session } from './session.ts';
import { StoreUnusable } from './unusable.ts';

export interface EmbeddedStore {
  /** How to reach it, as owner and as runtime role. The port is another one at each start. */
  readonly server: StoreServer;
  /** Authenticates what the broker writes there; it lies beside the data, not in them. */
  readonly key: Secret;
  /** Resolves when the server ended although nobody had asked it to. */
  readonly lost: Promise<void>;
  close(): Promise<void>;
}

const dataName = 'data';
const lockName = 'embedded';

/**
 * Starts a real PostgreSQL with its data in `folder`, for this process alone and closed to everybody else: folder 0700,
 * loopback only, no socket, SCRAM with random passwords (files of 0600 in the folder), and no role that could log in
 * but our two, neither of them a superuser. A server that a killed broker left behind is stopped first.
 * Throws `StoreUnusable`, also where another broker uses the folder.
 * @param folder absolute path; made if it is missing
 */
export async function startEmbedded(folder: string, log: Logger): Promise<EmbeddedStore> {
  const account = await accountOfServer();
  await prepareFolder(folder, account);
  const key = await secretFile(folder, 'integrity.key');
  const passwords = {
    owner: await secretFile(folder, 'owner.password'),
    runtime: await secretFile(folder, 'runtime.password'),
  };
  const serverAt = (port: number): StoreServer => ({
    kind: 'server',
    host: '127.0.0.1',
    port,
    database: 'daypass',
    tls: { mode: 'off' },
    owner: { user: 'daypass_owner', password: new Secret(passwords.owner) },
    runtime: { user: 'daypass_runtime', password: new Secret(passwords.runtime) },
  });
  const programs = await programsFor(account, folder);
  const data = join(folder, dataName);
  if (!(await isThere(data))) await initialise({ programs, account, folder, data, passwords, log });

  await stopOrphan(data, (port) => claim(serverAt(port)));
  const postmaster = await startPostmaster({ programs, account, data, log });
  const server = serverAt(postmaster.port);
  const keeper = await claim(server).catch(async (error: unknown) => {
    await postmaster.stop();
    throw error;
  });
  if (!keeper) {
    await postmaster.stop();
    throw inUse(folder);
  }
  return {
    server,
    key: new Secret(key),
    lost: postmaster.lost,
    async close() {
      await keeper.close();
      await postmaster.stop();
    },
  };
}

const inUse = (folder: string) =>
  new StoreUnusable(
    `Another broker uses the data folder ${folder}. Stop it first, or give this one a folder of its own. Several brokers can share a PostgreSQL server named under "database".`,
  );

async function prepareFolder(folder: string, account: Account | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = await readdir(folder);
  if (
    names.length > 0 &&
    !names.some((name) => name === dataName || name.endsWith('.password') || name === 'integrity.key')
  )
    throw new StoreUnusable(
      `${folder} holds other things and cannot become the data folder of the embedded database. Name an empty or a new one.`,
    );
  await chmod(folder, 0o700);
  if (!account) return;
  await chown(folder, account.uid, account.gid);
  if (!(await reaches(account, join(folder, dataName))))
    throw new StoreUnusable(
      `The broker runs as root, so PostgreSQL runs as "postgres", and that account cannot reach ${folder}: a folder above it is closed. Name a data folder in a place that all accounts can pass through, such as /var/lib/daypass.`,
    );
}

/** A random secret of ours, made at the first start. It is complete under its name or not there at all. */
async function secretFile(folder: string, name: `${string}.password` | 'integrity.key'): Promise<string> {
  const file = join(folder, name);
  if ((await isThere(join(folder, dataName))) && !(await isThere(file)))
    throw new StoreUnusable(
      `${file} is missing; without it the database beside it is of no use. Restore it from a backup.`,
    );
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flush: true });
  await link(unfinished, file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
  await rm(unfinished, { force: true });
  const { mode, uid } = await stat(file);
  const foreign = process.getuid !== undefined && uid !== process.getuid();
  if (process.platform !== 'win32' && ((mode & 0o077) !== 0 || foreign))
    throw new StoreUnusable(
      `${file} can be read or was written by others, so the secret in it may be known. Delete the data folder if it holds nothing of worth, or restore it from a backup with its modes.`,
    );
  return (await readFile(file, 'utf8')).trim();
}

/**
 * Connects and takes the lock that says whose server it is: it dies with the process that holds it, whatever ended
 * that. Undefined where another process holds it.
 */
async function claim(server: StoreServer): Promise<Session | undefined> {
  const session = await openSession(
    new pg.Client(connectionOf(server, server.owner, 'keeper', undefined, onlyLooking)),
  );
  if (await session.tryLock(lockName)) return session;
  await session.close();
  return undefined;
}

const orphanDeadlineMs = 60_000;

/** SCRAM shows both sides who they are: whoever answers there to our password is our server, and its file names it. */
async function stopOrphan(
  data: string,
  connect: (port: number) => Promise<Session | undefined>,
): Promise<void> {
  const deadline = Date.now() + orphanDeadlineMs;
  let found: Postmaster | undefined;
  while ((found = await findPostmaster(data))) {
    const attempt = await connect(found.port).then(
      (session) => ({ session }),
      (error: unknown) => ({ error }),
    );
    if ('session' in attempt) {
      if (!attempt.session) throw inUse(join(data, '..'));
      await attempt.session.close();
      await endProcess(found.pid, data);
      return;
    }
    if (Date.now() > deadline)
      throw new StoreUnusable(
        `A PostgreSQL with process id ${found.pid} uses ${data} and does not answer. Stop it and start the broker again.`,
        { cause: attempt.error },
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
