import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { connectionOf, type Store } from '../../src/broker/store/connect.ts';
import { grantsOf, activeAt, listGrants, overdueGrants } from '../../src/broker/store/grant.ts';
import { leasesOf } from '../../src/broker/store/lease.ts';
import { owedLeases } from '../../src/broker/store/lease-owed.ts';
import { listRequests, overdueRequests, type Reader } from '../../src/broker/store/request.ts';
import { decisionsOn } from '../../src/broker/store/decision.ts';
import { integrity, startStore } from './support/store.ts';

const [ana, ben, carol, eva] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()] as const;
const readers = {
  ana: { id: ana, groups: ['engineering'], audits: false },
  ben: { id: ben, groups: ['payments-leads'], audits: false },
  carol: { id: carol, groups: ['auditors'], audits: true },
} satisfies Record<string, Reader>;

/** Ten thousand of each, one a minute, the newest last; who asked, and what became of it, by turns. */
const history = `
insert into person (id, issuer, subject, name)
  select id, 'i', id::text, 'Somebody' from unnest(array['${ana}', '${ben}', '${carol}', '${eva}']::uuid[]) id;
insert into request (id, requester, template_id, template, scope, target, duration_s, reason, digest, approve_by, revoke_by, quorum, state, created_at, answer_by)
  select md5('request ' || n)::uuid, case when n % 100 = 0 then '${ana}' else '${eva}' end::uuid, 't', '{}', '{}', 'shop', 1800, 'reason ' || n, 'd',
    '{payments-leads}', '{payments-leads,security}', 1,
    case when n % 1000 = 1 then 'pending' else 'approved' end, now() - make_interval(mins => 10000 - n), now() + interval '1 h'
  from generate_series(1, 10000) n;
insert into "grant" (id, request_id, holder, target, duration_s, terminals, state, created_at, activate_by, activated_at, expires_at, ended_at)
  select md5('grant ' || n)::uuid, r.id, r.requester, 'shop', 1800, 3, case when n % 1000 = 2 then 'active' else 'expired' end, r.created_at,
    r.created_at, r.created_at, r.created_at + interval '30 min', case when n % 1000 = 2 then null else r.created_at end
  from generate_series(1, 10000) n join request r on r.id = md5('request ' || n)::uuid where r.state = 'approved';
insert into lease (id, grant_id, person_id, target, role, state, due_at, created_at, close_reason, closed_at, idempotency_key, body_hash)
  select md5('lease ' || n)::uuid, g.id, g.holder, 'shop', 'role ' || n, case when n = 3 then 'closing' else 'closed' end, g.expires_at, g.created_at,
    'expired', g.expires_at, 'key', 'hash'
  from generate_series(1, 10000) n join "grant" g on g.id = md5('grant ' || n)::uuid;
insert into decision (id, request_id, person_id, verdict, digest)
  select gen_random_uuid(), id, '${ben}', 'approve', 'd' from request where state = 'approved';
vacuum analyze request, "grant", lease, decision;
`;

