import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A control group of the terminal's own (Linux, cgroup v2): what is started in it inherits it, however it forks, changes
 * its session, clears its environment or loses its parents. It can be had where this process may divide the group that it
 * is in: as root, and where a person's systemd hands them their own, as it does to desktop programs and user services.
 */
export function groupName(lease: string): string {
  return `daypass-${lease}`;
}

/** Whether `/proc/<pid>/cgroup` (cgroups(7)) says that a process is in the terminal's group, or in one below that. */
export function isInGroup(file: string, lease: string): boolean {
  return file
    .split('\n')
    .some((line) => line.startsWith('0::') && line.split('/').includes(groupName(lease)));
}

/** Does `start` with this process in the terminal's group, so that not even the first fork is missed. */
export async function startInGroup<T>(lease: string, start: () => Promise<T>): Promise<T> {
  const own = ownGroup();
  const group = own === undefined ? undefined : join(own, groupName(lease));
  const isEntered = group !== undefined && attempt(() => mkdirSync(group)) && attempt(() => enter(group));
  try {
    return await start();
  } finally {
    if (isEntered && own !== undefined) attempt(() => enter(own));
  }
}

/** Removes the terminal's group, once nothing is in it any more. */
export function removeGroup(lease: string): void {
  const own = ownGroup();
  if (own !== undefined) attempt(() => rmdirSync(join(own, groupName(lease))));
}

/** The folder of the group that this process is in; undefined where there is none, or it cannot be seen from here. */
function ownGroup(): string | undefined {
  try {
    const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    const mount = / (\S+) [^\n]* - cgroup2 /.exec(
      readFileSync('/proc/self/mountinfo', 'utf8').replace(/^\S+ \S+ \S+ \S+/gm, ''),
    )?.[1];
    if (path === undefined || mount === undefined) return undefined;
    const folder = join(mount, path);
    // In a container the path can be another's.
    const members = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n');
    return members.includes(String(process.pid)) ? folder : undefined;
  } catch {
    return undefined;
  }
}

function enter(group: string): void {
  writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
}

function attempt(deed: () => void): boolean {
  try {
    deed();
    return true;
  } catch {
    // Not ours to divide, or no longer there.
    return false;
  }
}
