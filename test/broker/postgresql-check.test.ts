import assert from 'node:assert/strict';
import { Secret } from '../../src/contract/secret.ts';
import { checkTarget, type Finding } from '../../src/broker/targets/postgresql/check.ts';
import { issuerRoles } from '../../src/broker/targets/postgresql/names.ts';
import { setupSql } from '../../src/broker/targets/postgresql/setup.ts';
import { carrierOf, openShop, readScope, type Shop } from './support/shop.ts';

describe('daypass check --targets at PostgreSQL', function () {
  this.timeout(30_000);
  let shop: Shop;
  before(async () => {
    shop = await openShop({ tls: true, settings: { reserved_connections: '3' } });
    await shop.server.run(
      'create role crm_owner nologin; alter schema crm owner to crm_owner; alter table crm.customers owner to crm_owner',
      'shop',
    );
  });
  after(() => shop.stop());

  const told = (findings: readonly Finding[], kind: Finding['kind']) =>
    findings
      .filter((finding) => finding.kind === kind)
      .map(({ template, message }) => `${template ?? '-'}: ${message}`);
  const now = () => checkTarget(shop.config, shop.templates);
  const includes = (lines: readonly string[], ...expected: RegExp[]) => {
    for (const words of expected)
      assert.ok(
        lines.some((line) => words.test(line)),
        `${String(words)}\n${lines.join('\n')}`,
      );
  };

  it('finds nothing missing and nothing too much where the setup was run', async () => {
    const findings = await now();
    assert.deepEqual([...told(findings, 'missing'), ...told(findings, 'excess')], []);
    includes(
      told(findings, 'public'),
      /In template1, everybody may connect/,
      /In shop, everybody may create temporary tables/,
      /In postgres, everybody may create large objects/,
    );
  });

  it('says what everybody may do in every database', async () => {
    await shop.server.run('grant create on schema public to public', 'template1');
    await shop.server.run(
      `grant select on sales.payments to public; grant update (note) on sales.orders to public;
       create function public.door() returns int language sql security definer as 'select 1'`,
      'shop',
    );
    includes(
      told(await now(), 'public'),
      /In template1, everybody may create objects in the schema public/,
      /In shop, everybody may select on sales\.payments/,
      /In shop, everybody may update note of sales\.orders/,
      /In shop, everybody may run public\.door\(\) with the rights of postgres/,
    );
  });

  it('says what template roles have that no template says, in whichever database, and what they lack', async () => {
    const reads = `"${carrierOf('read-orders')}"`;
    await shop.server.run(`create role dba superuser nologin; grant dba to "${carrierOf('monitor')}"`);
    await shop.server.run(
      `create table public.ledger (x int); grant select on public.ledger to ${reads};
       alter default privileges for role ${reads} grant select on tables to public`,
      'postgres',
    );
    await shop.server.run(
      `grant delete on sales.orders to ${reads} with grant option;
       grant update (status) on sales.orders to "${carrierOf('fix-order-status')}" with grant option;
       revoke select (name) on crm.customers from ${reads};
       revoke execute on function sales.refund(int) from ${carrierOf('refund')};
       drop sequence sales.refunds;
       alter role "${carrierOf('monitor')}" login;
       alter role shop_owner login;
       create role daypass_tpl_forgotten`,
      'shop',
    );
    const findings = await now();
    includes(
      told(findings, 'excess'),
      /^read-orders: .* may select on table public\.ledger in postgres, which the template does not say/,
      /^read-orders: .* may delete on table sales\.orders in shop, which/,
      /^read-orders: .* owns something or has default privileges/,
      /^fix-order-status: .* may pass on update on status of table sales\.orders/,
      /^monitor: .* is a member of dba, which the template does not say/,
      /^monitor: Through .* a lease is a member of dba/,
      /^monitor: .* can log in/,
      /^migrate: The owner shop_owner can log in/,
      /^-: The role daypass_tpl_forgotten belongs to no template/,
    );
    includes(
      told(findings, 'missing'),
      /^read-orders: .* may not select on name of crm\.customers in shop/,
      /^refund: .* may not execute on sales\.refund\(integer\) in shop/,
      /^refund: The sequence sales\.refunds does not exist in shop/,
    );
  });

  it('says what is missing before the setup was run, and the setup is what is missing', async () => {
    await shop.server.run('create role another login createrole createdb; alter role another password $$x$$');
    const target = { ...shop.config, login: { user: 'another', password: new Secret('x') } };
    const templates = [
      {
        id: 'new-one',
        scope: readScope({ privileges: ['select on sales.orders'], settings: { 'shop.mode': 'x' } }),
      },
      {
        id: 'bad-settings',
        scope: readScope({ roles: ['pg_monitor'], settings: { fsync: 'off', nonsense: '1' } }),
      },
    ];
    const before = await checkTarget(target, templates);
    includes(
      told(before, 'missing'),
      /another is not a member of pg_signal_backend/,
      /Of the 16 roles as which another makes logins .* 16 are not there/,
      /^new-one: The role daypass_tpl_new-one_\w{10} does not exist/,
    );
    includes(told(before, 'excess'), /another may create databases/);
    await shop.server.run(setupSql(target, templates), 'shop');
    const after = await checkTarget(target, templates);
    const missing = told(after, 'missing');
    assert.equal(missing.length, 2, missing.join('\n'));
    includes(
      missing,
      /^bad-settings: .*only a superuser give the setting fsync/,
      /^bad-settings: .*does not know the setting nonsense/,
    );
  });

  it('says that the broker is a superuser, and the setup refuses to go on', async () => {
    const target = {
      ...shop.config,
      login: { user: 'postgres', password: new Secret(shop.server.password) },
    };
    includes(told(await checkTarget(target, []), 'excess'), /postgres is a superuser/);
    await assert.rejects(
      shop.server.run(setupSql(target, []), 'shop'),
      /postgres is a superuser: give the broker a login of its own/,
    );
  });

  it('the setup lets the broker into the databases of its templates, where not everybody may connect', async () => {
    await shop.server.run('create database orders');
    const elsewhere = { id: 'elsewhere', scope: readScope({ roles: ['pg_monitor'], database: 'orders' }) };
    const templates = [...shop.templates.filter(({ id }) => id === 'read-orders'), elsewhere];
    const setup = setupSql(shop.config, templates);
    const [here, there] = setup.split('\\connect "orders"');
    assert.ok(here && there);
    for (const database of ['shop', 'orders'])
      await shop.server.run(`revoke all on database ${database} from public, daypass_broker`);
    await shop.server.run(here.replace(/^\\connect.*$/m, ''), 'shop');
    await shop.server.run(there, 'orders');
    const lease = await shop.lease('read-orders');
    await shop.login(lease);
    const findings = await checkTarget(shop.config, templates);
    assert.deepEqual(
      findings.filter(({ kind, message }) => kind !== 'public' && /connect|cannot be asked/.test(message)),
      [],
    );
    await shop.receipt(lease);
  });

  it('says why a server cannot be asked', async () => {
    const target = { ...shop.config, login: { user: 'daypass_broker', password: new Secret('wrong') } };
    const findings = await checkTarget(target, shop.templates);
    assert.match(
      told(findings, 'missing').join(),
      /cannot be asked as daypass_broker: .*password authentication failed/,
    );
  });

  it('says who else could act as the broker’s roles, and which of these are more than they should be', async () => {
    const [first, second, third] = issuerRoles('daypass_broker');
    const monitor = carrierOf('monitor');
    const meddled = `alter role ${first} login; alter role ${second} createdb; alter role ${third} superuser;
      create role eve createrole; grant ${first} to eve; grant "${monitor}" to eve with inherit true, set false;
      grant daypass_broker to eve with admin true;
      create function public.as_issuer() returns int language sql security definer as 'select 1';
      alter function public.as_issuer() owner to ${second}`;
    await shop.server.run(meddled, 'shop');
    const lease = await shop.lease('read-orders');
    const findings = (await now()).filter(({ template, kind }) => !template && kind === 'excess');
    includes(
      told(findings, 'excess'),
      /issuer_\w{8}_1, as which daypass_broker makes logins, can log in/,
      /issuer_\w{8}_2, as which daypass_broker makes logins, can log in, is a superuser, or may create databases/,
      /issuer_\w{8}_3, as which daypass_broker makes logins, can log in, is a superuser/,
      /issuer_\w{8}_2 owns something/,
    );
    const strangers = findings.filter(({ message }) => /is a member of/.test(message));
    assert.deepEqual(
      strangers.map(({ message }) => message.split(':')[0]),
      ['daypass_broker', first!, monitor].map((role) => `eve is a member of ${role}`),
    );
    for (const { remedy } of strangers) {
      const [statement] = /revoke .* cascade$/.exec(remedy ?? '')!;
      await shop.server.run(statement);
    }
    await shop.server.run('drop function public.as_issuer()', 'shop');
    const some = shop.templates.filter(({ id }) => ['read-orders', 'monitor'].includes(id));
    await shop.server.run(setupSql(shop.config, some), 'shop');
    const after = told(await now(), 'excess').join('\n');
    assert.doesNotMatch(after, /issuer|eve is/);
    await shop.receipt(lease);
  });

  it('says which databases the broker could not clean', async () => {
    await shop.server.run('create database closed');
    await shop.server.run(
      `revoke connect on database closed from public; grant connect on database closed to "${carrierOf('read-orders')}"`,
    );
    includes(told(await now(), 'excess'), /may not connect to the database closed/);
  });
});
