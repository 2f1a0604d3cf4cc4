import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as z from 'zod';

const run = promisify(execFile);

/** A process that cannot be mistaken for a later one with the same number. */
export const ProcessIdentity = z.object({ pid: z.int().positive(), started: z.string() });
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

/** When a process started, in whatever form the platform tells it; undefined if there is none. */
export async function startOf(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === 'linux') {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      const ticks = statOf(pid)?.started;
      return ticks === undefined ? undefined : `${boot}/${ticks}`;
    }
    const { stdout } =
      process.platform === 'win32'
        ? await run('powershell', ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.Ticks`])
        : await run('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const started = await startOf(pid);
  return started === undefined ? undefined : { pid, started };
}

export async function isAlive({ pid, started }: ProcessIdentity): Promise<boolean> {
  return (await startOf(pid)) === started;
}

interface Stat {
  readonly parent: number;
  readonly started: string;
}

/** Zombies do not count: they run nothing any more. */
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { parent: Number(fields[1]), started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

async function parents(): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  if (process.platform === 'linux') {
    for (const name of readdirSync('/proc')) {
      const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
      if (stat) found.set(Number(name), stat.parent);
    }
  } else if (process.platform !== 'win32') {
    const { stdout } = await run('ps', ['-axo', 'pid=,ppid=']);
    for (const line of stdout.trim().split('\n')) {
      const [pid, parent] = line.trim().split(/\s+/).map(Number);
      if (pid !== undefined && parent !== undefined) found.set(pid, parent);
    }
  }
  return found;
}

/** A process's parent, or undefined where there is no such process or the system does not tell (anything but Linux). */
export function parentOf(pid: number): number | undefined {
  return process.platform === 'linux' ? statOf(pid)?.parent : undefined;
}

/** Everything that these processes started and that still hangs on them, themselves included. */
export async function familyOf(roots: readonly number[]): Promise<ProcessIdentity[]> {
  const known = await parents();
  const family = new Set(roots);
  for (let grown = true; grown;) {
    grown = false;
    for (const [pid, parent] of known)
      if (family.has(parent) && !family.has(pid)) {
        family.add(pid);
        grown = true;
      }
  }
  return identifyAll(family);
}

/** Every process whose environment says that it belongs to a sandbox (Linux only; elsewhere none). */
export async function markedWith(variable: string, value: string): Promise<ProcessIdentity[]> {
  if (process.platform !== 'linux') return [];
  const mark = `${variable}=${value}`;
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      if (readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(mark)) found.push(Number(name));
    } catch {
      // Gone meanwhile, or somebody else's.
    }
  }
  return identifyAll(found);
}

async function identifyAll(pids: Iterable<number>): Promise<ProcessIdentity[]> {
  const all = await Promise.all([...pids].map(identify));
  return all.filter((one) => one !== undefined);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone meanwhile.
  }
}

/** Asks processes to end, and after the grace ends what is left. Resolves when none of them runs any more. */
export async function end(
  processes: readonly ProcessIdentity[],
  graceMs: number,
  ask: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  let left = await alive(processes);
  for (const { pid } of left) signal(pid, ask);
  const graceEnds = Date.now() + graceMs;
  while (left.length > 0 && Date.now() < graceEnds) {
    await sleep(20);
    left = await alive(left);
  }
  for (const { pid } of left) signal(pid, 'SIGKILL');
  const givenUp = Date.now() + 5000;
  while (left.length > 0 && Date.now() < givenUp) {
    await sleep(20);
    left = await alive(left);
  }
}

async function alive(processes: readonly ProcessIdentity[]): Promise<ProcessIdentity[]> {
  const states = await Promise.all(processes.map(isAlive));
  return processes.filter((_, index) => states[index]);
}
