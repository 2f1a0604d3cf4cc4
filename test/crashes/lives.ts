import assert from 'node:assert/strict';
import pg from 'pg';
import type { IssuedLease } from '../../src/contract/leases.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { requestFields } from '../../src/broker/store/authentic.ts';
import type { RequestRow } from '../../src/broker/store/request.ts';
import { eventually } from '../broker/support/eventually.ts';
import { templateOf, ordersScope } from '../broker/hostile/holding.ts';
import { newKey, people, type Name, type WorldOptions } from '../broker/support/world.ts';
import type { CrashStage } from './crash-stage.ts';

/** People who have not called yet: some who may ask for something, and some who may not. */
const strangers = (group: string) =>
  Array.from({ length: 15 }, (_, n) => ({
    id: `${group}-${n}`,
    name: `${group} ${n}`,
    groups: [group],
    role: '',
    hint: '',
  }));
const [engineers, newcomers] = [strangers('engineering'), strangers('newcomers')];

/** A production database in which everybody may create things, as is common, and few locks are to be had. */
export const surroundings: WorldOptions = {
  shop: { settings: { max_prepared_transactions: '20', max_locks_per_transaction: '10' } },
  mostOpen: 1_000,
  people: [...people, ...engineers, ...newcomers],
  sql: `
create role shop_stock_owner nologin;
create schema stock authorization shop_stock_owner;`,
  templates: {
    'stay.yaml': templateOf('stay', ordersScope),
    'own.yaml': templateOf('own', '{ owner: shop_stock_owner, schema: stock }'),
    'asked.yaml': templateOf('asked', ordersScope).replace('nobody', '{ by: [payments-leads] }'),
    'told.yaml': `${templateOf('told', ordersScope).replace('nobody', '{ by: [payments-leads] }')}
notify: [{ tell: { on_call: duty, through: hook } }]\n`,
  },
};

/** Who has a login and what they must not have afterwards. */
export interface Held {
  readonly grantId: string;
  readonly leaseId: string;
  readonly role: string;
  readonly sockets: readonly pg.Client[];
  login(database?: string, options?: string): Promise<pg.Client>;
}

/** What people do in a life, all of it over HTTP and at the target. Tells the logins that it had. */
type Life = (stage: CrashStage) => Promise<readonly Held[]>;

const reasonOf = (() => {
  let lives = 0;
  return () => `The life number ${(lives += 1)}`;
})();

async function ask(
  stage: CrashStage,
  template: string,
  name: Name = 'ana',
  duration = 'PT30M',
): Promise<AccessRequest> {
  const { body } = await stage.call<TemplateList>(name, 'GET', '/v1/templates');
  const templateDigest = body.templates.find(({ id }) => id === template)?.digest;
  const asked = await stage.call<AccessRequest>(name, 'POST', '/v1/requests', {
    body: { template, templateDigest, duration, reason: reasonOf() },
  });
  assert.equal(asked.status, 201, JSON.stringify(asked.body));
  return asked.body;
}

/** Whoever reads that a terminal could not be opened opens another one. */
async function open(stage: CrashStage, template: string, duration?: string): Promise<Held> {
  const { grantId } = await ask(stage, template, 'ana', duration);
  const { password, verifier } = await stage.newCredential();
  const issued = await eventually(async () => {
    const { status, body } = await stage.call<IssuedLease>('ana', 'POST', `/v1/grants/${grantId}/leases`, {
      body: { kind: 'postgresql', verifier },
    });
    return status === 201 ? body : undefined;
  });
  const sockets: pg.Client[] = [];
  return {
    grantId: String(grantId),
    leaseId: issued.lease.id,
    role: issued.connection.user,
    sockets,
    async login(database = 'shop', options = '') {
      const { host, port, user } = issued.connection;
      const client = new pg.Client({ host, port, user, password, database, options });
      client.on('error', () => undefined);
      sockets.push(client);
      if (options) client.connect().catch(() => undefined);
      else await client.connect();
      return client;
    },
  };
}

