import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tryLock, type Lock } from './lock.ts';
import { markVariable, removeLeftovers, Running, runFolderPrefix } from './leftovers.ts';
import { identify, type ProcessIdentity } from './processes.ts';

/** One sandbox's place on this machine. Several run side by side, each with a number of its own. */
export interface Place {
  /** 1 for the first one; ports and paths follow from it. */
  readonly number: number;
  /** Private; kept between starts. */
  readonly kept: string;
  /** For this start alone; gone at its end. */
  readonly folder: string;
  /** Put into the environment of everything that is started. */
  readonly mark: Readonly<Record<string, string>>;
  /** Notes a process, so that the next start ends it if this one is killed. */
  record(pid: number): Promise<void>;
  /** Ends what still runs, removes what was written, gives the place free. */
  leave(): Promise<void>;
}

const runningFile = 'running.json';
const mostPlaces = 50;

/** Takes the first free place below a folder, and cleans up after sandboxes that were killed, in whichever place. */
export async function takePlace(root: string): Promise<Place> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  await chmod(root, 0o700);
  let taken: { number: number; kept: string; lock: Lock } | undefined;
  const known = new Set(await readdir(root));
  for (let number = 1; number <= mostPlaces; number++) {
    const name = `sandbox-${number}`;
    if (taken && !known.has(name)) continue;
    const kept = join(root, name);
    const lock = await tryLock(join(kept, 'lock'));
    if (!lock) continue;
    await cleanAfterKilled(kept);
    if (taken) await lock.release();
    else taken = { number, kept, lock };
  }
  if (!taken) throw new Error(`${mostPlaces} sandboxes run on this machine already. End one of them first.`);
  return settle(taken.number, taken.kept, taken.lock);
}

async function settle(number: number, kept: string, lock: Lock): Promise<Place> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), runFolderPrefix));
  // PostgreSQL does not run as root; the account that it runs as has to pass through to its data, no more.
  await chmod(folder, process.getuid?.() === 0 ? 0o711 : 0o700);
  const id = randomBytes(12).toString('hex');
  const processes: ProcessIdentity[] = [];
  let written = Promise.resolve();
  const write = () => {
    written = written.then(async () => {
      const file = join(kept, runningFile);
      const running: Running = { id, folder, processes };
      await writeFile(`${file}.new`, JSON.stringify(running), { mode: 0o600 });
      await rename(`${file}.new`, file);
    });
    return written;
  };
  await write();
  const lastMoment = () => startCleaner({ id, folder, processes });
  process.once('exit', lastMoment);
  return {
    number,
    kept,
    folder,
    mark: { [markVariable]: id },
    record: async (pid) => {
      const one = await identify(pid);
      if (!one) return;
      processes.push(one);
      await write();
    },
    leave: async () => {
      await written;
      process.off('exit', lastMoment);
      await removeLeftovers({ id, folder, processes });
      await rm(join(kept, runningFile), { force: true });
      await lock.release();
    },
  };
}

/** What a process cannot do any more while it ends, another one does. Our own files may go before it has read them. */
function startCleaner(running: Running): void {
  const file = join(tmpdir(), `${runFolderPrefix}${running.id}.json`);
  writeFileSync(file, JSON.stringify(running), { mode: 0o600 });
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const words = ['--import', loader, join(import.meta.dirname, 'cleaner.ts'), file];
  spawn(process.execPath, words, { cwd: import.meta.dirname, detached: true, stdio: 'ignore' }).unref();
}

async function cleanAfterKilled(kept: string): Promise<void> {
  const file = join(kept, runningFile);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  let left: unknown;
  try {
    left = JSON.parse(text);
  } catch {
    left = undefined;
  }
  const running = Running.safeParse(left);
  if (running.success) await removeLeftovers(running.data);
  await rm(file, { force: true });
}

/** A secret that outlives a start, made at the first. */
export async function keptKey(kept: string, name: string, bytes: number): Promise<Buffer> {
  const file = join(kept, name);
  const there = await readFile(file).catch(() => undefined);
  if (there?.length === bytes) return there;
  const made = randomBytes(bytes);
  await mkdir(kept, { recursive: true, mode: 0o700 });
  await writeFile(file, made, { mode: 0o600 });
  return made;
}
