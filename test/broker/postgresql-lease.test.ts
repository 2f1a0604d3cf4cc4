import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { issuerRoles } from '../../src/broker/targets/postgresql/names.ts';
import { setupSql } from '../../src/broker/targets/postgresql/setup.ts';
import { IssueFailed } from '../../src/broker/targets/target.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/postgres.ts';
import { carrierOf, readScope, scopes, answer, openShop, type Shop } from './support/shop.ts';

const refused = '42501';
const sqlstate = (code: string) => (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === code;

describe('A lease at PostgreSQL', function () {
  this.timeout(30_000);
  let shop: Shop;
  before(async () => (shop = await openShop({ tls: true })));
  after(() => shop.stop());

  it('can do what its template says, and nothing else', async () => {
    const fix = await shop.login(await shop.lease('fix-order-status'));
    assert.deepEqual(await answer(fix, 'select count(*)::int as n from orders'), [{ n: 100 }]);
    assert.deepEqual(
      await answer(fix, "update sales.orders set status = 'paid' where id = 7 returning status"),
      [{ status: 'paid' }],
    );
    assert.equal(await answer(fix, "update sales.orders set note = 'x' where id = 7"), refused);
    for (const sql of [
      'delete from sales.orders',
      'insert into sales.orders values (1000)',
      'truncate sales.orders',
      'select * from sales.payments',
      'select * from crm.customers',
      'select sales.refund(1)',
      'alter table sales.orders add column x int',
      'create table sales.mine (x int)',
      'create schema mine',
      'create database mine',
      'create role mine',
      `set role "${carrierOf('fix-order-status')}"`,
      'set role shop_owner',
      'set role daypass_broker',
      'set session authorization shop_app',
      `copy sales.orders to program 'id'`,
      'select pg_read_file($$/etc/passwd$$)',
      'select pg_terminate_backend(pid) from pg_stat_activity where usename is distinct from session_user',
      'select rolpassword from pg_authid',
    ])
      assert.equal(await answer(fix, sql), refused, sql);
    assert.deepEqual(await answer(fix, 'show statement_timeout'), [{ statement_timeout: '30s' }]);

    const read = await shop.login(await shop.lease('read-orders'));
    assert.deepEqual(await answer(read, 'select id, name from crm.customers where id = 1'), [
      { id: 1, name: 'customer 1' },
    ]);
    assert.equal(await answer(read, 'select card from crm.customers'), refused);
    assert.equal(await answer(read, "update sales.orders set status = 'x'"), refused);

    const refund = await shop.login(await shop.lease('refund'));
    assert.deepEqual(await answer(refund, 'select sales.refund(3)'), [{ refund: 3 }]);
    assert.deepEqual(await answer(refund, "select nextval('sales.refunds')::int as n"), [{ n: 1 }]);
    assert.equal(await answer(refund, 'select * from sales.payments'), refused);

    const monitor = await shop.login(await shop.lease('monitor'));
    const seen = (await answer(
      monitor,
      "select query from pg_stat_activity where usename = 'daypass_broker'",
    )) as { query: string }[];
    assert.ok(
      seen.some(({ query }) => /create role|select/.test(query)),
      'pg_monitor sees what others run',
    );
    assert.equal(await answer(monitor, 'select * from sales.orders'), refused);

    const migrate = await shop.login(await shop.lease('migrate'));
    assert.deepEqual(await answer(migrate, 'alter table sales.orders add column checked boolean'), []);
    assert.deepEqual(await answer(migrate, 'create table sales.audit (id int)'), []);
    assert.equal(await answer(migrate, 'create table public.elsewhere (id int)'), refused);
  });

  it('is encrypted, and only with the certificate that belongs to the name', async () => {
    const lease = await shop.lease('read-orders');
    const client = await shop.login(lease);
    assert.deepEqual(await answer(client, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'), [
      { ssl: true },
    ]);
    const { host, ...details } = shop.target.connectionDetails(lease);
    assert.deepEqual(
      [host, details.tls, details.user, details.database],
      ['localhost', 'verify-full', lease.role, 'shop'],
    );
    assert.equal(details.certificateAuthority, shop.server.certificateAuthority);

    const wrongName = shop.another({ config: { host: 'db.example', hostaddr: '127.0.0.1' } });
    await assert.rejects(wrongName.observe(), /altnames/);
    const wrongAuthority = shop.another({ config: { tls: { mode: 'verify-full' } } });
    await assert.rejects(wrongAuthority.observe(), /certificate/);
    assert.ok(
      await shop
        .another({ config: { host: 'db.example', hostaddr: '127.0.0.1', tls: { mode: 'require' } } })
        .observe(),
    );
  });

  it('carries installation and lease in its name, is seen by its installation only, and shows who is connected', async () => {
    const lease = await shop.lease('read-orders');
    assert.equal(lease.role, `daypass_${shop.installation}_${lease.leaseId.replaceAll('-', '')}`);
    const mine = await shop.target.observe();
    assert.ok(mine.some(({ leaseId, role }) => leaseId === lease.leaseId && role === lease.role));
    const stranger = shop.another({ installation: randomBytes(4).toString('hex') });
    assert.deepEqual(await stranger.observe(), []);
    const before = await shop.login(lease, { applicationName: 'psql' });
    const {
      connections: [connection],
    } = await shop.target.connections([lease]);
    assert.deepEqual(
      [connection?.leaseId, connection?.address, connection?.program],
      [lease.leaseId, '127.0.0.1', 'psql'],
    );
    assert.ok(Math.abs(connection!.since.getTime() - Date.now()) < 60_000);

    assert.match((await stranger.cut([lease], shop.keep))[0]!.obstacle, /left alone/);
    assert.equal((await stranger.close([lease], shop.keep))[0]!.outcome, 'unconfirmed');
    assert.deepEqual(
      await answer(before, 'select 1 as one'),
      [{ one: 1 }],
      'another installation’s lease was not touched',
    );
  });

  it('is the same lease when issued again, and never more than its connections', async () => {
    const lease = await shop.lease('fix-order-status');
    await Promise.all([1, 2, 3].map(() => shop.target.issue(lease.intent, shop.keep)));
    const clients = await Promise.all(Array.from({ length: 20 }, () => shop.login(lease)));
    await assert.rejects(shop.login(lease), sqlstate('53300'));
    for (const client of clients) await client.end();
  });

  it('leaves its verifier in no session that others may look at', async () => {
    const lease = await shop.lease('read-orders');
    await eventually(async () => {
      const sessions = await shop.server.run(
        `select query from pg_stat_activity where application_name = 'daypass'`,
      );
      assert.ok(sessions.length > 0);
      return sessions.every(({ query }) => !String(query).includes('SCRAM')) || undefined;
    });
    await shop.login(lease).then((client) => client.end());
  });

  it('cannot be used for a login once its time is over', async () => {
    const lease = await shop.lease('read-orders', -1);
    await assert.rejects(shop.login(lease), sqlstate('28P01'));
    const receipt = await shop.receipt(lease);
    assert.equal(
      receipt.probe.routine,
      'InitializeSessionUserId',
      'the probe is not fooled by the expired password',
    );
  });

  it('is not issued again once it was cut', async () => {
    const lease = await shop.lease('read-orders');
    await shop.target.cut([lease], shop.keep);
    await assert.rejects(
      shop.target.issue(lease.intent, shop.keep),
      (error: unknown) => error instanceof IssueFailed && !error.nothingCreated,
    );
    await assert.rejects(shop.login(lease), sqlstate('28P01'));
  });

  it('is refused with proof that nothing was created', async () => {
    const nothing = (expected: RegExp) => (error: unknown) => {
      assert.ok(error instanceof IssueFailed);
      assert.match(error.message, expected);
      return error.nothingCreated;
    };
    const lease = shop.intend('read-orders');
    const issue = (change: object) => shop.target.issue({ ...lease.intent, ...change }, shop.keep);
    await assert.rejects(
      issue({ templateId: 'not-prepared' }),
      nothing(/not prepared for the template not-prepared.*daypass target setup shop/),
    );
    await assert.rejects(
      issue({ verifier: `${lease.intent.verifier}' superuser --` }),
      nothing(/could not be prepared/),
    );
    await assert.rejects(
      issue({ verifier: lease.intent.verifier.replace('4096', '4097') }),
      nothing(/could not be prepared/),
    );
    await assert.rejects(
      issue({ scope: { ...scopes['read-orders'], settings: { no_such_setting: '1' } } }),
      nothing(/no_such_setting/),
    );
    await assert.rejects(issue({ scope: {} }), nothing(/could not be prepared/));
    const unreachable = shop.another({ config: { hostaddr: '127.0.0.1', port: await freePort() } });
    await assert.rejects(
      unreachable.issue(lease.intent, shop.keep),
      nothing(/cannot be reached.*nothing listens/),
    );
    // What took too long is not sent; what was sent in time and arrives too late is refused where it arrives.
    for (const [tookMs, expected] of [
      [20_000, /took too long/],
      [19_999.999, /was too slow/],
    ] as const)
      await assert.rejects(
        shop.target.issue(lease.intent, shop.keep, () => tookMs),
        nothing(expected),
      );
    assert.ok(!(await shop.target.observe()).some(({ leaseId }) => leaseId === lease.leaseId));
    const [closed] = await shop.finish([lease]);
    assert.equal(closed!.outcome, 'absent');
  });

  it('is refused where the setup was that of a broker without roles that make logins, until it is run again', async () => {
    const member = (change: string) =>
      shop.server.run(
        `${change.replace('issuers', issuerRoles('daypass_broker').join(', '))} daypass_broker`,
      );
    const fresh = shop.another();
    const [one, another] = [shop.intend('read-orders'), shop.intend('read-orders')];
    await member('revoke issuers from');
    await assert.rejects(
      fresh.issue(one.intent, shop.keep),
      (error: unknown) =>
        error instanceof IssueFailed &&
        error.nothingCreated &&
        /not prepared for the template read-orders.*daypass target setup shop/.test(error.message),
    );
    await shop.server.run(setupSql(shop.config, shop.templates), 'shop');
    await fresh.issue(another.intent, shop.keep);
    const { current_user: user } = (
      await (await shop.login(another)).query<{ current_user: string }>('select current_user')
    ).rows[0]!;
    assert.equal(user, another.role);
    const { connectionsEnded } = await shop.receipt(another);
    assert.equal(connectionsEnded, 1);
  });

  it('gets exactly what the template says when the setup is run again', async () => {
    await shop.server.run(
      `grant delete on sales.orders to "${carrierOf('read-orders')}"; grant pg_read_all_data to "${carrierOf('read-orders')}"`,
      'shop',
    );
    const client = await shop.login(await shop.lease('read-orders'));
    assert.notEqual(await answer(client, 'select * from sales.payments limit 0'), refused);
    for (let twice = 0; twice < 2; twice += 1)
      await shop.server.run(setupSql(shop.config, shop.templates), 'shop');
    assert.equal(await answer(client, 'select * from sales.payments limit 0'), refused);
    assert.equal(await answer(client, 'delete from sales.orders'), refused);
    assert.deepEqual(await answer(client, 'select count(*)::int as n from sales.orders'), [{ n: 100 }]);
  });

  it('keeps what was approved, whatever its template says since', async () => {
    const before = shop.intend('read-orders');
    const scope = { privileges: ['select on sales.payments'] };
    await shop.server.run(setupSql(shop.config, [{ id: 'read-orders', scope: readScope(scope) }]), 'shop');
    const edited = { ...shop.intend('read-orders'), scope };
    await shop.target.issue(before.intent, shop.keep);
    await shop.target.issue({ ...edited.intent, scope }, shop.keep);
    const [old, fresh] = [await shop.login(before), await shop.login(edited)];
    const may = async (client: pg.Client, table: string) =>
      (await answer(client, `select from sales.${table} limit 0`)) !== refused;
    assert.deepEqual([await may(old, 'orders'), await may(old, 'payments')], [true, false]);
    assert.deepEqual([await may(fresh, 'orders'), await may(fresh, 'payments')], [false, true]);
    await shop.finish([before, edited]);
  });
});
