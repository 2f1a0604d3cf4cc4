import { writeForDatabase } from '../../broker/support/database-section.ts';
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
  const configuration = await writeForDatabase(
    folder,
    'second.yaml',
    {
      port: databasePort,
      name: 'daypass',
      secrets: {
        owner: './state/owner.password',
        runtime: './state/runtime.password',
        integrity: './state/integrity.key',
      },
    },
    (written) => written.replace(/^listen: .*$/m, `listen: 127.0.0.1:${port}`),
  );
  return { url: `http://127.0.0.1:${port}`, ...(await startShipped(configuration)) };
}
