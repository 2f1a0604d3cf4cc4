import { randomUUID } from 'node:crypto';
import { link, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { createFile, isCode, readIfThere } from './private-files.ts';

/** Longer than anything done under the lock may take (a call to the identity provider ends after 20 s). */
const staleAfterMs = 45_000;
const lookAgainMs = 25;

export interface Held {
  /** Whether the lock is still ours: a process that was stopped for long may have lost it. */
  stillHeld(): Promise<boolean>;
}

/**
 * Runs `work` while no other window of this person does, in this process or another. A lock whose holder has died, or
 * that is older than anything takes, is broken.
 * @throws Error after `patienceMs` without getting it
 */
export async function locked<T>(
  path: string,
  work: (held: Held) => Promise<T>,
  patienceMs = 60_000,
): Promise<T> {
  const mine = JSON.stringify({ nonce: randomUUID(), pid: process.pid, host: hostname() });
  const until = performance.now() + patienceMs;
  while (!(await createFile(path, mine))) {
    await breakIfStale(path);
    if (performance.now() > until) throw new Error('Another window holds the sign-in for too long.');
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs * (1 + Math.random())));
  }
  const stillHeld = async () => (await readIfThere(path)) === mine;
  try {
    return await work({ stillHeld });
  } finally {
    if (await stillHeld()) await rm(path, { force: true });
  }
}

async function breakIfStale(path: string): Promise<void> {
  const seen = await readIfThere(path);
  if (seen === undefined || !(await isStale(path, seen))) return;
  // Whoever moves the file away first breaks it; if a new holder was quicker than that, it gets its lock back.
  const aside = `${path}.${randomUUID()}.broken`;
  try {
    await rename(path, aside);
    if ((await readIfThere(aside)) !== seen) await link(aside, path);
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'EEXIST')) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function isStale(path: string, text: string): Promise<boolean> {
  try {
    const ageMs = Date.now() - (await stat(path)).mtimeMs;
    if (Math.abs(ageMs) > staleAfterMs) return true;
    const holder: unknown = JSON.parse(text);
    return typeof holder === 'object' && holder !== null && holderIsDead(holder);
  } catch {
    // Gone meanwhile, or its writer has not come to writing yet.
    return false;
  }
}

function holderIsDead(holder: object): boolean {
  const { pid, host } = holder as { pid?: unknown; host?: unknown };
  if (host !== hostname() || typeof pid !== 'number' || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return isCode(error, 'ESRCH');
  }
}
