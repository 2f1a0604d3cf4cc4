import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a broker's configuration says of a database that it runs itself. */
export const embeddedDatabase = 'database: { embedded: ./state }';

export interface DatabaseOnLoopback {
  readonly port: number;
  readonly name: string;
  /** Files with the secrets that are the embedded one's own otherwise, as paths from the configuration's folder. */
  readonly secrets: Readonly<Record<'owner' | 'runtime' | 'integrity', string>>;
}

/** What it says instead of one that somebody else runs. */
export const databaseOnLoopback = ({ port, name, secrets }: DatabaseOnLoopback) => `database:
  host: 127.0.0.1
  port: ${port}
  name: ${name}
  tls: { mode: off }
  owner: { user: daypass_owner, password: { file: ${secrets.owner} } }
  runtime: { user: daypass_runtime, password: { file: ${secrets.runtime} } }
integrity: { keys: [{ file: ${secrets.integrity} }] }`;

/**
 * Writes the configuration of a world's broker once more, for a broker on this database.
 * @param folder the world's
 * @param name of the new file
 * @param change what else is changed in it
 * @returns the new file's path
 */
export async function writeForDatabase(
  folder: string,
  name: string,
  database: DatabaseOnLoopback,
  change: (written: string) => string,
): Promise<string> {
  const written = await readFile(join(folder, 'daypass.yaml'), 'utf8');
  const file = join(folder, name);
  await writeFile(file, change(written).replace(embeddedDatabase, databaseOnLoopback(database)));
  return file;
}
