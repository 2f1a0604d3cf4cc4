import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { ShellFile } from '../contract/session-file.ts';
import { shellEnvironment } from './environment.ts';
import { shellCommand } from './shell.ts';

export interface Started {
  readonly process: ChildProcess;
  /** Said before the prompt, when it is not the shell that was asked for. */
  readonly remark: string | undefined;
}

/**
 * Starts the person's shell in this terminal, in their home folder. The shell becomes the terminal's foreground job by
 * itself, as every interactive shell does.
 * @param session the credential's variables
 * @param folder the credential's folder, where zsh's start-up files are put
 */
export async function startShell(
  file: ShellFile,
  session: Record<string, string>,
  folder: string,
): Promise<Started> {
  const wanted = file.shell ?? file.base['SHELL'] ?? accountShell();
  const fallback = process.platform === 'win32' ? 'cmd.exe' : '/bin/sh';
  const first =
    wanted !== undefined && isAbsolute(wanted) ? await tryShell(wanted, file, session, folder) : undefined;
  if (first) return { process: first, remark: undefined };
  const second = await tryShell(fallback, file, session, folder);
  if (!second) throw new Error(`neither ${wanted ?? 'your shell'} nor ${fallback} can be started`);
  return { process: second, remark: `${wanted ?? 'Your shell'} cannot be started; this is ${fallback}.` };
}

async function tryShell(
  shell: string,
  { base, appRoot }: ShellFile,
  session: Record<string, string>,
  folder: string,
): Promise<ChildProcess | undefined> {
  const home = base['HOME'] ?? base['USERPROFILE'] ?? account()?.homedir ?? homedir();
  const startUpFolder = join(folder, 'zsh');
  const command = shellCommand({
    shell,
    platform: process.platform,
    appRoot,
    startUpFolder,
    zdotdir: base['ZDOTDIR'] ?? home,
    exists: existsSync,
  });
  const files = Object.entries(command.startUpFiles);
  if (files.length > 0) mkdirSync(startUpFolder, { recursive: true, mode: 0o700 });
  for (const [name, source] of files) copyFileSync(source, join(startUpFolder, name));
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

function accountShell(): string | undefined {
  return account()?.shell ?? undefined;
}
