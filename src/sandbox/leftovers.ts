import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { end, familyOf, identify, isAlive, markedWith, ProcessIdentity } from './processes.ts';

/** The environment variable by which a process says to which sandbox it belongs. */
export const markVariable = 'DAYPASS_SANDBOX';
export const runFolderPrefix = 'daypass-sandbox-';

/** What a running sandbox leaves about itself in its state folder, for whoever cleans up after it was killed. */
export const Running = z.object({
  id: z.string().min(1),
  folder: z.string().min(1),
  processes: z.array(ProcessIdentity),
});
export type Running = z.infer<typeof Running>;

/**
 * Ends whatever a sandbox started and removes what it wrote: processes that it recorded and their children, processes
 * that carry its mark, and PostgreSQL servers on its data. Nothing else is touched, whatever number it runs under.
 */
export async function removeLeftovers({ id, folder, processes }: Running): Promise<void> {
  const recorded: number[] = [];
  for (const one of processes) if (await isAlive(one)) recorded.push(one.pid);
  await end(await familyOf(recorded), 5000);
  await end(await markedWith(markVariable, id), 2000);
  // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients.
  await end(await postmastersIn(folder), 10_000, 'SIGINT');
  if (await isRunFolder(folder)) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function isRunFolder(folder: string): Promise<boolean> {
  return basename(folder).startsWith(runFolderPrefix) && dirname(folder) === (await realpath(tmpdir()));
}

/** The PostgreSQL servers that run on data below a folder, by the files that they keep there. */
async function postmastersIn(folder: string): Promise<ProcessIdentity[]> {
  const found: ProcessIdentity[] = [];
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names.filter((path) => basename(path) === 'postmaster.pid')) {
    const file = join(folder, name);
    const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
    const one = pid > 0 && (await worksIn(pid, dirname(file))) ? await identify(pid) : undefined;
    if (one) found.push(one);
  }
  return found;
}

/** PostgreSQL's main process has its data as its working directory. Where the system does not tell, the recorded processes must do. */
async function worksIn(pid: number, data: string): Promise<boolean> {
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(data));
  } catch {
    return false;
  }
}
