import { spawn } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { end, identify, type ProcessIdentity } from '../../../src/sandbox/processes.ts';

/** A program that runs, and how to start it again in the very same way (Linux). */
export class Program {
  readonly #words: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #folder: string;
  readonly #account: { readonly uid: number; readonly gid: number };
  #process: ProcessIdentity;

  private constructor(
    process: ProcessIdentity,
    words: readonly string[],
    environment: NodeJS.ProcessEnv,
    folder: string,
    account: { uid: number; gid: number },
  ) {
    this.#process = process;
    this.#words = words;
    this.#environment = environment;
    this.#folder = folder;
    this.#account = account;
  }

  static async of(pid: number): Promise<Program> {
    const identity = await identify(pid);
    if (!identity) throw new Error(`No process ${pid} runs.`);
    const read = async (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8');
    const words = (await read('cmdline')).split('\0').slice(0, -1);
    const entries = (await read('environ')).split('\0').filter(Boolean);
    const environment = Object.fromEntries(
      entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
    const status = await read('status');
    const id = (kind: string) => Number(new RegExp(`^${kind}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    const account = { uid: id('Uid'), gid: id('Gid') };
    // The first word is only what it was called by.
    const program = await readlink(`/proc/${pid}/exe`);
    const folder = await readlink(`/proc/${pid}/cwd`);
    return new Program(identity, [program, ...words.slice(1)], environment, folder, account);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Asks it to end, and waits until it has. */
  async stop(ask: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await end([this.#process], 20_000, ask);
  }

  async startAgain(): Promise<void> {
    const [program = '', ...words] = this.#words;
    const child = spawn(program, words, {
      cwd: this.#folder,
      env: this.#environment,
      stdio: 'ignore',
      detached: true,
      ...(process.getuid?.() === 0 ? this.#account : {}),
    });
    child.unref();
    const identity = child.pid === undefined ? undefined : await identify(child.pid);
    if (!identity) throw new Error(`${program} did not start again.`);
    this.#process = identity;
  }
}
