import assert from 'node:assert/strict';
import { issueStatements } from '../../src/broker/targets/postgresql/issue.ts';
import { storedScope } from '../../src/broker/targets/postgresql/scope.ts';
import { allSteps } from '../../src/broker/targets/postgresql/target.ts';
import { IssueFailed, type Closed } from '../../src/broker/targets/target.ts';
import { eventually } from './support/eventually.ts';
import { openShop, type Shop, type TestLease } from './support/shop.ts';
import { translatedWay } from './support/translated.ts';
import { isClosed } from './support/turned-away.ts';

const obstacleOf = (closed: Closed | undefined) =>
  closed?.outcome === 'unconfirmed' ? closed.obstacle : closed?.outcome;

describe('A server that speaks another language', function () {
  this.timeout(60_000);
  let shop: Shop;
  let way: Awaited<ReturnType<typeof translatedWay>>;
  before(async () => {
    shop = await openShop({ settings: { max_prepared_transactions: '5' } });
    way = await translatedWay(shop.server.port);
  });
  after(async () => {
    way.close();
    await shop.stop();
  });

  it('is understood: who keeps a login from being closed holds up nobody, and what is not prepared is said', async () => {
    const target = shop.another({ config: { port: way.port } });
    const [holder, other] = [await shop.lease('read-orders'), await shop.lease('read-orders')];
    const [hostile, innocent] = [await shop.login(holder), await shop.login(other)];
    await hostile.query('begin');
    await hostile.query(`alter role "${holder.role}" password 'x'`);
    await hostile.query(`prepare transaction 'stay'`);

    assert.deepEqual(await target.cut([holder, other], shop.keep), []);
    await eventually(() => (isClosed(hostile) && isClosed(innocent)) || undefined);
    const closed = await target.close([holder, other], shop.keep);
    assert.deepEqual(closed.map(obstacleOf), ['confirmed', 'confirmed']);
    const unprepared = { ...shop.intend('read-orders').intent, templateId: 'not-prepared' };
    await assert.rejects(
      target.issue(unprepared, shop.keep),
      (error) => error instanceof IssueFailed && /daypass target setup shop/.test(error.message),
    );
  });
});

describe('A target whose address leads to another server', function () {
  this.timeout(60_000);
  let old: Shop;
  let now: Shop;
  before(async () => {
    [old, now] = await Promise.all([openShop(), openShop()]);
    await now.server.run(`alter role daypass_broker password '${old.config.login.password.reveal()}'`);
  });
  after(() => Promise.all([old.stop(), now.stop()]));

  const issued = async () => {
    const lease = old.intend('read-orders');
    old.kept.set(lease.leaseId, (await old.target.issue(lease.intent, old.keep)) as never);
    return lease;
  };
  const moved = () => old.another({ config: { port: now.server.port } });
  const assertNotConfirmed = async (lease: TestLease) => {
    const target = moved();
    await target.cut([lease], old.keep);
    const [closed] = await target.close([lease], old.keep);
    assert.match(String(obstacleOf(closed)), /Another database system answers there/);
  };

  it('proves no end of what was made at the old one, and leaves its logins of the same number alone', async () => {
    const lease = await issued();
    const session = await old.login(lease);
    const bystander = await now.server.connect({
      user: 'shop_app',
      password: 'for tests only',
      database: 'shop',
    });
    const [number] = await now.server.run(`select oid::int as oid from pg_roles where rolname = 'shop_app'`);
    const evidence = old.kept.get(lease.leaseId);
    old.kept.set(lease.leaseId, { ...evidence, oid: number?.['oid'] });
    await assertNotConfirmed(lease);
    assert.deepEqual((await bystander.query('select 1 as x')).rows, [{ x: 1 }]);
    assert.equal((await session.query('select 1')).rowCount, 1);
    await bystander.end();

    old.kept.set(lease.leaseId, evidence!);
    assert.equal((await old.receipt(lease)).connectionsEnded, 1, 'as soon as it leads back');
    assert.ok(isClosed(session));
  });

  it('ends nothing of others at a server that is named as a replica and is none', async () => {
    const lease = await issued();
    const bystander = await now.server.connect({
      user: 'shop_app',
      password: 'for tests only',
      database: 'shop',
    });
    const [number] = await now.server.run(`select oid::int as oid from pg_roles where rolname = 'shop_app'`);
    const evidence = old.kept.get(lease.leaseId);
    old.kept.set(lease.leaseId, { ...evidence, oid: number?.['oid'] });
    const { host, port } = { ...old.config, port: now.server.port };
    const target = old.another({ config: { replicas: [{ host, port, tls: { mode: 'off' } }] } });
    await target.cut([lease], old.keep);
    const [closed] = await target.close([lease], old.keep);
    assert.match(String(obstacleOf(closed)), /another database system answers there/);
    assert.deepEqual((await bystander.query('select 1 as x')).rows, [{ x: 1 }]);
    await bystander.end();
    await old.receipt(lease);
  });

  it('is told from another one also where not everybody may ask which it is', async () => {
    await old.server.run('revoke execute on function pg_control_system() from public', 'shop');
    await old.receipt(await issued());
  });

  it('closes a copy of the login there, and still does not call that its end', async () => {
    const lease = await issued();
    await now.server.run('create role first_to_have_other_numbers');
    await moved().issue(lease.intent, old.keep);
    const copy = await now.server.connect({ user: lease.role, password: lease.password, database: 'shop' });
    const dead = new Promise((resolve) => copy.once('end', resolve));
    copy.on('error', () => undefined);
    await assertNotConfirmed(lease);
    await dead;
    await old.receipt(lease);
  });
});

describe('A login whose commit waits for a standby', function () {
  this.timeout(60_000);
  let shop: Shop;
  before(async () => (shop = await openShop()));
  after(() => shop.stop());

  const standby = async (name: string) => {
    await shop.server.run(`alter system set synchronous_standby_names = '${name}'`);
    await shop.server.run('select pg_reload_conf()');
  };

  it('is not called never created when it takes hold while that is looked for', async () => {
    const lease = shop.intend('read-orders');
    await standby('away');
    // What a broker had sent that was killed then.
    const sender = await shop.server.connect({
      user: 'daypass_broker',
      password: shop.config.login.password.reveal(),
      database: 'shop',
    });
    const made = sender.query(issueStatements(lease.intent, storedScope(lease.intent.scope)).join(';\n'));
    const waiting = `select from pg_stat_activity where wait_event = 'SyncRep'`;
    await eventually(async () => (await shop.server.run(waiting))[0]);
    const target = shop.another({
      steps: {
        ...allSteps,
        verify: async (site, endings) => {
          await allSteps.verify(site, endings);
          await standby('');
          await made;
        },
      },
    });
    const [closed] = await target.close([lease], shop.keep);
    assert.equal(obstacleOf(closed), 'The login is being created at this moment.');
    await shop.receipt(lease);
    await sender.end();
  });
});
