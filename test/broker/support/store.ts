import { randomBytes } from 'node:crypto';
import { pino, type Logger } from 'pino';
import { openStore, type Store, type StoreServer } from '../../../src/broker/store/connect.ts';
import { migrate, type Migrated } from '../../../src/broker/store/migrate.ts';
import type { Integrity } from '../../../src/broker/integrity/integrity.ts';
import { macsWith } from '../../../src/broker/integrity/macs.ts';
import { Secret } from '../../../src/contract/secret.ts';
import { startPostgres, type PostgresServer } from './postgres.ts';

export const quiet: Logger = pino({ enabled: false });

/** Keys of no other place, and alarms that nobody hears. */
export const integrity: Integrity = {
  macs: macsWith([new Secret(randomBytes(32).toString('base64'))]),
  alarm: () => undefined,
};

export interface StoreWorld {
  readonly postgres: PostgresServer;
  readonly server: StoreServer;
  /** With one role only: the owner works as well. */
  readonly oneRole: StoreServer;
  /** Opens the store once more, as another broker would. */
  open(): Store;
  stop(): Promise<void>;
}

/** A database prepared as an administrator would: a role that owns, a role that works, nothing in it. */
export async function startStoreServer(options: { tls?: boolean } = {}): Promise<StoreWorld> {
  const postgres = await startPostgres(options);
  const password = () => randomBytes(18).toString('base64url');
  const owner = { user: 'own', password: new Secret(password()) };
  const runtime = { user: 'Run "time"', password: new Secret(password()) };
  await postgres.run(`create role own login password '${owner.password.reveal()}'`);
  await postgres.run(`create role "Run ""time""" login password '${runtime.password.reveal()}'`);
  await postgres.run('create database state owner own');
  const oneRole: StoreServer = {
    kind: 'server',
    host: '127.0.0.1',
    port: postgres.port,
    database: 'state',
    tls: { mode: 'off' },
    owner,
  };
  const server = { ...oneRole, runtime };
  const opened = new Set<Store>();
  return {
    postgres,
    server,
    oneRole,
    open() {
      const store = openStore(server, quiet);
      opened.add(store);
      return store;
    },
    async stop() {
      for (const store of opened) await store.close();
      await postgres.stop();
    },
  };
}

/** The same, migrated. */
export async function startStore(): Promise<StoreWorld & { readonly migrated: Migrated }> {
  const world = await startStoreServer();
  try {
    return { ...world, migrated: await migrate(world.server) };
  } catch (error) {
    await world.stop();
    throw error;
  }
}
