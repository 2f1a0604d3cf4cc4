import { spawn } from 'node:child_process';
import { chown, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Account, Programs } from './embedded-programs.ts';
import { step } from '../step.ts';
import { StoreUnusable } from './unusable.ts';

export interface Beginning {
  readonly programs: Programs;
  readonly account: Account | undefined;
  readonly folder: string;
  /** Where it is to be; not there yet. */
  readonly data: string;
  readonly passwords: { readonly owner: string; readonly runtime: string };
  readonly log: Logger;
}

/** Nobody else gets in, the superuser included. */
const whoMayConnect = 'host daypass daypass_owner,daypass_runtime 127.0.0.1/32 scram-sha-256\n';

/** Single-user mode speaks SQL to nobody but us: the superuser never needs a password. A statement is a line. */
const firstStatements = (passwords: Beginning['passwords']) => [
  `create role daypass_owner login password '${passwords.owner}'`,
  `create role daypass_runtime login password '${passwords.runtime}'`,
  'create database daypass owner daypass_owner template template0',
  'revoke all on database daypass from public',
  'grant connect on database daypass to daypass_runtime',
  'alter role postgres nologin',
];

/** Environment of PostgreSQL's programs: nothing of ours but where programs are found. */
export const plainEnvironment = () => ({ PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' });

/** Makes a complete data directory beside its place and then moves it there, so that it is whole or absent. */
export async function initialise(beginning: Beginning): Promise<void> {
  const { programs, account, folder, data, passwords, log } = beginning;
  await removeUnfinished(folder);
  const unfinished = join(folder, `new-${process.pid}-${Date.now()}`);
  await mkdir(unfinished, { mode: 0o700 });
  if (account) await chown(unfinished, account.uid, account.gid);
  const run = (program: string, options: string[], input = '') =>
    runToEnd(program, options, { account, cwd: unfinished, input, log });
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  await run(programs.initdb, [
    '-D',
    unfinished,
    '--username=postgres',
    '--auth=reject',
    '--no-instructions',
    ...locale,
  ]);
  await writeFile(join(unfinished, 'pg_hba.conf'), whoMayConnect);
  // Log lines could otherwise quote a statement that failed, password included.
  const quiet = ['-c', 'exit_on_error=on', '-c', 'log_min_error_statement=panic'];
  const input = `${firstStatements(passwords).join('\n')}\n`;
  await step('database made', async () => {
    await run(programs.postgres, ['--single', '-D', unfinished, ...quiet, 'postgres'], input);
    await rename(unfinished, data).catch(async (error: unknown) => {
      await rm(unfinished, { recursive: true, force: true });
      // Another broker was quicker; its directory is as good.
      if (!(await stat(data).catch(() => undefined))) throw error;
    });
  });
}

async function removeUnfinished(folder: string): Promise<void> {
  const longAgo = Date.now() - 3600_000;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (name.startsWith('new-') && (await stat(path)).mtimeMs < longAgo)
      await rm(path, { recursive: true, force: true });
  }
}

interface Run {
  readonly account: Account | undefined;
  readonly cwd: string;
  readonly input: string;
  readonly log: Logger;
}

function runToEnd(program: string, options: string[], { account, cwd, input, log }: Run): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, options, {
      cwd,
      env: plainEnvironment(),
      ...account,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    const lines: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      lines.push(text);
      log.debug({ postgresql: text.trimEnd() });
    });
    child.once('error', (cause) => reject(new StoreUnusable(`${program} could not be started.`, { cause })));
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new StoreUnusable(
            `The embedded database could not be made in ${cwd}:\n${lines.slice(-10).join('')}`,
          ),
        );
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
