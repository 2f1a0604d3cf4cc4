import assert from 'node:assert/strict';
import type pg from 'pg';
import { issuerRoles } from '../../src/broker/targets/postgresql/names.ts';
import { setupSql } from '../../src/broker/targets/postgresql/setup.ts';
import { Secret } from '../../src/contract/secret.ts';
import { answer, carrierOf, openShop, readScope, type Shop } from './support/shop.ts';
import type { PostgresVersion } from './support/postgres.ts';

const templates = [{ id: 'new-one', scope: readScope({ privileges: ['select on crm.customers'] }) }];

for (const version of [16, 17, 18] satisfies PostgresVersion[])
  describe(`daypass target setup at PostgreSQL ${version}, where roles are there already`, function () {
    this.timeout(30_000);
    let shop: Shop;
    let eve: pg.Client;
    let broker = 0;
    before(async () => {
      shop = await openShop({ version });
      await shop.server.run(`create role eve login createrole password 'for tests only'`);
      eve = await shop.server.connect({ user: 'eve', password: 'for tests only', database: 'shop' });
    });
    after(async () => {
      await eve.end();
      await shop.stop();
    });

    /** A broker for which this server was never prepared, on its own template or the shop's. */
    const newBroker = (what = templates) => {
      const user = `broker_${(broker += 1)}`;
      const target = { ...shop.config, login: { user, password: new Secret('x') } };
      const own = what.map(({ id, scope }) => ({ id: what === templates ? `${id}-${broker}` : id, scope }));
      const sql = setupSql(target, own);
      const carrier = /create role "(daypass_tpl_[^"]+)"/.exec(sql)![1]!;
      return { user, issuer: issuerRoles(user)[3]!, carrier, setup: () => shop.server.run(sql, 'shop') };
    };
    const there = async (role: string) =>
      (await shop.server.run(`select from pg_roles where rolname = '${role}'`)).length === 1;
    const refusal = async (setup: () => Promise<unknown>) => {
      const error: unknown = await setup().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof Error, 'the setup went through');
      return error.message;
    };

    for (const which of ['issuer', 'carrier', 'user'] as const)
      it(`refuses to go on while somebody else administers its role (${which}), and says what takes that back`, async () => {
        const it = newBroker();
        await eve.query(`create role "${it[which]}"`);
        const said = await refusal(it.setup);
        assert.match(said, /^Nothing was changed, because others could use/);
        assert.ok(said.includes(`eve is a member of ${it[which]}:\n`), said);
        for (const other of ['user', 'issuer', 'carrier'] as const)
          assert.equal(await there(it[other]), other === which, other);

        const [statement] = /revoke .* cascade;/.exec(said)!;
        await shop.server.run(statement);
        await it.setup();
        await assert.rejects(eve.query(`grant "${it[which]}" to eve`), /permission denied/);
      });

    it('is not taken in by names: a login that looks like a lease’s or another broker’s, but is its maker’s', async () => {
      const lease = 'daypass_01234567_0123456789abcdef0123456789abcdef';
      const foreign = 'daypass_issuer_01234567_1';
      const it = newBroker();
      await it.setup();
      await eve.query(`create role "${lease}" login valid until '2000-01-01'; create role "${foreign}"`);
      await shop.server.run(`grant "${it.carrier}" to "${lease}", "${foreign}" with inherit true, set false`);
      const said = await refusal(it.setup);
      for (const member of [lease, foreign])
        assert.ok(said.includes(`${member} is a member of ${it.carrier}:`), said);
      await shop.server.run(`drop role "${lease}", "${foreign}"`);
      await it.setup();
    });

    it('is not taken in by a login named like a lease’s that can pass its template on or has no deadline', async () => {
      const [deadline, none] = ['0', '1'].map((n) => `daypass_01234567_0123456789abcdef0123456789abcde${n}`);
      const it = newBroker();
      await it.setup();
      await shop.server
        .run(`create role "${deadline}" login valid until 'tomorrow'; create role "${none}" login;
        grant "${it.carrier}" to "${deadline}" with admin true, inherit true, set false;
        grant "${it.carrier}" to "${none}" with inherit true, set false`);
      const said = await refusal(it.setup);
      for (const member of [deadline, none]) assert.ok(said.includes(`${member} is a member of`), said);
      await shop.server.run(`grant "${it.carrier}" to "${deadline}" with admin false; drop role "${none}"`);
      await it.setup();
    });

    it('refuses to go on while a role of its own owns what could act as it', async () => {
      const it = newBroker();
      await it.setup();
      await shop.server.run(
        `create function public.door() returns int language sql security definer as 'select 1';
         alter function public.door() owner to "${it.issuer}"`,
        'shop',
      );
      assert.match(await refusal(it.setup), new RegExp(`^${it.issuer} owns something`));
      await shop.server.run(`alter function public.door() owner to "${it.user}"`, 'shop');
      assert.match(await refusal(it.setup), new RegExp(`^${it.user} owns something`));
      await shop.server.run('drop function public.door()', 'shop');
      await it.setup();
    });

    it('takes an issuing role that is a superuser back to what it should be', async () => {
      const it = newBroker();
      await it.setup();
      await shop.server.run(`alter role "${it.issuer}" superuser login`);
      await it.setup();
      assert.deepEqual(
        await shop.server.run(`select rolsuper, rolcanlogin from pg_roles where rolname = '${it.issuer}'`),
        [{ rolsuper: false, rolcanlogin: false }],
      );
    });

    it('lets its issuing roles hand out what was approved before a template was edited, also where an older setup did not', async () => {
      const [template] = shop.templates.filter(({ id }) => id === 'read-orders');
      const issuers = issuerRoles('daypass_broker').join(', ');
      const mine = `daypass_tpl_nobodys_${version}`;
      await shop.server.run(
        `revoke "${carrierOf('read-orders')}" from ${issuers}; create role ${mine}; grant ${mine} to daypass_broker`,
      );
      const lease = shop.intend('read-orders');
      const fresh = shop.another();
      await assert.rejects(fresh.issue(lease.intent, shop.keep), /daypass target setup shop/);

      const edited = { id: template!.id, scope: readScope({ privileges: ['select on sales.orders'] }) };
      for (let twice = 0; twice < 2; twice += 1)
        await shop.server.run(setupSql(shop.config, [edited]), 'shop');
      const again = shop.intend('read-orders');
      await fresh.issue(again.intent, shop.keep);
      const client = await shop.login(again);
      assert.deepEqual(await answer(client, 'select count(name)::int as n from crm.customers'), [{ n: 10 }]);
      await shop.receipt(again);
      const handed = await shop.server.run(
        `select r.rolname = '${mine}' as nobodys, m.admin_option, m.inherit_option, m.set_option, count(*)::int as n
           from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles i on i.oid = m.member
          where r.rolname in ('${mine}', '${carrierOf('read-orders')}') and i.rolname = any('{${issuers}}'::text[]) group by 1, 2, 3, 4`,
      );
      assert.deepEqual(handed, [
        { nobodys: false, admin_option: true, inherit_option: false, set_option: false, n: 16 },
      ]);
    });

    it('goes on while leases are open, with another broker at the same templates, and with superusers among the members', async () => {
      const lease = await shop.lease('read-orders');
      const client = await shop.login(lease);
      const second = newBroker(shop.templates);
      await shop.server.run('create role dba superuser');
      for (const { setup, user } of [
        second,
        {
          user: 'daypass_broker',
          setup: () => shop.server.run(setupSql(shop.config, shop.templates), 'shop'),
        },
        second,
      ]) {
        await setup();
        await shop.server.run(`grant "${carrierOf('read-orders')}", ${user} to dba`);
      }
      assert.deepEqual(await answer(client, 'select count(*)::int as n from sales.orders'), [{ n: 100 }]);
      await shop.receipt(lease);
      await second.setup();
    });
  });
