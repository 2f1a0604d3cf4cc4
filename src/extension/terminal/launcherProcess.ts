import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
// zod/mini: read at the start of every window in which something was left.
import * as z from 'zod/mini';
import { isAbsence } from './json.ts';

const run = promisify(execFile);
const toStopMs = 30_000;

/** Whether there is a process with this id. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether the process with this id is the launcher on the folder of this name. Ids are given out again, so its command
 * line must name the folder; where that cannot be read (Windows), that it lives has to do.
 */
export async function isLauncher(pid: number, folderName: string): Promise<boolean> {
  if (!lives(pid)) return false;
  try {
    const line = await commandLine(pid);
    return line === undefined || line.includes(folderName);
  } catch (error) {
    return !isAbsence(error);
  }
}

/** Undefined where the system does not tell. @throws ENOENT it is gone */
async function commandLine(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8');
  if (process.platform === 'win32') return undefined;
  const { stdout } = await run('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)], { timeout: 5000 });
  return stdout;
}

/** Names of programs: what was stopped, and what could not be (another user's). */
const Stopped = z.object({ stopped: z.array(z.string()), remaining: z.array(z.string()) });

/**
 * Stops what runs on in a terminal whose launcher was killed, by means of another launcher.
 * @param extension the installed extension's folder
 * @param launcher process id of the killed one, if it is known
 * @throws Error it could not be run
 */
export async function stopOrphans(
  extension: string,
  leaseId: string,
  launcher: number | undefined,
): Promise<z.infer<typeof Stopped>> {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const program = join(extension, 'dist', 'launcher.cjs');
  const { stdout } = await run(process.execPath, [program, '--stop', leaseId, String(launcher ?? '')], {
    // VS Code's executable runs it as Node does.
    env: { ...env, ELECTRON_RUN_AS_NODE: '1' },
    timeout: toStopMs,
    windowsHide: true,
  });
  return Stopped.parse(JSON.parse(stdout));
}
