import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { ShellFile } from '../contract/session-file.ts';
import { shellEnvironment } from './environment.ts';
import type { ShellEnd } from './ending.ts';
import { removeGroup } from './group.ts';
import { processes } from './processes.ts';
import { shellCommand, type ShellCommand } from './shell.ts';
import { startedHere, stopAll, stopTree, type Stopped } from './stop.ts';

/** The shell that runs in this terminal, and what it started. */
export class Shell {
  readonly pid: number;
  readonly #process: ChildProcess;
  #ended: ShellEnd | undefined;

  /** @param ended is called when the shell has ended */
  constructor(process: ChildProcess, ended: () => void) {
    const startedAt = performance.now();
    const take = (code: number | null, signal: NodeJS.Signals | null): void => {
      this.#ended = { code, signal, afterMs: performance.now() - startedAt };
      ended();
    };
    this.#process = process;
    // It has been spawned.
    this.pid = process.pid ?? 0;
    process.once('exit', take);
    if (process.exitCode !== null || process.signalCode !== null) take(process.exitCode, process.signalCode);
  }

  get ended(): ShellEnd | undefined {
    return this.#ended;
  }

  /** Stops it and all that carries the lease's mark, is of this terminal, or descends from either. */
  async stop(lease: string): Promise<Stopped> {
    if (process.platform === 'win32') return stopTree(this.pid);
    const origin = { launcher: process.pid, shell: this.pid };
    try {
      return await stopAll(() => startedHere(processes(lease), origin), this.pid);
    } finally {
      // Where the system does not list its processes, this one is known all the same.
      this.#process.kill('SIGKILL');
      removeGroup(lease);
    }
  }
}

/**
 * Starts the person's shell in this terminal, in their home folder. The shell becomes the terminal's foreground job by
 * itself, as every interactive shell does.
 * @param session the credential's variables
 * @param folder the credential's folder, where zsh's start-up files are put
 * @param remark is told what the person should know of the shell, before that writes
 * @throws Error when no shell can be started
 */
export async function startShell(
  file: ShellFile,
  session: Record<string, string>,
  folder: string,
  remark: (text: string) => void,
): Promise<ChildProcess> {
  const wanted = file.shell ?? file.base['SHELL'] ?? account()?.shell ?? undefined;
  const first =
    wanted !== undefined && isAbsolute(wanted)
      ? await tryShell(wanted, file, session, folder, remark)
      : undefined;
  if (first) return first;
  const fallback = process.platform === 'win32' ? 'cmd.exe' : '/bin/sh';
  remark(`${wanted ?? 'Your shell'} cannot be started; this is ${fallback}.`);
  const second = await tryShell(fallback, file, session, folder, remark);
  if (!second) throw new Error(`${fallback} cannot be started either`);
  return second;
}

async function tryShell(
  shell: string,
  { base, appRoot }: ShellFile,
  session: Record<string, string>,
  folder: string,
  remark: (text: string) => void,
): Promise<ChildProcess | undefined> {
  const home = base['HOME'] ?? base['USERPROFILE'] ?? account()?.homedir ?? homedir();
  const startUpFolder = join(folder, 'zsh');
  const commandWith = (scripts: string | null): ShellCommand =>
    shellCommand({
      shell,
      platform: process.platform,
      appRoot: scripts,
      startUpFolder,
      zdotdir: base['ZDOTDIR'] ?? home,
      exists: existsSync,
    });
  let command = commandWith(appRoot);
  try {
    for (const [name, source] of Object.entries(command.startUpFiles)) {
      mkdirSync(startUpFolder, { recursive: true, mode: 0o700 });
      copyFileSync(source, join(startUpFolder, name));
    }
  } catch {
    // A full disk: the shell does without VS Code's integration.
    command = commandWith(null);
  }
  if (command.untried !== undefined && existsSync(shell))
    remark(
      `${command.untried} is untested with Daypass: the access ends at its target in any case, what runs in this terminal may not.`,
    );
  const child = spawn(command.file, command.args, {
    stdio: 'inherit',
    cwd: existsSync(home) ? home : '/',
    env: { ...shellEnvironment(base, process.env, session), ...command.environment },
  });
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(child));
    child.once('error', () => resolve(undefined));
  });
}

function account() {
  try {
    return userInfo();
  } catch {
    return undefined;
  }
}
