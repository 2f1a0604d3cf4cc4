import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/broker/config/load.ts';
import { Running } from '../../src/broker/running.ts';
import { storedScope } from '../../src/broker/targets/postgresql/scope.ts';
import { setupSql } from '../../src/broker/targets/postgresql/setup.ts';
import { loadTemplates } from '../../src/broker/templates/folder.ts';
import { ben, carol } from '../../src/sandbox/provider/people.ts';
import { startProvider } from '../../src/sandbox/provider/provider.ts';
import { eventually } from '../broker/support/eventually.ts';
import { leaks, type Credential } from '../broker/support/leaks.ts';
import { freePort } from '../broker/support/postgres.ts';
import { BrokerLog } from './broker-log.ts';
import { requesters, secretFile, writeConfiguration, writeShared } from './configuration.ts';
import { compiledHook } from './compiled-hook.ts';
import { Disk } from './disk.ts';
import { Front } from './front.ts';
import { newFolder } from './left-behind.ts';
import { Link } from './link.ts';
import {
  brokerNames,
  serverNames,
  targetNames,
  type BrokerName,
  type ServerName,
  type TargetName,
} from './schedule.ts';
import { findPostgres, Server } from './server.ts';
import { SupervisedBroker } from './supervised-broker.ts';

/** Holds the store and, while it fails over, a copy of it. */
const diskMegabytes = 700;
/** Longer than a clock of a broker's machine is ever wrong by. */
const tokensForSeconds = 24 * 3600;

const ordersSql = `
create schema sales;
create table sales.orders (id int primary key, status text);
insert into sales.orders select n, 'paid' from generate_series(1, 20) n;
`;

/** Two brokers with everything real around them, each of which everything reaches over a network that can fail. */
export interface World {
  readonly brokers: Readonly<Record<BrokerName, SupervisedBroker>>;
  readonly fronts: Readonly<Record<BrokerName, Front>>;
  readonly links: Readonly<Record<BrokerName, Readonly<Record<ServerName, Link>>>>;
  /** The servers that are the targets now. */
  readonly targets: Readonly<Record<TargetName, Server>>;
  /** The server that has the store now. */
  readonly store: Server;
  readonly disk: Disk;
  /** Everything of the brokers' is in it, and the servers' data. */
  readonly folder: string;
  /** Access tokens by person. */
  readonly tokens: ReadonlyMap<string, string>;
  /** From now on the brokers' links lead to this one. */
  setStore(server: Server): void;
  /** From now on this one is the target, where the one before was. */
  setTarget(name: TargetName, server: Server): void;
  /** Resolves when both brokers can be called. */
  everybodyListens(): Promise<void>;
  /** Secrets where they do not belong: these, and what the brokers were given. */
  leaks(credentials: readonly Credential[]): Promise<string[]>;
  stop(): Promise<void>;
}

/** The shipped broker must be built. */
export async function startWorld(): Promise<World> {
  const folder = await newFolder();
  const running = new Running();
  running.add(folder, () => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const interrupted = () => void running.end().finally(() => process.exit(1));
    process.once(signal, interrupted);
    running.add(interrupted, (one) => process.off(signal, one));
  }
  try {
    return await build(folder, running);
  } catch (error) {
    await running.end();
    throw error;
  }
}

