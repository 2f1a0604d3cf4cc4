import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The broker's program as it is shipped; `node build.js` makes it. */
export const shippedProgram = fileURLToPath(new URL('../../../dist/daypass.js', import.meta.url));

/** Starts the broker as it is shipped, in a process of its own; resolves when it can be called. */
export async function startShipped(configuration: string): Promise<{ stop(): Promise<void> }> {
  const child = spawn(process.execPath, [shippedProgram, 'serve', '--config', configuration], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const over = once(child, 'exit');
  // Whatever ends whoever started it ends it too.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const last: string[] = [];
  const listens = new Promise<true>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      last.push(line);
      if (last.length > 20) last.shift();
      if (line.includes('Daypass listens at')) resolve(true);
    });
  });
  if (!(await Promise.race([listens, over.then(() => false)])))
    throw new Error(`The broker did not start. Is it built (node build.js)?\n${last.join('\n')}`);
  return {
    async stop() {
      child.kill('SIGTERM');
      await over;
      process.off('exit', kill);
    },
  };
}
