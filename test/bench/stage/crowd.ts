import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Surroundings } from '../benchmark.ts';
import { CrowdCount, type Crowded } from './messages.ts';

export interface Crowd {
  count(): Promise<CrowdCount>;
}

/** Opens windows in a process of their own, so that whoever is measured waits for none of their work; gone at the end. */
export async function openCrowd({ atEnd }: Surroundings, windows: Crowded): Promise<Crowd> {
  const child = fork(fileURLToPath(new URL('crowd-process.ts', import.meta.url)));
  const over = once(child, 'exit');
  atEnd(async () => {
    if (child.connected) child.disconnect();
    await over;
  });
  const ask = async (message: Crowded | 'count') => {
    const answer = once(child, 'message');
    child.send(message);
    const either = await Promise.race([answer, over.then(() => undefined)]);
    if (!either) throw new Error('The process of the windows ended.');
    return CrowdCount.parse(either[0]);
  };
  await ask(windows);
  return { count: () => ask('count') };
}