async function build(folder: string, running: Running): Promise<World> {
  // As root, PostgreSQL runs as an account of its own, which must be able to pass through.
  await chmod(folder, 0o711);
  const postgres = await findPostgres(folder);
  const disk = running.add(await Disk.make(join(folder, 'disk'), diskMegabytes), (one) => one.remove());
  const own = async (path: string) => {
    await mkdir(path, { recursive: true });
    // The account makes its own files in it.
    await chmod(path, 0o777);
    return path;
  };
  await own(disk.folder);
  const places = await own(join(folder, 'servers'));
  const server = async (directory: string) =>
    running.add(await Server.make(postgres, directory), (one) => one.remove());
  const passwords = { owner: secret(), runtime: secret(), target: secret(), integrity: secret() };
  let store = await server(join(disk.folder, 'store-0'));
  const made = store;
  running.add(made, async (first) => {
    if (store !== first) await store.remove();
  });
  const targets = {
    shop: await server(join(places, 'shop')),
    depot: await server(join(places, 'depot')),
  };
  running.add(targets, async (now) => {
    for (const name of targetNames) await now[name].remove();
  });
  await prepareStore(store, passwords);

  const links = await perBroker(async () => {
    const made = {
      store: new Link(() => store.port),
      shop: new Link(() => targets.shop.port),
      depot: new Link(() => targets.depot.port),
    };
    for (const name of serverNames) {
      await made[name].open();
      running.add(made[name], (link) => link.close());
    }
    return made;
  });
  const ports = { one: await freePort(), two: await freePort() };
  const fronts = await perBroker(async (name) => {
    const front = new Front(
      () => ports[name],
      () => ports[name === 'one' ? 'two' : 'one'],
    );
    await front.open();
    return running.add(front, (one) => one.close());
  });
  const publicUrl = `http://127.0.0.1:${fronts.one.port}`;
  const provider = await startProvider({
    resource: publicUrl,
    people: [...requesters, ben, carol],
    accessTokenTtl: tokensForSeconds,
  });
  running.add(provider, (one) => one.close());
  const tokens = new Map<string, string>();
  for (const { id } of provider.people) tokens.set(id, (await provider.tokenFor(id)).accessToken);

  const shared = {
    folder,
    publicUrl,
    issuer: provider.issuer,
    passwords,
    advertised: { shop: targets.shop.port, depot: targets.depot.port },
  };
  await writeShared(shared);
  const configurations = await perBroker((name) =>
    writeConfiguration(shared, name, {
      listen: ports[name],
      store: links[name].store.port,
      shop: links[name].shop.port,
      depot: links[name].depot.port,
    }),
  );
  for (const name of targetNames)
    await prepareTarget(targets[name], name, configurations.one, passwords.target);

  const hook = await compiledHook(folder);
  const brokers = await perBroker((name) => {
    const log = new BrokerLog(join(folder, `${name}.log`));
    return Promise.resolve(new SupervisedBroker({ hook, configuration: configurations[name], log }));
  });
  for (const name of brokerNames) {
    brokers[name].start();
    running.add(brokers[name], (broker) => broker.stop());
  }
  const world: World = {
    brokers,
    fronts,
    links,
    targets,
    get store() {
      return store;
    },
    setStore(now) {
      store = now;
    },
    setTarget(name, now) {
      targets[name] = now;
    },
    disk,
    folder,
    tokens,
    async everybodyListens() {
      for (const name of brokerNames)
        await eventually(() => brokers[name].listens || undefined, 60_000).catch(() => {
          throw new Error(`The broker "${name}" does not listen.\n${brokers[name].log.lastWords}`);
        });
    },
    leaks: (credentials) =>
      leaks(
        {
          folder,
          secretFiles: Object.keys(passwords).map((name) => secretFile(folder, name)),
          tokens,
          logFiles: brokerNames.map((name) => brokers[name].log.file),
          targetFolders: targetNames.map((name) => targets[name].directory),
          store: store.superuser,
        },
        credentials,
      ),
    stop: () => running.end(),
  };
  await world.everybodyListens();
  return world;
}

async function perBroker<T>(make: (name: BrokerName) => Promise<T>): Promise<Record<BrokerName, T>> {
  return { one: await make('one'), two: await make('two') };
}

const secret = () => randomBytes(24).toString('base64url');

async function prepareStore(
  store: Server,
  { owner, runtime }: Readonly<Record<'owner' | 'runtime', string>>,
): Promise<void> {
  await store.query(`create role daypass_owner login password '${owner}'`);
  await store.query(`create role daypass_runtime login password '${runtime}'`);
  await store.query('create database daypass owner daypass_owner');
  await store.use('daypass');
}

async function prepareTarget(
  server: Server,
  name: TargetName,
  configuration: string,
  password: string,
): Promise<void> {
  const config = await loadConfig(configuration);
  const target = config.targets.get(name);
  if (!target) throw new Error(`The target "${name}" is not configured.`);
  await server.query(`create database ${name}`);
  await server.use(name);
  await server.query(ordersSql);
  const { templates } = await loadTemplates(config.templates, config);
  const scoped = [...templates.values()]
    .filter((template) => template.target === name)
    .map(({ id, scope }) => ({ id, scope: storedScope(scope) }));
  await server.query(setupSql(target, scoped).replace(/^\\.*$/gm, ''));
  await server.query(`alter role daypass_broker login password '${password}'`);
}
