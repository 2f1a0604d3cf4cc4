import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../broker/support/postgres.ts';

const program = fileURLToPath(new URL('../../../dist/daypass.js', import.meta.url));

/**
 * Starts the broker as it is shipped beside one that has an embedded database, on that same database.
 * @param folder where the first one has its configuration and its state
 * @param databasePort where that database listens
 */
export async function startSecondBroker(
  folder: string,
  databasePort: number,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort();
  const written = await readFile(join(folder, 'daypass.yaml'), 'utf8');
  const configuration = join(folder, 'second.yaml');
  await writeFile(
    configuration,
    written.replace(/^listen: .*$/m, `listen: 127.0.0.1:${port}`).replace(
      'database: { embedded: ./state }',
      `database:
  host: 127.0.0.1
  port: ${databasePort}
  name: daypass
  tls: { mode: off }
  owner: { user: daypass_owner, password: { file: ./state/owner.password } }
  runtime: { user: daypass_runtime, password: { file: ./state/runtime.password } }
integrity: { keys: [{ file: ./state/integrity.key }] }`,
    ),
  );
  const child = spawn(process.execPath, [program, 'serve', '--config', configuration], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const over = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  // Whatever ends whoever started it ends it too.
  process.once('exit', kill);
  const listens = new Promise<true>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('Daypass listens at')) resolve(true);
    });
  });
  if (!(await Promise.race([listens, over.then(() => false)])))
    throw new Error('The second broker did not start. Is it built (node build.js)?');
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await over;
      process.off('exit', kill);
    },
  };
}
