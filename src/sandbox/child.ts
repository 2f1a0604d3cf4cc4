import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';

export interface Child {
  readonly pid: number;
  /** Resolves when it has ended, however it ended. */
  readonly ended: Promise<void>;
  readonly hasEnded: () => boolean;
  /** The last of what it said. */
  said(): Promise<string>;
  /** Asks it to end, and ends it after the grace. */
  stop(graceMs: number): Promise<void>;
}

export interface ChildOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly log: string;
  /** What must not stand in the log. */
  readonly hide?: (text: string) => string;
  readonly folder?: string;
}

/** Starts a program of the sandbox, its output kept in a private log. */
export async function startChild(
  program: string,
  words: readonly string[],
  options: ChildOptions,
): Promise<Child> {
  const child: ChildProcess = spawn(program, words, {
    cwd: options.folder,
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own: Ctrl+C is for the sandbox, which ends its parts in order.
    detached: process.platform !== 'win32',
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} has no process id.`);

  const log = createWriteStream(options.log, { flags: 'a', mode: 0o600 });
  const keep = (chunk: Buffer) => {
    const text = chunk.toString('utf8');
    log.write(options.hide ? options.hide(text) : text);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.once('close', () => log.end());

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
    ended,
    hasEnded,
    said: async () => (await readFile(options.log, 'utf8').catch(() => '')).slice(-2000).trim(),
    stop: async (graceMs) => {
      if (hasEnded()) return;
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(patience);
    },
  };
}

export interface RunOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly folder?: string;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end and gives what it wrote to standard output. Throws with what it said if it failed. */
export async function runToEnd(
  program: string,
  words: readonly string[],
  { environment, folder, signal }: RunOptions,
): Promise<string> {
  const child = spawn(program, words, {
    cwd: folder,
    env: environment,
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  );
  const text = Buffer.concat(out).toString('utf8');
  if (code === 0) return text;
  const said = `${Buffer.concat(err).toString('utf8')}\n${text}`.trim().slice(-4000);
  throw new Error(`${[program, ...words].join(' ')} ended with ${code ?? 'a signal'}:\n${said}`);
}
