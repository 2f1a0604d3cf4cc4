import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { plainEnvironment } from './embedded-initialise.ts';
import type { Account, Programs } from './embedded-programs.ts';
import { StoreUnusable } from './unusable.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

export interface RunningPostmaster {
  readonly port: number;
  readonly lost: Promise<void>;
  stop(): Promise<void>;
}

const lookAgainMs = 25;
const startDeadlineMs = 60_000;
/** Clients are cut off at once by a fast shutdown; what takes time is writing the last pages. */
const stopDeadlineMs = 30_000;
const portAttempts = 5;

/** The server that runs on a data directory by what its postmaster.pid says; a file that names none is removed. */
export async function findPostmaster(data: string): Promise<Postmaster | undefined> {
  const file = join(data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => '');
  const [pid, , , port, , , , status] = text.split('\n');
  if (!pid || !isAlive(Number(pid))) return undefined;
  if (!(await worksIn(Number(pid), data))) {
    await rm(file, { force: true });
    return undefined;
  }
  return { pid: Number(pid), port: Number(port), ready: status?.trim() === 'ready' };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether a process has the directory as its own, as PostgreSQL's main process does: after a restart of the machine
 * its number may belong to anything. True where the system does not tell.
 */
async function worksIn(pid: number, data: string): Promise<boolean> {
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return folder === undefined || folder === (await realpath(data));
}

/** Ends a server by its process id: fast (SIGINT), then at once (SIGQUIT). Both lose nothing that was committed. */
export async function endProcess(pid: number, data: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (isAlive(pid)) process.kill(pid, signal);
    const deadline = Date.now() + stopDeadlineMs;
    while (Date.now() < deadline) {
      // Where nobody collects it, an ended process keeps its number; the file is gone then.
      if ((await findPostmaster(data))?.pid !== pid) return;
      await pause(lookAgainMs);
    }
  }
  throw new StoreUnusable(`The PostgreSQL with process id ${pid} could not be stopped.`);
}

export interface Start {
  readonly programs: Programs;
  readonly account: Account | undefined;
  readonly data: string;
  readonly log: Logger;
}

/** Starts the server on a free port of 127.0.0.1 and resolves when it takes connections. */
export async function startPostmaster(start: Start): Promise<RunningPostmaster> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const outcome = await tryPort(start, port);
    if (typeof outcome !== 'string') return outcome;
    if (attempt === portAttempts || !/could not bind|could not create any TCP/i.test(outcome))
      throw new StoreUnusable(`The embedded database in ${start.data} did not start:\n${outcome}`);
  }
}

/** The running server, or what it said before it ended. */
async function tryPort(
  { programs, account, data, log }: Start,
  port: number,
): Promise<RunningPostmaster | string> {
  const settings = Object.entries({
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    max_connections: 60,
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(programs.postgres, ['-D', data, ...settings], {
    cwd: data,
    env: plainEnvironment(),
    ...account,
    // In a group of its own, so that Ctrl+C reaches the broker, which then stops it in order.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    lines.push(text);
    if (lines.length > 20) lines.shift();
    log.debug({ postgresql: text.trimEnd() });
  });
  let asked = false;
  let ended = false as boolean;
  const over = once(child, 'close')
    .catch((error: unknown) => lines.push(String(error)))
    .then(() => (ended = true));
  const lost = new Promise<void>((resolve) => {
    void over.then(() => {
      if (!asked) resolve();
    });
  });

  const deadline = Date.now() + startDeadlineMs;
  for (;;) {
    if (ended) return lines.join('');
    const found = await findPostmaster(data);
    if (found?.pid === child.pid && found?.ready) break;
    if (Date.now() > deadline) {
      child.kill('SIGQUIT');
      return `${lines.join('')}It was not ready after ${startDeadlineMs / 1000} s.`;
    }
    await Promise.race([over, pause(lookAgainMs)]);
  }
  return {
    port,
    lost,
    async stop() {
      asked = true;
      if (ended) return;
      child.kill('SIGINT');
      const slow = setTimeout(() => child.kill('SIGQUIT'), stopDeadlineMs);
      await over;
      clearTimeout(slow);
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
