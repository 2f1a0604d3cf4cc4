import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Grant } from '../../../src/contract/grants.ts';
import type { IssuedLease, Lease } from '../../../src/contract/leases.ts';
import type { AccessRequest } from '../../../src/contract/requests.ts';
import type { TemplateList } from '../../../src/contract/templates.ts';
import { eventually } from '../support/eventually.ts';
import { leaks, type Credential } from '../support/leaks.ts';
import type { PostgresOptions } from '../support/postgres.ts';
import { newKey, newSecret, startWorld, stateOf, type World } from '../support/world.ts';
import type { Holder } from './attempts.ts';

/** A grant with its first lease, and who holds it. */
export interface Held {
  readonly grantId: string;
  readonly holder: Holder;
  end(): Promise<void>;
  revoke(): Promise<void>;
  grant(): Promise<Grant>;
  /** The grant when its end is confirmed at the target. */
  settled(withinMs?: number): Promise<Grant>;
}

export interface HostileWorld {
  readonly world: World;
  /** Asks for it, gets it, opens a terminal, all over HTTP. */
  hold(template: string, duration?: string): Promise<Held>;
  /** Secrets where they do not belong: in the broker's log, in its database, in a file. */
  leaks(): Promise<string[]>;
  stop(): Promise<void>;
}

export const ordersScope = `{ privileges: [select on sales.orders, update (status) on sales.orders], connections: 20 }`;

export const templateOf = (id: string, scope: string) => `
template: ${id}
title: ${id}
summary: For a holder who wants to stay.
target: shop
scope: ${scope}
duration: { default: PT30M, longest: PT1H }
terminals: 3
request: { by: [engineering] }
approve: nobody
revoke: { by: [payments-leads] }
`;

const stock = `
create role shop_stock_owner nologin;
create schema stock authorization shop_stock_owner;
create table stock.items (id int primary key);
alter table stock.items owner to shop_stock_owner;
`;

const moreInShop = `
create extension dblink;
create role shop_app nologin;
create table catalog.labels (id int primary key);
alter table catalog.labels owner to shop_catalog_owner;
create table catalog.prices (id int primary key, price int);
alter table catalog.prices owner to shop_catalog_owner;
grant select, delete on catalog.prices to shop_app;
alter table catalog.prices enable row level security;
create policy shown on catalog.prices using (price > 0);
create function catalog.discount() returns int language sql security definer as 'select 1';
alter function catalog.discount() owner to shop_catalog_owner;
create view catalog.cheap as select id from catalog.prices where price < 10;
alter view catalog.cheap owner to shop_catalog_owner;
`;