const end = (stage: CrashStage, { grantId }: Held) => stage.call('ana', 'POST', `/v1/grants/${grantId}/end`);

/** As if so much time had passed: in the way that the broker would have written it. */
/** Told, and recorded as such; told again after a death, it is under the same id. */
async function isTold(stage: CrashStage, requestId: string, type: string): Promise<void> {
  await eventually(async () => {
    const state = await stage.state();
    try {
      // What a broker took into its death is another's without waiting for it.
      await state.query(
        `update delivery set due_at = least(due_at, clock_timestamp())
          where request_id = $1 and state = 'waiting' and tried_at < clock_timestamp() - interval '1 second'`,
        [requestId],
      );
      await state.query('notify daypass_delivery');
      const { rows } = await state.query<{ sent: boolean }>(
        `select bool_and(state = 'sent') as sent from delivery
          where request_id = $1 and (about = 'asked') = ($2 = 'request.asked')`,
        [requestId, type],
      );
      return rows[0]?.sent === true || undefined;
    } finally {
      await state.end();
    }
  });
  const calls = stage.receiver.calls.filter(
    ({ json }) => json['type'] === type && (json['data'] as { request: string }).request === requestId,
  );
  assert.ok(calls.length > 0);
  assert.equal(new Set(calls.map(({ headers }) => headers['webhook-id'])).size, 1);
  assert.equal(new Set(calls.map(({ body }) => body)).size, 1);
}

async function letNobodyAnswer(stage: CrashStage, requestId: string): Promise<void> {
  const state = await stage.state();
  const answer_by = new Date(Date.now() + 500);
  const { rows } = await state.query<RequestRow>('select * from request where id = $1', [requestId]);
  for (const row of rows)
    await state.query('update request set answer_by = $2, mac = $3 where id = $1', [
      row.id,
      answer_by,
      stage.macs.of('request', requestFields({ ...row, answer_by })),
    ]);
  await state.query(`select pg_notify('daypass_expiry', '')`);
  await state.end();
}

const run = async (client: pg.Client, statements: readonly string[]) => {
  for (const sql of statements) await client.query(sql);
};

/** Lets the same login be used by whoever wants to stay: unseen on its way, prepared, lent, in other databases. */
async function stays(stage: CrashStage, held: Held): Promise<void> {
  const { shop } = stage.world;
  const [member] = await shop.run(
    `select roleid::regrole::text as carrier from pg_auth_members where member = '${held.role}'::regrole`,
  );
  const carrier = String(member?.['carrier']);
  const here = await held.login();
  await run(here, [
    `create view public.lent_${held.grantId.slice(0, 8)} as select 1 as x`,
    `reassign owned by current_user to ${carrier}`,
    `create table public.left_${held.grantId.slice(0, 8)} (x int)`,
  ]);
  const there = await held.login('warehouse');
  await run(there, [
    `alter default privileges for role ${carrier} grant all on tables to public`,
    'begin',
    'select lo_create(0)',
    `prepare transaction 'stay ${held.grantId}'`,
    'begin',
  ]);
  await held.login('shop', '-c post_auth_delay=120');
  await eventually(async () => {
    const [seen] = await shop.run(
      `select from pg_locks where locktype = 'object' and classid = 'pg_database'::regclass
          and pid not in (select pid from pg_stat_activity where usesysid is not null or backend_type <> 'client backend')`,
    );
    return seen;
  });
}

/** The role to which goes what others rely on is there no more: it is made anew. */
async function withoutHeir(stage: CrashStage): Promise<void> {
  const { shop } = stage.world;
  const heirs = await shop.run(`select rolname from pg_roles where rolname ~ '^daypass_[0-9a-f]{8}_kept$'`);
  for (const { rolname } of heirs) {
    await shop.run(`drop owned by ${String(rolname)} cascade`, 'shop');
    await shop.run(`drop role ${String(rolname)}`);
  }
}

