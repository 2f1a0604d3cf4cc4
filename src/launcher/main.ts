import { resolve } from 'node:path';
import { Folder } from './folder.ts';
import { removeGroup } from './group.ts';
import { processes } from './processes.ts';
import { Session } from './session.ts';
import { startedHere, stopAll } from './stop.ts';

/**
 * The process of a production terminal: `launcher.cjs <the credential's folder>`, as the leader of the terminal's own
 * session. Exits with 0 when the terminal may close.
 *
 * `launcher.cjs --stop <lease id> [<process id>]` stops what a launcher left that was itself killed: whatever carries the
 * lease's mark, is in its control group or in the session of the launcher that had this process id, with its descendants. Prints
 * `{ stopped, remaining }`, names of programs, as one line of JSON.
 */
async function main([first = '', lease = '', killed = '']: string[]): Promise<void> {
  if (first === '--stop') {
    const origin = { launcher: process.pid, shell: 0, ...(killed !== '' && { killed: Number(killed) }) };
    const left = () => startedHere(processes(lease), origin);
    process.stdout.write(`${JSON.stringify(await stopAll(left, 0))}\n`);
    removeGroup(lease);
    return;
  }
  const session = new Session(new Folder(resolve(first)));
  // The keys' signals are for the shell's jobs; they reach this process only while the shell itself starts or is gone.
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const)
    if (process.platform !== 'win32' || signal === 'SIGINT') process.on(signal, () => undefined);
  for (const signal of ['SIGHUP', 'SIGTERM'] as const) process.on(signal, session.close);
  await session.run();
  process.exit(0);
}

void main(process.argv.slice(2));
