import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../broker/support/postgres.ts';
import { startShipped } from '../../broker/support/shipped-broker.ts';

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
  return { url: `http://127.0.0.1:${port}`, ...(await startShipped(configuration)) };
}