/** Whatever of the broker's makes a login is held up, and then its connection is broken. */
async function brokenOff(stage: CrashStage, work: () => Promise<unknown>): Promise<void> {
  const { shop } = stage.world;
  const blocker = await shop.connect();
  await blocker.query('begin; lock table pg_auth_members in exclusive mode');
  const working = work();
  const pid = await eventually(async () => {
    const [waiting] = await shop.run(
      `select pid from pg_stat_activity where usename = 'daypass_broker' and wait_event_type = 'Lock' and query ~ 'create role'`,
    );
    return waiting?.['pid'] as number | undefined;
  });
  await shop.run(`select pg_terminate_backend(${pid})`);
  await blocker.query('rollback');
  await blocker.end();
  await working;
}

async function working(stage: CrashStage): Promise<readonly Held[]> {
  const held = await open(stage, 'own');
  await held.login();
  await stage.call('ana', 'GET', `/v1/grants/${held.grantId}/connections`);
  await end(stage, held);
  return [held];
}

export const lives = {
  'first start': async (stage) => {
    await stage.stop();
    await stage.forget();
    await stage.start();
    return [];
  },

  start: async (stage) => {
    await stage.stop();
    await stage.start();
    return [];
  },

  asking: async (stage) => {
    const { grantId } = await ask(stage, 'stay', 'ben');
    const [engineer, newcomer] = [engineers.pop(), newcomers.pop()];
    if (!engineer || !newcomer) throw new Error('Everybody is known by now.');
    const first = await ask(stage, 'asked', engineer.id);
    const digest = { verdict: 'approve', digest: first.digest };
    await stage.call('ben', 'POST', `/v1/requests/${first.id}/decisions`, { body: digest });
    const second = await ask(stage, 'asked');
    await stage.call('ben', 'POST', `/v1/requests/${second.id}/claim`, { body: {} });
    await stage.call('ben', 'POST', `/v1/requests/${second.id}/messages`, { body: { text: reasonOf() } });
    await stage.call('ben', 'DELETE', `/v1/requests/${second.id}/claim`);
    await stage.call('ana', 'POST', `/v1/requests/${second.id}/withdraw`);
    await stage.call(newcomer.id, 'POST', '/v1/requests', {
      body: { template: 'stay', templateDigest: first.digest, duration: 'PT30M', reason: reasonOf() },
    });
    await stage.call(newcomer.id, 'POST', `/v1/grants/${grantId}/end`);
    return [];
  },

  telling: async (stage) => {
    const { id } = await ask(stage, 'told');
    await isTold(stage, id, 'request.asked');
    await stage.call('ana', 'POST', `/v1/requests/${id}/withdraw`);
    await isTold(stage, id, 'request.withdrawn');
    return [];
  },

  'nobody answers': async (stage) => {
    await letNobodyAnswer(stage, (await ask(stage, 'asked')).id);
    return [];
  },

  working,

  'working over new connections': async (stage) => {
    await stage.world.shop.run(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'daypass_broker'`,
    );
    return working(stage);
  },

  'closing one terminal': async (stage) => {
    const held = await open(stage, 'stay');
    await held.login();
    await stage.call('ana', 'DELETE', `/v1/grants/${held.grantId}/leases/${held.leaseId}`);
    await end(stage, held);
    return [held];
  },

  staying: async (stage) => {
    const held = await open(stage, 'stay');
    await stays(stage, held);
    await end(stage, held);
    return [held];
  },

  'others rely on it': async (stage) => {
    await withoutHeir(stage);
    const held = await open(stage, 'stay');
    const name = `relied_${held.grantId.slice(0, 8)}`;
    await run(await held.login(), [`create table public.${name} (x int)`]);
    await stage.world.shop.run(`create view public.on_${name} as select x from public.${name}`, 'shop');
    await end(stage, held);
    return [held];
  },

  hoarding: async (stage) => {
    const held = await open(stage, 'stay');
    const client = await held.login();
    for (let n = 0; n < 8; n += 1)
      await run(client, [
        `do $$ begin for n in 1..250 loop execute format('create type public.hoard_${held.grantId.slice(0, 8)}_${n}_%s as (x int)', n); end loop; end $$`,
      ]);
    await end(stage, held);
    return [held];
  },

  revoked: async (stage) => {
    const held = await open(stage, 'stay');
    await held.login();
    await stage.call('ben', 'POST', `/v1/grants/${held.grantId}/revoke`, { body: { comment: 'Enough' } });
    return [held];
  },

  'out of time': async (stage) => {
    const held = await open(stage, 'stay', 'PT2S');
    await held.login();
    return [held];
  },

  'in the way': async (stage) => {
    const { shop } = stage.world;
    const held = await open(stage, 'stay');
    await held.login();
    await shop.run(`create table public.of_others_${held.grantId.slice(0, 8)} (x int)`, 'shop');
    // What the superuser gave, the broker cannot take back.
    await shop.run(`grant select on public.of_others_${held.grantId.slice(0, 8)} to "${held.role}"`, 'shop');
    await end(stage, held);
    await eventually(async () => {
      const state = await stage.state();
      const { rows } = await state.query('select from lease where id = $1 and obstacle is not null', [
        held.leaseId,
      ]);
      await state.end();
      return rows[0] as unknown;
    });
    await shop.run(`drop table public.of_others_${held.grantId.slice(0, 8)}`, 'shop');
    return [held];
  },

  'not prepared': async (stage) => {
    const { shop } = stage.world;
    const { grantId } = await ask(stage, 'stay');
    const [carrier] = await shop.run(
      `select rolname from pg_roles where rolname ~ '^daypass_tpl_stay_[0-9a-f]{10}$'`,
    );
    const name = String(carrier?.['rolname']);
    await shop.run(`alter role ${name} rename to put_away`);
    const { verifier } = await stage.newCredential();
    await stage.call('ana', 'POST', `/v1/grants/${grantId}/leases`, {
      key: newKey(),
      body: { kind: 'postgresql', verifier },
    });
    await shop.run(`alter role put_away rename to ${name}`);
    return [];
  },

  'broken off': async (stage) => {
    const { grantId } = await ask(stage, 'stay');
    const { verifier } = await stage.newCredential();
    await brokenOff(stage, () =>
      stage.call('ana', 'POST', `/v1/grants/${grantId}/leases`, { body: { kind: 'postgresql', verifier } }),
    );
    await stage.call('ana', 'POST', `/v1/grants/${grantId}/end`);
    return [];
  },

  'removed by others': async (stage) => {
    const { shop } = stage.world;
    const held = await open(stage, 'stay');
    await held.login();
    await shop.run(`drop owned by "${held.role}"`, 'shop');
    await shop.run(`drop role "${held.role}"`);
    await end(stage, held);
    return [held];
  },

  'a stranger': async (stage) => {
    const held = await open(stage, 'stay');
    await held.login();
    const state = await stage.state();
    // As somebody would who wants to keep the login.
    stage.deleted.add(held.role).add(held.leaseId);
    await state.query('begin');
    await state.query("set local session_replication_role = 'replica'");
    await state.query('delete from lease where id = $1', [held.leaseId]);
    await state.query('commit');
    await state.end();
    await stage.stop();
    await stage.start();
    await end(stage, held);
    return [held];
  },

  'a forged lease': async (stage) => {
    const held = await open(stage, 'stay');
    await held.login();
    const state = await stage.state();
    await state.query(`update lease set due_at = due_at + interval '1 year' where id = $1`, [held.leaseId]);
    await state.query(`select pg_notify('daypass_lease', '')`);
    await state.end();
    await end(stage, held);
    return [held];
  },
} satisfies Record<string, Life>;

export type LifeName = keyof typeof lives;
