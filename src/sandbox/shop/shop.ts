import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../../contract/secret.ts';
import { runSql, startPostgres, type Postgres } from './postgres.ts';

/** The broker's own login there. */
export const shopBroker = 'daypass_broker';

export interface Shop {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly database: 'shop';
  readonly server: Postgres;
  /** `postgres://…` of the superuser, for assertions; never shown. */
  readonly superuser: Secret;
  /** Runs a script as the superuser in the shop's database. */
  run(sql: string): Promise<void>;
  stop(): Promise<void>;
}

export interface ShopOptions {
  readonly folder: string;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** What PostgreSQL lets everybody do unless told otherwise, and a lease would be able to as well. */
const closeToEverybody = (database: string) => `
  revoke all on database ${database} from public;
  revoke execute on function lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea), lo_put(oid, bigint, bytea) from public;
`;

/** The sandbox's "production": a PostgreSQL 18 of its own with a small shop in it, some 100,000 rows, always the same. */
export async function startShop({ folder, port, environment }: ShopOptions): Promise<Shop> {
  const settings = {
    // Nothing here outlives the sandbox.
    fsync: 'off',
    // So that the broker gets in to end leases when all others are taken.
    reserved_connections: '3',
    shared_preload_libraries: 'pg_stat_statements',
    'pg_stat_statements.track': 'all',
    'pg_stat_statements.track_utility': 'off',
    log_connections: 'on',
    log_disconnections: 'on',
    cluster_name: 'shop',
  };
  const server = await startPostgres({ folder, port, settings, environment });
  try {
    for (const database of ['template1', 'postgres'])
      await runSql(server.superuser(database), closeToEverybody(database));
    await runSql(server.superuser('postgres'), 'create database shop');
    await runSql(server.superuser('postgres'), 'revoke all on database shop from public');
    const superuser = server.superuser('shop');
    await runSql(superuser, await readFile(join(import.meta.dirname, 'shop.sql'), 'utf8'));
    return {
      host: '127.0.0.1',
      port,
      database: 'shop',
      server,
      superuser,
      run: (sql) => runSql(superuser, sql),
      stop: () => server.stop(),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
