import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { IssuedLease } from '../../src/contract/leases.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { ensureBuilt } from '../../src/sandbox/build.ts';
import { silent } from '../../src/sandbox/progress.ts';
import { throwaway } from '../../src/broker/targets/postgresql/scram.ts';
import { separateStore, type SeparateStore } from '../broker/support/separate-store.ts';
import { startShipped } from '../broker/support/shipped-broker.ts';
import { newKey, startWorld, type World } from '../broker/support/world.ts';
import type { Benchmark, Surroundings } from './benchmark.ts';
import { rounded } from './numbers.ts';
import { inLanes } from './stage/lanes.ts';
import { goneAt, newSecret } from './stage/logins.ts';
import { addPast } from './stage/past.ts';

const finished = 100_000;
const due = 5_000;
/** As many of those that are due have a login and an open connection at the target; of the others nothing is there. */
const open = 500;
const lanes = 20;
const chunk = 100;
const patienceMs = 600_000;
const mostSeconds = 10;

/**
 * A broker that starts after an outage: until it can be called, until the last connection is dead whose time has passed,
 * and until every end is settled. Bare is the start on an empty store, and one transaction and one statement that close
 * as many logins and end their connections.
 */
export const brokerStart: Benchmark = {
  name: 'broker-start',
  what: `the start of a broker beside ${finished.toLocaleString('en')} finished and ${due.toLocaleString('en')} due leases, against an empty one and a bare cut`,
  async run(surroundings) {
    const { progress, atEnd } = surroundings;
    // What starts is what is shipped: an old one would be measured for this one.
    await ensureBuilt(silent, surroundings.signal);
    progress('Starting the servers…');
    const world = await startWorld({
      shop: { settings: { max_connections: String(open + 60), fsync: 'on' } },
      mostOpen: 1_000,
    });
    atEnd(() => world.stop());
    await world.broker.close();
    const store = await separateStore(world);
    atEnd(() => store.postgres.stop());
    const empty = await emptyStart(world, store, surroundings);

    progress(`Adding ${finished} finished and ${due} due leases…`);
    const client = await inStore(store);
    atEnd(() => client.end());
    const roles = await addPast(client, store.macs, { finished, due });
    const theirs = await bareCut(world);
    progress(`Opening ${open} connections…`);
    const clients = await connectAll(world, await makeLogins(world, roles.slice(0, open), 'daypass_broker'));
    const gone = Promise.all(clients.map((each) => goneAt(each, patienceMs)));
    progress('Starting the broker…');
    const began = Date.now();
    const broker = await startShipped(store.configuration);
    atEnd(() => broker.stop());
    await ready(world);
    const readyAfter = (Date.now() - began) / 1000;
    const late = (await gone).map((at) => (at - began) / 1000);
    progress('All connections are dead; waiting for the ends to be settled…');
    while (await unsettled(client)) await pause(250);
    const settledAfter = (Date.now() - began) / 1000;

    const ours = Math.max(...late);
    const bare = empty + theirs;
    return {
      value: ours,
      unit: 's',
      bare,
      aim: `last connection dead within ${mostSeconds} s of the start`,
      met: ours <= mostSeconds,
      details: [
        `${open} of those due have a login and an open connection at the target, of the other ${(due - open).toLocaleString('en')} nothing is there`,
        `can be called after ${rounded(readyAfter)} s (with an empty store ${rounded(empty)} s); first of ${open} connections dead after ${rounded(Math.min(...late))} s`,
        `bare cut of ${open}: ${rounded(theirs)} s; every one of ${due.toLocaleString('en')} ends settled after ${rounded(settledAfter)} s`,
      ],
      obstacles: [],
    };
  },
};

/** Seconds until it can be called with nothing in its store but one lease, which is the model for all others. */
async function emptyStart(world: World, store: SeparateStore, { signal }: Surroundings): Promise<number> {
  const first = await startShipped(store.configuration);
  await ready(world);
  await oneLease(world);
  const client = await inStore(store);
  while (!signal.aborted && (await unsettled(client))) await pause(100);
  await client.end();
  await first.stop();
  const began = Date.now();
  const again = await startShipped(store.configuration);
  await ready(world);
  const seconds = (Date.now() - began) / 1000;
  await again.stop();
  return seconds;
}

async function oneLease(world: World): Promise<void> {
  const { body } = await world.call<TemplateList>('ana', 'GET', '/v1/templates');
  const template = 'read-orders';
  const templateDigest = body.templates.find(({ id }) => id === template)?.digest;
  const asked = await world.call<AccessRequest>('ana', 'POST', '/v1/requests', {
    key: newKey(),
    body: { template, templateDigest, duration: 'PT30M', reason: 'The model for all the others' },
  });
  const { verifier } = await newSecret();
  const grant = `/v1/grants/${asked.body.grantId ?? ''}`;
  await world.call<IssuedLease>('ana', 'POST', `${grant}/leases`, {
    key: newKey(),
    body: { kind: 'postgresql', verifier },
  });
  await world.call('ana', 'POST', `${grant}/end`);
}

async function ready(world: World): Promise<void> {
  for (;;) {
    const answer = await fetch(`${world.url}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await pause(20);
  }
}

async function inStore({ postgres }: SeparateStore): Promise<pg.Client> {
  const client = await postgres.connect({ database: 'state' });
  await client.query('set search_path to daypass');
  return client;
}

const unsettled = async (client: pg.Client) =>
  ((await client.query("select from lease where state not in ('closed', 'failed') limit 1")).rowCount ?? 0) >
  0;

interface Login {
  readonly user: string;
  readonly password: string;
}

/** Logins as leases have them, made by the role that is to end them. */
async function makeLogins(world: World, roles: readonly string[], by: string): Promise<Login[]> {
  const { password, verifier } = await newSecret();
  const [carrier] = await world.shop.run(
    `select quote_ident(rolname) as name from pg_roles where rolname ~ '^daypass_tpl_read-orders_'`,
  );
  const client = await world.shop.connect();
  await client.query(`set role ${by}`);
  for (let at = 0; at < roles.length; at += chunk)
    await client.query(
      roles
        .slice(at, at + chunk)
        .map(
          (role) =>
            `create role "${role}" login password '${verifier}'; grant ${String(carrier?.['name'])} to "${role}" with inherit true, set false`,
        )
        .join(';\n'),
    );
  await client.end();
  return roles.map((user) => ({ user, password }));
}

const connectAll = (world: World, logins: readonly Login[]) =>
  inLanes(logins, lanes, (login) => world.shop.connect({ ...login, database: 'shop' }));

/** Seconds until the last connection is dead when a script closes the logins and ends the connections at once. */
async function bareCut(world: World): Promise<number> {
  const roles = Array.from({ length: open }, (_, n) => `bare_${n}`);
  const clients = await connectAll(world, await makeLogins(world, roles, 'postgres'));
  const gone = Promise.all(clients.map((client) => goneAt(client, patienceMs)));
  const script = await world.shop.connect();
  const began = Date.now();
  const { verifier } = throwaway();
  await script.query(roles.map((role) => `alter role ${role} nologin password '${verifier}'`).join(';\n'));
  await script.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = any($1)', [
    roles,
  ]);
  const last = Math.max(...(await gone));
  await script.end();
  return (last - began) / 1000;
}