describe('Lists of ten thousand', function () {
  this.timeout(60_000);
  let world: Awaited<ReturnType<typeof startStore>>;
  let store: Store;
  let client: pg.Client;
  before(async () => {
    world = await startStore();
    store = world.open();
    client = new pg.Client(connectionOf(world.server, world.server.owner, 'test'));
    await client.connect();
    for (const statement of history.split(';\n').filter((one) => one.trim() !== ''))
      await client.query(statement);
  });
  after(async () => {
    await client.end();
    await world.stop();
  });

  type Listed = { id: string; state: string; created_at: Date };
  const newestFirst = (rows: readonly Listed[]) =>
    rows.every((row, n) => n === 0 || row.created_at <= rows[n - 1]!.created_at);
  const split = <Row extends Listed>(
    rows: readonly Row[],
    isOpen: (row: Row) => boolean,
    isMine: (row: Row) => boolean,
  ) => {
    const open = rows.filter(isOpen);
    assert.deepEqual(rows.slice(0, open.length), open, 'what is open comes first');
    const closed = rows.slice(open.length);
    const mine = closed.filter(isMine);
    assert.deepEqual(closed.slice(0, mine.length), mine, 'then one’s own');
    for (const part of [
      open.filter(isMine),
      open.filter((one) => !isMine(one)),
      mine,
      closed.slice(mine.length),
    ])
      assert.ok(newestFirst(part), 'each from the newest on');
    return { open: open.length, mine: mine.length, others: closed.length - mine.length };
  };

  it('of requests: what waits, one’s own, the newest', async () => {
    const list = async (name: keyof typeof readers, only: 'pending' | 'all') =>
      split(
        await listRequests(store.db, readers[name], only, 250),
        ({ state }) => state === 'pending',
        ({ requester }) => requester === readers[name].id,
      );
    assert.deepEqual(await list('ana', 'all'), { open: 0, mine: 100, others: 0 });
    assert.deepEqual(await list('ben', 'all'), { open: 10, mine: 0, others: 240 });
    assert.deepEqual(await list('carol', 'all'), { open: 10, mine: 0, others: 240 });
    assert.deepEqual(await list('carol', 'pending'), { open: 10, mine: 0, others: 0 });
    assert.deepEqual(await list('ana', 'pending'), { open: 0, mine: 0, others: 0 });
  });

  it('of grants: what is open or not settled, one’s own, the newest', async () => {
    const unsettled = (await client.query<{ id: string }>(`select md5('grant 3')::uuid as id`)).rows[0]!.id;
    const list = async (name: keyof typeof readers, only: 'open' | 'all') =>
      split(
        await listGrants(store.db, readers[name], only, 250),
        ({ id, state }) => state === 'active' || id === unsettled,
        ({ holder }) => holder === readers[name].id,
      );
    assert.deepEqual(await list('ana', 'all'), { open: 0, mine: 100, others: 0 });
    assert.deepEqual(await list('ben', 'all'), { open: 11, mine: 0, others: 239 });
    assert.deepEqual(await list('carol', 'all'), { open: 11, mine: 0, others: 239 });
    assert.deepEqual(await list('carol', 'open'), { open: 11, mine: 0, others: 0 });
  });

  it('and looks at what is due or open read no table from end to end', async () => {
    const asked: { text: string; values: unknown[] }[] = [];
    const query = Reflect.get(pg.Client.prototype, 'query') as (...of: unknown[]) => unknown;
    Object.defineProperty(pg.Client.prototype, 'query', {
      configurable: true,
      writable: true,
      value(this: pg.Client, text: string, values: unknown[], ...rest: unknown[]) {
        asked.push({ text, values });
        return query.call(this, text, values, ...rest);
      },
    });
    try {
      for (const reader of Object.values(readers)) {
        const requests = await listRequests(store.db, reader, 'all', 250);
        await listRequests(store.db, reader, 'pending', 200);
        const grants = await listGrants(store.db, reader, 'all', 250);
        await listGrants(store.db, reader, 'open', 200);
        const ids = requests.map(({ id }) => id);
        await Promise.all([
          decisionsOn(store.db, integrity, ids),
          grantsOf(store.db, ids),
          activeAt(store.db, ['shop']),
        ]);
        await leasesOf(
          store.db,
          grants.map(({ id }) => id),
        );
      }
      await overdueRequests(store.db);
      await overdueGrants(store.db);
      await owedLeases(store.db, integrity, 'shop');
    } finally {
      Object.defineProperty(pg.Client.prototype, 'query', {
        configurable: true,
        writable: true,
        value: query,
      });
    }
    assert.ok(asked.length >= 24);
    for (const { text, values } of asked) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      assert.doesNotMatch(plan, /Seq Scan on (request|"grant"|lease|decision)\b/, `${text}\n${plan}`);
    }
  });
});
