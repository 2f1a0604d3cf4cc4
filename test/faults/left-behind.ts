import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isAlive } from '../broker/support/postgres.ts';

const run = promisify(execFile);
const prefix = 'daypass-faults-';

/** A folder for one world; it carries this process's id, by which what a killed run left is found. */
export async function newFolder(): Promise<string> {
  await removeLeftBehind();
  return mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
}

/** Ends the brokers and servers, unmounts the disks and removes the folders of runs that are not alive any more. */
async function removeLeftBehind(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = /^(\d+)-/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '')?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const folder = join(tmpdir(), name);
    await endProcessesIn(folder);
    await run('umount', ['-l', join(folder, 'disk')]).catch(() => undefined);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** PostgreSQL's processes work in their data directory; a broker, which may be stopped, names its configuration. */
async function endProcessesIn(folder: string): Promise<void> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const place = await readlink(join('/proc', name, 'cwd')).catch(() => '');
    const words = (await readFile(join('/proc', name, 'cmdline'), 'utf8').catch(() => '')).split('\0');
    const isServer = place.startsWith(`${folder}/`);
    const isBroker = words.includes('--config') && words.some((word) => word.startsWith(`${folder}/`));
    if (isServer || isBroker) process.kill(Number(name), 'SIGKILL');
  }
}
