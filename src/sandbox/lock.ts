import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive, ProcessIdentity } from './processes.ts';

export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes a lock that dies with its process: a holder that does not run any more, killed or switched off, holds nothing.
 * @returns undefined while another living process holds it
 */
export async function tryLock(file: string): Promise<Lock | undefined> {
  const us = await identify(process.pid);
  if (!us) throw new Error('This process cannot find itself among the processes of this machine.');
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const ours = `${file}.${randomUUID()}`;
  await writeFile(ours, JSON.stringify(us), { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A hard link appears whole or not at all, and never replaces.
        await link(ours, file);
        return { release: () => rm(file, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = await holderOf(file);
      if (holder && (await isAlive(holder))) return undefined;
      // Two may find the same dead holder: whoever moves the file away looks again at what it moved.
      const moved = `${file}.${randomUUID()}`;
      try {
        await rename(file, moved);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        throw error;
      }
      const taken = await holderOf(moved);
      if (taken && (await isAlive(taken))) await link(moved, file).catch(() => undefined);
      await rm(moved, { force: true });
    }
  } finally {
    await rm(ours, { force: true });
  }
}

/** Takes a lock as soon as nobody else has it. */
export async function waitForLock(
  file: string,
  signal?: AbortSignal,
  waiting: () => void = () => undefined,
): Promise<Lock> {
  for (;;) {
    const lock = await tryLock(file);
    if (lock) return lock;
    waiting();
    await sleep(200, undefined, signal && { signal });
  }
}

async function holderOf(file: string): Promise<ProcessIdentity | undefined> {
  try {
    return ProcessIdentity.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
