import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startBroker, type Broker } from '../../../src/broker/broker.ts';
import { loadConfig } from '../../../src/broker/config/load.ts';
import { openLog } from '../../../src/broker/log.ts';
import { Running } from '../../../src/broker/running.ts';
import { findPostmaster } from '../../../src/broker/store/embedded-postmaster.ts';
import { setupSql } from '../../../src/broker/targets/postgresql/setup.ts';
import { storedScope } from '../../../src/broker/targets/postgresql/scope.ts';
import { loadTemplates } from '../../../src/broker/templates/folder.ts';
import type { IssuedLease } from '../../../src/contract/leases.ts';
import { newPassword, verifierOf } from '../../../src/extension/terminal/scram.ts';
import { people, type Person } from '../../../src/sandbox/provider/people.ts';
import { startProvider, type RunningProvider } from '../../../src/sandbox/provider/provider.ts';
import { embeddedDatabase } from './database-section.ts';
import { freePort, startPostgres, type PostgresOptions, type PostgresServer } from './postgres.ts';

export type Name = 'ana' | 'ben' | 'carol' | 'dan' | (string & {});

/** What a call gave: the status and the parsed body, whatever it was. */
export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface World {
  readonly url: string;
  readonly provider: RunningProvider;
  readonly shop: PostgresServer;
  readonly folder: string;
  readonly templates: string;
  /** The broker's log at its most talkative, line by line. */
  readonly log: string[];
  readonly broker: Broker;
  token(name: Name): Promise<string>;
  call<T = Record<string, unknown>>(
    name: Name | undefined,
    method: string,
    path: string,
    options?: { body?: unknown; key?: string; headers?: Record<string, string> },
  ): Promise<Answer<T>>;
  /** Connects to the shop with a lease, the way a person's program would. */
  login(issued: IssuedLease, password: string, more?: pg.ClientConfig): Promise<pg.Client>;
  /** Stops the broker and starts it again on the same database. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const shopSql = `
create schema sales;
create table sales.customers (id int primary key, name text, email text);
create table sales.orders (id int primary key, customer_id int, status text, total numeric, updated_at timestamptz);
insert into sales.customers values (1, 'Mia', 'mia@example.test');
insert into sales.orders select n, 1, 'paid', n, now() from generate_series(1, 100) n;
revoke create on schema public from public;
create role shop_catalog_owner nologin;
create schema catalog authorization shop_catalog_owner;
`;

const templates: Record<string, string> = {
  'read-orders.yaml': `
template: read-orders
title: Read orders
summary: Look at orders. Change nothing.
target: shop
documentation: https://docs.shop.example/read
scope:
  privileges: [select on sales.orders]
duration: { default: PT30M, longest: PT1H }
terminals: 3
request: { by: [engineering] }
approve: nobody
revoke: { by: [payments-leads] }
`,
  'read-briefly.yaml': `
template: read-briefly
title: Read orders briefly
summary: Look at orders for seconds.
target: shop
scope:
  privileges: [select on sales.orders]
duration: { default: PT1M, longest: PT1M }
terminals: 2
request: { by: [engineering] }
approve: nobody
revoke: { by: [payments-leads] }
`,
  'fix-status.yaml': `
template: fix-status
title: Fix one order's status
summary: Update the status of orders, read orders. Nothing else.
target: shop
scope:
  privileges: [select on sales.orders, 'update (status, updated_at) on sales.orders']
duration: { default: PT30M, longest: PT1H }
terminals: 2
request: { by: [engineering], ticket: { pattern: 'INC-\\d+', required: true } }
approve: { by: [payments-leads] }
revoke: { by: [payments-leads] }
`,
};

/** An audience that is not the broker. */
export const elsewhere = 'http://127.0.0.1:1';

export interface WorldOptions {
  /** Whose tokens count, instead of the provider's. */
  readonly issuer?: string;
  /** More of the configuration, as it is written. */
  readonly configuration?: string;
  /** More of what the configuration says of the identity provider. */
  readonly identity?: string;
  /** With the broker's own pages. */
  readonly pages?: boolean;
  /** Seconds that an access token is good for. */
  readonly accessTokenTtl?: number;
  /** How the production database is run. */
  readonly shop?: PostgresOptions;
  /** What else is in the shop's database before it is prepared for the templates. */
  readonly sql?: string;
  /** More templates: file name and text. */
  readonly templates?: Readonly<Record<string, string>>;
  /** Grants of one person at once; otherwise the broker's own default. */
  readonly mostOpen?: number;
  /** Who can sign in; the sandbox's four unless said. */
  readonly people?: readonly Person[];
  /** When people sign in at the provider. */
  readonly signInAt?: () => Date;
  /** Calls a minute; more than any test makes unless said, since one person stands for many. */
  readonly limits?: { readonly person?: number; readonly address?: number };
}

/** A broker with everything real around it: provider, state, and a production database with a few orders. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'daypass-test-world-'));
  // As root, the database runs as an account of its own, which must be able to pass through.
  await chmod(folder, 0o711);
  const running = new Running();
  running.add(folder, () => rm(folder, { recursive: true, force: true }));
  try {
    return await build(folder, running, options);
  } catch (error) {
    await running.end();
    throw error;
  }
}

async function build(folder: string, running: Running, options: WorldOptions): Promise<World> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { accessTokenTtl, people: everybody = people } = options;
  const pagesSecret = randomBytes(18).toString('base64url');
  const [provider, shop] = await Promise.all([
    startProvider({
      resource: url,
      people: everybody,
      pagesSecret,
      otherResources: [elsewhere],
      ...(accessTokenTtl === undefined ? {} : { accessTokenTtl }),
      ...(options.signInAt ? { now: options.signInAt } : {}),
    }),
    startPostgres(options.shop),
  ]);
  running.add(provider, (one) => one.close());
  running.add(shop, (one) => one.stop());

  const templateFolder = join(folder, 'templates');
  await mkdir(templateFolder);
  for (const [name, text] of Object.entries({ ...templates, ...options.templates }))
    await writeFile(join(templateFolder, name), text);
  const password = randomBytes(18).toString('base64url');
  await writeFile(join(folder, 'shop.password'), password, { mode: 0o600 });
  await writeFile(join(folder, 'pages.secret'), pagesSecret, { mode: 0o600 });
  const tls = shop.certificateAuthority;
  if (tls !== undefined) await writeFile(join(folder, 'shop-ca.pem'), tls);
  const file = join(folder, 'daypass.yaml');
  await writeFile(
    file,
    `
listen: 127.0.0.1:${port}
public_url: ${url}
organisation: { name: Shop, ask: "Ben Roth or #platform" }
groups: [engineering, oncall, payments-leads, auditors, security, newcomers]
identity:
  issuer: ${options.issuer ?? provider.issuer}
  audience: ${url}
  clients: [daypass-vscode]
  device_client: daypass-device
  ${options.identity ?? ''}
  ${options.pages === true ? 'pages_client: { id: daypass-pages, secret: { file: ./pages.secret } }' : ''}
audit: { by: [auditors] }
${embeddedDatabase}
templates: ./templates
requests: { most_open: ${options.mostOpen ?? 10} }
limits: ${JSON.stringify(options.limits ?? { person: 10_000_000, address: 10_000_000 })}
${options.configuration ?? ''}
targets:
  shop:
    title: shop
    kind: postgresql
    ${tls === undefined ? 'host: 127.0.0.1' : 'host: localhost\n    hostaddr: 127.0.0.1'}
    port: ${shop.port}
    database: shop
    tls: ${tls === undefined ? '{ mode: off }' : '{ mode: verify-full, certificate_authority: ./shop-ca.pem }'}
    login: { user: daypass_broker, password: { file: ./shop.password } }
`,
  );
  const config = await loadConfig(file);
  const target = config.targets.get('shop');
  if (!target) throw new Error('The shop is not configured.');
  await shop.run('create database shop');
  await shop.run(`${shopSql}${options.sql ?? ''}`, 'shop');
  const { templates: parsed } = await loadTemplates(templateFolder, config);
  const scoped = [...parsed.values()].map(({ id, scope }) => ({
    id,
    scope: storedScope(scope),
  }));
  await shop.run(setupSql(target, scoped).replace(/^\\.*$/gm, ''), 'shop');
  await shop.run(`alter role daypass_broker login password '${password}'`);

  const log: string[] = [];
  const logger = openLog({ level: 'trace', to: { write: (line: string) => void log.push(line) } });
  let broker = await startBroker({ config, log: logger });
  running.add(
    () => broker,
    (now) => now().close(),
  );

  const tokens = new Map<string, { readonly token: Promise<string>; readonly goodUntil: number }>();
  // On a slow machine a test takes longer than a token lasts.
  const goodForMs = options.accessTokenTtl === undefined ? 240_000 : Infinity;
  const token = (name: Name) => {
    const known = tokens.get(name);
    if (known && performance.now() < known.goodUntil) return known.token;
    const made = provider.tokenFor(name).then((one) => one.accessToken);
    tokens.set(name, { token: made, goodUntil: performance.now() + goodForMs });
    return made;
  };
  return {
    url,
    provider,
    shop,
    folder,
    templates: templateFolder,
    log,
    get broker() {
      return broker;
    },
    token,
    async call(
      name: Name | undefined,
      method: string,
      path: string,
      { body, key, headers }: { body?: unknown; key?: string; headers?: Record<string, string> } = {},
    ) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(name === undefined ? {} : { authorization: `Bearer ${await token(name)}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key === undefined ? {} : { 'idempotency-key': key }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as never, headers: response.headers };
    },
    async login({ connection }, secret, more = {}) {
      const { host, hostaddr, tls: mode, certificateAuthority: ca } = connection;
      const client = new pg.Client({
        ...connection,
        host: hostaddr ?? host,
        ssl: mode === 'off' ? false : { ca, servername: host },
        password: secret,
        application_name: 'psql',
        ...more,
      });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    async restart() {
      await broker.close();
      broker = await startBroker({ config, log: logger });
    },
    stop: () => running.end(),
  };
}

/** How the broker reaches its own database, with its runtime role. */
export async function stateOf({ folder }: World): Promise<pg.ClientConfig> {
  const state = join(folder, 'state');
  return {
    host: '127.0.0.1',
    port: (await findPostmaster(join(state, 'data')))!.port,
    user: 'daypass_runtime',
    password: (await readFile(join(state, 'runtime.password'), 'utf8')).trim(),
    database: 'daypass',
  };
}

/** Works in the broker's own database, with its runtime role. */
export async function inState<T>(world: World, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(await stateOf(world));
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export const newKey = () => randomBytes(16).toString('base64url');

/** A password as the extension makes it, and what the broker is told of it. */
export async function newSecret(): Promise<{ password: string; verifier: string }> {
  const password = newPassword();
  return { password: password.reveal(), verifier: await verifierOf(password) };
}

export { people };
