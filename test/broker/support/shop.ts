import { createHash, createHmac, pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import type { TargetConfig } from '../../../src/broker/config/config.ts';
import type { Steps } from '../../../src/broker/targets/postgresql/ending.ts';
import { templateRole } from '../../../src/broker/targets/postgresql/names.ts';
import { parseScope, type PostgresScope } from '../../../src/broker/targets/postgresql/scope.ts';
import { setupSql } from '../../../src/broker/targets/postgresql/setup.ts';
import { PostgresTarget } from '../../../src/broker/targets/postgresql/target.ts';
import type { ClosingLease, Closed, Evidence, Intent, Keep } from '../../../src/broker/targets/target.ts';
import type { Receipt } from '../../../src/contract/receipts.ts';
import { Secret } from '../../../src/contract/secret.ts';
import { startPostgres, type Login, type PostgresOptions, type PostgresServer } from './postgres.ts';

/** A small shop: what templates in these tests are about. */
const shopSql = `
create role shop_owner nologin;
create role shop_app login password 'for tests only';
create schema sales authorization shop_owner;
create schema crm authorization shop_owner;
set role shop_owner;
create table sales.orders (id int primary key, customer int, status text not null, note text, updated_at timestamptz);
create table sales.payments (id int primary key, amount numeric);
create table crm.customers (id int primary key, name text, card text);
create sequence sales.refunds;
create function sales.refund(payment int) returns int language sql security definer set search_path = '' as
  'update sales.payments set amount = 0 where id = payment returning id';
revoke execute on function sales.refund(int) from public;
grant usage on schema sales, crm to shop_app;
grant select, insert, update, delete on all tables in schema sales to shop_app;
insert into sales.orders select n, n % 10, 'new', 'note ' || n from generate_series(1, 100) n;
insert into sales.payments select n, n from generate_series(1, 100) n;
insert into crm.customers select n, 'customer ' || n, 'card ' || n from generate_series(1, 10) n;
reset role;
`;

export const scopes = {
  'read-orders': { privileges: ['select on sales.orders', 'select (id, name) on crm.customers'] },
  'fix-order-status': {
    privileges: ['select on sales.orders', 'update (status, updated_at) on sales.orders'],
    settings: { statement_timeout: '30s', search_path: 'sales, pg_catalog' },
    connections: 20,
  },
  refund: { privileges: ['execute on function sales.refund(integer)', 'usage on sequence sales.refunds'] },
  monitor: { roles: ['pg_monitor'] },
  migrate: { owner: 'shop_owner', schema: 'sales' },
} as const;
export type TemplateName = keyof typeof scopes;

export const readScope = (scope: unknown): PostgresScope => {
  const read = parseScope(scope);
  if ('issues' in read) throw new Error(JSON.stringify(read.issues));
  return read.scope;
};

/** The role that carries a template's privileges. */
export const carrierOf = (id: TemplateName): string => templateRole({ id, scope: readScope(scopes[id]) });

/** What an extension makes: a password that stays with it, and its verifier. */
export function secretHalf(): { password: string; verifier: string } {
  const password = randomBytes(24).toString('base64url');
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, 4096, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const verifier = `SCRAM-SHA-256$4096:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`;
  return { password, verifier };
}

export interface TestLease extends ClosingLease {
  readonly password: string;
  readonly scope: unknown;
  readonly intent: Intent;
}

export interface Shop {
  readonly server: PostgresServer;
  readonly config: TargetConfig;
  readonly installation: string;
  readonly target: PostgresTarget;
  /** The last evidence kept, by lease id, as it would come back from a database. */
  readonly kept: Map<string, Evidence>;
  readonly keep: Keep;
  readonly templates: { id: string; scope: PostgresScope }[];
  /** Another target object for the same server, as another broker process would have. */
  another(options?: { installation?: string; steps?: Steps; config?: Partial<TargetConfig> }): PostgresTarget;
  intend(template: TemplateName, minutes?: number): TestLease;
  /** Issues a lease. */
  lease(template: TemplateName, minutes?: number): Promise<TestLease>;
  /** Logs in as a lease; ended with the shop if not before. */
  login(lease: TestLease, options?: Login): Promise<pg.Client>;
  /** Cuts and closes, evidence included, until an outcome other than `unconfirmed` or the tries are used up. */
  finish(leases: readonly TestLease[], tries?: number): Promise<Closed[]>;
  /** As `finish`, for one lease that must be confirmed. */
  receipt(lease: TestLease): Promise<Receipt>;
  stop(): Promise<void>;
}

export async function openShop(options: PostgresOptions = {}): Promise<Shop> {
  const server = await startPostgres(options);
  const installation = randomBytes(4).toString('hex');
  const password = randomBytes(24).toString('base64url');
  const config: TargetConfig = {
    id: 'shop',
    title: 'Shop',
    kind: 'postgresql',
    host: options.tls ? 'localhost' : '127.0.0.1',
    ...(options.tls ? { hostaddr: '127.0.0.1' } : {}),
    port: server.port,
    database: 'shop',
    tls: server.certificateAuthority
      ? { mode: 'verify-full', certificateAuthority: server.certificateAuthority }
      : { mode: 'off' },
    login: { user: 'daypass_broker', password: new Secret(password) },
    replicas: [],
    advertised: { host: options.tls ? 'localhost' : '127.0.0.1', port: server.port },
  };
  const templates = Object.entries(scopes).map(([id, scope]) => ({ id, scope: readScope(scope) }));
  await server.run('create database shop');
  await server.run(shopSql, 'shop');
  await server.run(setupSql(config, templates), 'shop');
  await server.run(`alter role daypass_broker password '${password}'`);

  const kept = new Map<string, Evidence>();
  const keep: Keep = (evidence) => {
    for (const [leaseId, each] of evidence) {
      const all = kept.has(leaseId) ? target.together(kept.get(leaseId), each) : each;
      kept.set(leaseId, JSON.parse(JSON.stringify(all)) as Evidence);
    }
    return Promise.resolve(kept);
  };
  const targets: PostgresTarget[] = [];
  const clients: pg.Client[] = [];
  const log = { warn: () => undefined };
  const another: Shop['another'] = (changes = {}) => {
    const target = new PostgresTarget({
      config: { ...config, ...changes.config },
      installation: changes.installation ?? installation,
      log,
      ...(changes.steps ? { steps: changes.steps } : {}),
    });
    targets.push(target);
    return target;
  };
  const target = another();

  const shop: Shop = {
    server,
    config,
    installation,
    target,
    kept,
    keep,
    templates,
    another,
    intend(template, minutes = 30) {
      const leaseId = randomUUID();
      const { password: secret, verifier } = secretHalf();
      const role = target.roleOf(leaseId);
      const scope = scopes[template];
      const intent: Intent = {
        leaseId,
        role,
        templateId: template,
        scope,
        verifier,
        expiresAt: new Date(Date.now() + minutes * 60_000),
      };
      return {
        leaseId,
        role,
        templateId: template,
        scope,
        intent,
        password: secret,
        get evidence() {
          return kept.get(leaseId);
        },
      };
    },
    async lease(template, minutes) {
      const lease = shop.intend(template, minutes);
      await target.issue(lease.intent, keep);
      return lease;
    },
    async login(lease, login = {}) {
      const client = await server.connect({
        user: lease.role,
        password: lease.password,
        database: 'shop',
        ...login,
      });
      clients.push(client);
      return client;
    },
    async finish(leases, tries = 5) {
      const closed = new Map<string, Closed>();
      for (let attempt = 0; attempt < tries; attempt += 1) {
        const left = leases.filter(
          ({ leaseId }) => (closed.get(leaseId)?.outcome ?? 'unconfirmed') === 'unconfirmed',
        );
        if (left.length === 0) break;
        await target.cut(left, keep);
        for (const each of await target.close(left, keep)) closed.set(each.leaseId, each);
      }
      return leases.map(({ leaseId }) => closed.get(leaseId)!);
    },
    async receipt(lease) {
      const [closed] = await shop.finish([lease]);
      if (closed?.outcome !== 'confirmed') throw new Error(`Not confirmed: ${JSON.stringify(closed)}`);
      return closed.receipt;
    },
    async stop() {
      await Promise.all(targets.map((each) => each.end()));
      for (const client of clients) await client.end().catch(() => undefined);
      await server.stop();
    },
  };
  return shop;
}

/** What the server answers to a query: its rows, or the SQLSTATE that it refuses it with. */
export async function answer(client: pg.Client, sql: string): Promise<unknown[] | string> {
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.code ?? error.message;
    throw error;
  }
}
