import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { macsWith, type Macs } from '../../../src/broker/integrity/macs.ts';
import { Secret } from '../../../src/contract/secret.ts';
import { writeForDatabase } from './database-section.ts';
import { startPostgres, type PostgresServer } from './postgres.ts';
import type { World } from './world.ts';

/** A database server for a broker of a world, beside the embedded one that the world's own broker has. */
export interface SeparateStore {
  readonly postgres: PostgresServer;
  /** Path of the world's configuration with this database in it. */
  readonly configuration: string;
  /** Authenticates records as that broker does. */
  readonly macs: Macs;
  /** Empties it: the next start is the first one. */
  forget(): Promise<void>;
}

/** @param moreOfTheTarget lines of the configuration about the shop, as they are written */
export async function separateStore(world: World, moreOfTheTarget = ''): Promise<SeparateStore> {
  const postgres = await startPostgres();
  const secrets = { owner: newSecret(), runtime: newSecret(), integrity: newSecret() };
  for (const role of ['owner', 'runtime'] as const)
    await postgres.run(`create role daypass_${role} login password '${secrets[role]}'`);
  await postgres.run('create database state owner daypass_owner');
  for (const [name, secret] of Object.entries(secrets))
    await writeFile(join(world.folder, name), secret, { mode: 0o600 });
  const configuration = await writeForDatabase(
    world.folder,
    'separate.yaml',
    {
      port: postgres.port,
      name: 'state',
      secrets: { owner: './owner', runtime: './runtime', integrity: './integrity' },
    },
    (written) => `${written}${moreOfTheTarget}`,
  );
  return {
    postgres,
    configuration,
    macs: macsWith([new Secret(secrets.integrity)]),
    async forget() {
      await postgres.run('drop database state (force)');
      await postgres.run('create database state owner daypass_owner');
    },
  };
}

const newSecret = () => randomBytes(32).toString('base64');
