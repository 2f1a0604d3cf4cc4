import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { secretFile } from './configuration.ts';
import { find } from './found.ts';
import { violationsOf } from './invariants.ts';
import { Ledger, type Held } from './ledger.ts';
import { logged } from './log-stream-settled.ts';
import { Logins } from './logins.ts';
import { People } from './people.ts';
import { brokerNames, scheduleOf, smallSize } from './schedule.ts';
import { settle } from './settle.ts';
import { Watch } from './watch.ts';
import { startWorld, type World } from './world.ts';

describe('What the harness of faults holds against', function () {
  this.timeout(180_000);
  let world: World;
  let ledger: Ledger;
  let watch: Watch;
  before(async () => {
    world = await startWorld();
    ledger = new Ledger();
    const people = new People(world, scheduleOf(1, smallSize), ledger);
    watch = new Watch(world, ledger);
    await people.begin();
    watch.begin();
    while (people.lives < 60) await pause(100);
    await people.stop();
    assert.deepEqual((await settle(world)).violations, []);
  });
  after(() => world.stop());

  const told = async () => violationsOf(await find(world.store, world.targets), ledger);
  /** Each breaks something for good: what is told because of it was not told before. */
  const breaks = async (sql: string, expected: RegExp, at: 'store' | 'shop' = 'store') => {
    const before = new Set(await told());
    await (at === 'store' ? world.store : world.targets.shop).query(sql);
    const fresh = (await told()).filter((one) => !before.has(one));
    assert.ok(
      fresh.some((one) => expected.test(one)),
      fresh.join('\n') || 'nothing was told',
    );
  };
  const inLogs = async () => logged(world, await find(world.store, world.targets), watch.marks);
  const ofLease = (state: string) =>
    `(select min(id::text)::uuid from daypass.lease where state = '${state}' and target = 'shop')`;

  it('tells nothing where nothing is wrong', async () => {
    assert.deepEqual(await told(), []);
    assert.deepEqual(await world.leaks(ledger.credentials), []);
    assert.ok(ledger.held.length > 20);
    assert.deepEqual(await inLogs(), []);
    // From here on nobody repairs what is broken below.
    for (const name of brokerNames) await world.brokers[name].stop();
  });

  it('a secret in a log, in an event, in a file', async () => {
    const [credential] = ledger.credentials;
    assert.ok(credential);
    const base64 = (text: string) => Buffer.from(`x${text}y`).toString('base64');
    world.brokers.two.log.add(JSON.stringify({ level: 'info', basic: base64(credential.password) }));
    world.brokers.one.log.add(JSON.stringify({ level: 'info', body: JSON.stringify(credential) }));
    await copyFile(secretFile(world.folder, 'owner'), join(world.folder, 'left'));
    const id = randomUUID();
    await world.store.query(
      `insert into daypass.audit_event select (jsonb_populate_record(e, $1)).* from daypass.audit_event e limit 1`,
      [{ id, detail: { token: world.tokens.get('ben') } }],
    );
    const left = await world.leaks(ledger.credentials);
    // What is in a row is in the store's data as well, in pieces or not.
    assert.deepEqual(left.filter((one) => !one.includes(': file disk/')).sort(), [
      'Left behind, a token of ben: store daypass.audit_event',
      'Left behind, the password of a lease: file one.log',
      'Left behind, the password of a lease: file two.log',
      'Left behind, the verifier of a lease’s server key: file one.log',
      'Left behind, the verifier of a lease’s stored key: file one.log',
      'Left behind, what owner.secret holds: file left',
    ]);
    await world.store.query('delete from daypass.audit_event where id = $1', [id]);
  });

  it('an event that is in no log, and one that a log has twice', async () => {
    for (const name of brokerNames)
      for (const { events } of world.brokers[name].log.lives)
        events.splice(
          events.findIndex(({ number }) => number === 7),
          1,
        );
    const [two] = world.brokers.two.log.lives;
    two?.events.splice(9, 0, ...two.events.slice(9, 10));
    const said = (await inLogs()).join('\n');
    assert.match(said, /^Number 7 .* is in no broker's log/m);
    assert.match(said, /^In the log of broker one, after number 6 came number 8\.$/m);
    assert.match(said, /^In the log of broker two, after number (\d+) came number \1\.$/m);
  });

  it('a number that was another event before', async () => {
    const [five, six] = (await find(world.store, world.targets)).events.slice(4, 6);
    await world.store.query('delete from daypass.audit_number where number in (5, 6)');
    await world.store.query('insert into daypass.audit_number values (5, $1), (6, $2)', [six?.id, five?.id]);
    await watch.end();
    assert.deepEqual(watch.violations, [
      `Number 5 was another event before: ${five?.id ?? ''}`,
      `Number 6 was another event before: ${six?.id ?? ''}`,
    ]);
  });

  it('a number that is missing, and an event that has none', async () => {
    await breaks('delete from daypass.audit_number where number = 3', /^After number 2 comes 4/);
    assert.ok((await told()).some((said) => /^The event .* has no number/.test(said)));
  });

  it('an event that was acknowledged and is lost, although no number is missing', async () => {
    const { events } = await find(world.store, world.targets);
    const lost = events.findLast(
      ({ action, resourceId }) =>
        action === 'lease issued' && ledger.acknowledgements.has(`${action} ${resourceId ?? ''}`),
    );
    const later = events.slice(events.findIndex((one) => one === lost));
    for (const { number } of later)
      await world.store.query('delete from daypass.audit_number where number = $1', [number]);
    for (const [at, { id }] of later.slice(1).entries())
      await world.store.query('insert into daypass.audit_number values ($1, $2)', [
        (lost?.number ?? 0) + at,
        id,
      ]);
    await world.store.query('delete from daypass.audit_event where id = $1', [lost?.id]);
    const said = await told();
    assert.ok(said.includes(`Acknowledged and not in the audit log: lease issued ${lost?.resourceId ?? ''}`));
  });

  it('a receipt that is missing', () =>
    breaks(
      'delete from daypass.receipt where lease_id = (select min(lease_id::text)::uuid from daypass.receipt)',
      /is closed without a receipt or a word why/,
    ));

  describe('a lease that is called never created, although', () => {
    const neverCreated = (where: string) =>
      `with lease as (update daypass.lease set obstacle = 'never created' where id = (${where}) returning id),
            event as (update daypass.audit_event set detail = '{"absent": "never created"}'
                       where action = 'lease closed' and resource_id = (select id from lease))
       delete from daypass.receipt where lease_id = (select id from lease)`;

    it('somebody was given it', () =>
      breaks(
        neverCreated(`select id from daypass.lease join daypass.receipt on lease_id = id
                       where state = 'closed' and id::text = any(array['${ledger.held.map(({ leaseId }) => leaseId).join("','")}']) limit 1`),
        /is closed without a receipt, and somebody was given it/,
      ));

    it('its login was seen at its target', () =>
      breaks(
        neverCreated(`select id from daypass.lease join daypass.receipt on lease_id = id
                       where state = 'closed' and role = any(array['${[...ledger.seen].join("','")}']) limit 1`),
        /is closed without a receipt, and its login was seen at its target/,
      ));
  });

  it('a lease that is not over, and whose events say otherwise', () =>
    breaks(
      `update daypass.lease set state = 'closing', closed_at = null where id = ${ofLease('closed')}`,
      /is still closing/,
    ));

  it('an effect that came twice', async () => {
    await breaks(
      `insert into daypass.request select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid()))).*
         from daypass.request r limit 1`,
      /^Twice the same reason/,
    );
    ledger.answered('one call', randomUUID());
    ledger.answered('one call', randomUUID());
    assert.ok((await told()).some((said) => /^One call got several answers/.test(said)));
  });

  it('a login that is there although its lease is over', async () => {
    const [{ role } = { role: '' }] = await world.store.query<{ role: string }>(
      `select role from daypass.lease where id = ${ofLease('closed')}`,
    );
    await world.targets.shop.query(`create role "${role}" login`);
    const looking = new Watch(world, new Ledger());
    await looking.end();
    assert.ok(
      looking.violations.some((said) =>
        said.startsWith(`At shop, the lease of the login ${role} is over: closed, `),
      ),
    );
    await world.targets.shop.query(`drop role if exists "${role}"`);
  });

  it('a login that no lease accounts for, after its row was deleted', async () => {
    const id = ofLease('closed');
    const [{ role } = { role: '' }] = await world.store.query<{ role: string }>(
      `select role from daypass.lease where id = ${id}`,
    );
    await world.store.query(`delete from daypass.receipt where lease_id = ${id}`);
    await world.store.query(`delete from daypass.lease where id = ${id}`);
    await breaks(
      `create role "${role}" login`,
      /^At shop, no lease with a due time accounts for the login/,
      'shop',
    );
    const looking = new Watch(world, new Ledger());
    await looking.end();
    assert.ok(
      looking.violations.some((said) => /no lease with a due time accounts for the login/.test(said)),
    );
  });

  describe('a credential that is over', () => {
    let held: Held;
    let looking: Watch;
    before(async () => {
      const server = world.targets.shop;
      await server.query(`create role kept_open login password 'kept open'`);
      // Nothing keeps a broker from the target, as far as the harness knows.
      for (const name of brokerNames) world.brokers[name].wellSince = 0;
    });
    beforeEach(async () => {
      const login = { user: 'kept_open', password: 'kept open' };
      const socket = new pg.Client({
        ...login,
        host: '127.0.0.1',
        port: world.targets.shop.port,
        database: 'shop',
      });
      await socket.connect();
      const [receipt] = await world.store.query<{ id: string }>('select lease_id as id from daypass.receipt');
      held = {
        leaseId: receipt?.id ?? '',
        grantId: randomUUID(),
        role: login.user,
        password: login.password,
        target: 'shop',
        dueAt: new Date(Date.now() - 5_000),
        socket,
      };
      const withIt = new Ledger();
      withIt.held.push(held);
      looking = new Watch(world, withIt, 1_000);
    });
    afterEach(() => held.socket?.end());

    it('by the clock, and works: a login, a connection', async () => {
      Object.assign(held, { leaseId: randomUUID() });
      await looking.end();
      const said = looking.violations.join('\n');
      assert.match(said, /Somebody logged in with lease .*, after/);
      assert.match(said, /The connection of lease .* is open \d+ ms after its time/);
    });

    it('by the word of the store, and works: a login, a connection', async () => {
      Object.assign(held, { dueAt: new Date(Date.now() + 60_000) });
      held.overAt = new Date(Date.now() - 2_000);
      await looking.end();
      const said = looking.violations.join('\n');
      assert.match(said, /Somebody logged in with lease .*, which is over by the word of the store\./);
      assert.match(said, /The connection of lease .* is open \d+ ms after its lease was seen to be over/);
    });

    it('and works again after it was refused', async () => {
      const { shop } = world.targets;
      const logins = new Logins(world.targets);
      logins.add(held);
      await shop.query('alter role kept_open nologin');
      await logins.tryDue();
      await shop.query('alter role kept_open login');
      await logins.tryDue();
      assert.deepEqual([held.refused, logins.violations], [true, []]);
      await pause(2_000);
      await logins.tryDue();
      assert.match(logins.violations.join(), /Somebody logged in with lease .*, and was refused before\./);
    });

    it('and works although nobody was told that it does', async () => {
      const id = ofLease('closed');
      const [row] = await world.store.query<{ key: string; role: string }>(
        `select idempotency_key as key, role from daypass.lease where id = ${id}`,
      );
      const { key, role } = row ?? { key: '', role: '' };
      await world.store.query(`update daypass.lease set role = 'kept_open' where id = ${id}`);
      const withIt = new Ledger();
      withIt.unanswered.push({ grantId: randomUUID(), key, password: held.password, target: 'shop' });
      looking = new Watch(world, withIt);
      await looking.end();
      await world.store.query(`update daypass.lease set role = $1 where id = ${id}`, [role]);
      assert.match(looking.violations.join('\n'), /Somebody logged in with lease /);
    });
  });
});