/** A broker and a production database in which everybody may create things, as is common. */
export async function openHostileWorld(
  shop: PostgresOptions,
  templates: Readonly<Record<string, string>>,
): Promise<HostileWorld> {
  const world = await startWorld({
    shop: {
      ...shop,
      settings: {
        max_prepared_transactions: '20',
        max_locks_per_transaction: '10',
        reserved_connections: '3',
        ...shop.settings,
      },
    },
    mostOpen: 1_000,
    sql: stock,
    templates: Object.fromEntries(
      Object.entries(templates).map(([id, scope]) => [`${id}.yaml`, templateOf(id, scope)]),
    ),
  });
  await world.shop.run('create database warehouse');
  for (const database of ['shop', 'warehouse', 'postgres', 'template1'])
    await world.shop.run('grant create on schema public to public', database);
  await world.shop.run(moreInShop, 'shop');
  const clients: pg.Client[] = [];
  const credentials: Credential[] = [];

  const open = async (grantId: string, sessions: pg.Client[]): Promise<Holder> => {
    const credential = await newSecret();
    credentials.push(credential);
    const { password, verifier } = credential;
    const { status, body } = await world.call<IssuedLease>('ana', 'POST', `/v1/grants/${grantId}/leases`, {
      key: newKey(),
      body: { kind: 'postgresql', verifier },
    });
    if (status !== 201) throw new Error(`No lease: ${status} ${JSON.stringify(body)}`);
    const { connection } = body;
    const [carrier] = await world.shop.run(
      `select roleid::regrole::text as name from pg_auth_members where member = '${connection.user}'::regrole`,
    );
    const { host, hostaddr, tls, certificateAuthority: ca } = connection;
    const client = (more: pg.ClientConfig = {}) => {
      const one = new pg.Client({
        ...connection,
        host: hostaddr ?? host,
        ssl: tls === 'off' ? false : { ca, servername: host },
        password,
        ...more,
      });
      one.on('error', () => undefined);
      clients.push(one);
      return one;
    };
    return {
      role: connection.user,
      password,
      carrier: String(carrier?.['name']).replaceAll('"', ''),
      server: world.shop,
      sessions,
      client,
      async login(more) {
        const one = client(more);
        await one.connect();
        return one;
      },
      second: () => open(grantId, sessions),
    };
  };

  return {
    world,
    async hold(template, duration = 'PT30M') {
      const { body } = await world.call<TemplateList>('ana', 'GET', '/v1/templates');
      const templateDigest = body.templates.find(({ id }) => id === template)?.digest;
      const asked = await world.call<AccessRequest>('ana', 'POST', '/v1/requests', {
        key: newKey(),
        body: { template, templateDigest, duration, reason: 'To stay for ever' },
      });
      const grantId = String(asked.body.grantId);
      const grant = async () => (await world.call<Grant>('ana', 'GET', `/v1/grants/${grantId}`)).body;
      return {
        grantId,
        holder: await open(grantId, []),
        grant,
        async end() {
          await world.call('ana', 'POST', `/v1/grants/${grantId}/end`);
        },
        async revoke() {
          await world.call('ben', 'POST', `/v1/grants/${grantId}/revoke`, { body: { comment: 'Enough' } });
        },
        async settled(withinMs = 30_000) {
          const last: { grant?: Grant } = {};
          try {
            return await eventually(async () => {
              last.grant = await grant();
              return last.grant.settled ? last.grant : undefined;
            }, withinMs);
          } catch (error) {
            throw new Error(`Not settled: ${JSON.stringify(last.grant?.leases)}`, { cause: error });
          }
        },
      };
    },
    async leaks() {
      const { folder } = world;
      const logFile = join(folder, 'broker.log');
      await writeFile(logFile, world.log.join(''));
      const tokens = ['ana', 'ben'].map(async (name) => [name, await world.token(name)] as const);
      const own = ['owner.password', 'runtime.password', 'integrity.key'];
      return leaks(
        {
          folder,
          secretFiles: [join(folder, 'shop.password'), ...own.map((name) => join(folder, 'state', name))],
          tokens: new Map(await Promise.all(tokens)),
          logFiles: [logFile],
          targetFolders: [],
          store: await stateOf(world),
        },
        credentials,
      );
    },
    async stop() {
      for (const client of clients) client.connection.stream.destroy();
      await world.stop();
    },
  };
}

/** The receipt of a lease; fails where there is none. */
export function receiptOf(lease: Lease | undefined) {
  if (!lease?.receipt) throw new Error(`No receipt: ${JSON.stringify(lease)}`);
  return lease.receipt;
}

/** What is left at the server of logins that a receipt says are gone. */
export const traces = (world: World, role: string) =>
  world.shop.run(`
    select 'login' as trace from pg_roles where rolname = '${role}'
    union all select 'session' from pg_stat_activity where usename = '${role}'
        or (usename is null and usesysid is not null and backend_type = 'client backend')
    union all select 'prepared' from pg_prepared_xact() where ownerid not in (select oid from pg_roles)
    union all select 'dependency' from pg_shdepend
     where refclassid = 'pg_authid'::regclass and refobjid not in (select oid from pg_roles)`);
