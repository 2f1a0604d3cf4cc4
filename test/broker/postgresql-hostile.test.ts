import assert from 'node:assert/strict';
import type pg from 'pg';
import { carrierOf, answer, openShop, type Shop, type TestLease } from './support/shop.ts';

/** Reconnects as fast as it can, as `lanes` clients at once, until told to stop; counts what still got in. */
function reconnecting(shop: Shop, lease: TestLease, lanes: number, password = lease.password) {
  let going = true;
  let sessions = 0;
  const lane = async () => {
    while (going) {
      try {
        const client = await shop.server.connect({ user: lease.role, password, database: 'shop' });
        sessions += 1;
        await client.query('select 1').catch(() => undefined);
        void client.end().catch(() => undefined);
      } catch {
        await new Promise(setImmediate);
      }
    }
  };
  const running = Array.from({ length: lanes }, lane);
  return {
    get sessions() {
      return sessions;
    },
    async stop() {
      going = false;
      await Promise.all(running);
    },
  };
}

describe('A holder of a lease who wants to stay', function () {
  this.timeout(60_000);
  let shop: Shop;
  before(async () => {
    shop = await openShop({ settings: { max_prepared_transactions: '20', max_locks_per_transaction: '10' } });
    await shop.server.run('grant create on schema public to public', 'template1');
    await shop.server.run('grant create on schema public to public', 'postgres');
    await shop.server.run('grant create on schema public to public', 'shop');
    await shop.server.run('create database warehouse');
  });
  after(() => shop.stop());

  const traces = async (lease: TestLease): Promise<unknown[]> =>
    shop.server.run(`
      select 'role' as trace from pg_roles where rolname = '${lease.role}'
      union all select 'session' from pg_stat_activity where usename = '${lease.role}'
         or (usesysid is not null and usesysid not in (select oid from pg_roles))
      union all select 'prepared' from pg_prepared_xact() where ownerid not in (select oid from pg_roles)
      union all select 'dependency' from pg_shdepend
       where refclassid = 'pg_authid'::regclass and refobjid not in (select oid from pg_roles)`);

  it('changes the password, forever and from an open transaction that locks the login', async () => {
    const lease = await shop.lease('fix-order-status');
    const client = await shop.login(lease);
    const role = `"${lease.role}"`;
    await client.query(`alter role ${role} password 'mine'`);
    await client.query(`alter role ${role} set search_path = public`);
    assert.equal(await answer(client, `alter role ${role} valid until 'infinity'`), '42501');
    assert.equal(await answer(client, `alter role ${role} connection limit -1`), '42501');
    const holding = await shop.login(lease, { password: 'mine' });
    await holding.query(`begin; alter role ${role} password 'later'`);
    const loop = reconnecting(shop, lease, 2, 'mine');
    await shop.receipt(lease);
    await loop.stop();
    assert.deepEqual(await traces(lease), []);
  });

  it('locks the login by a prepared transaction, and the others are cut in time all the same', async () => {
    const lease = await shop.lease('read-orders');
    const others = await Promise.all([1, 2, 3].map(() => shop.lease('read-orders')));
    const theirs = await Promise.all(others.map((each) => shop.login(each)));
    const client = await shop.login(lease, { database: 'warehouse' });
    await client.query(
      `begin; alter role "${lease.role}" password 'x'; prepare transaction 'stay "here" ''now'''`,
    );
    const closed = await shop.finish([lease, ...others], 1);
    assert.deepEqual(
      closed.map(({ outcome }) => outcome),
      Array(4).fill('confirmed'),
    );
    for (const each of theirs) await assert.rejects(each.query('select 1'));
    const [receipt] = closed.flatMap((each) => (each.outcome === 'confirmed' ? [each.receipt] : []));
    assert.deepEqual(receipt!.cleaned, [
      { database: 'warehouse', what: `prepared transaction stay "here" 'now': rolled back` },
    ]);
    assert.deepEqual(await traces(lease), []);
  });

  it('leaves tables, functions, large objects and privileges in every database', async () => {
    const lease = await shop.lease('read-orders');
    for (const database of ['shop', 'warehouse', 'postgres', 'template1']) {
      const client = await shop.login(lease, { database });
      const inPublic = database !== 'warehouse';
      await client.query('select lo_create(0)');
      await client.query('alter default privileges grant select on tables to public');
      if (!inPublic) continue;
      await client.query(`create table public.mine (x int); grant all on public.mine to public;
        create function public.door() returns int language sql security definer as 'select 1';
        create type public.colour as enum ('red')`);
      await client.end();
    }
    const receipt = await shop.receipt(lease);
    assert.deepEqual(await traces(lease), []);
    assert.deepEqual(receipt.remains, []);
    const told = receipt.cleaned.map(
      ({ database, what }) => `${database}: ${what.replace(/daypass_\w+/, 'it').replace(/\d+/, 'N')}`,
    );
    for (const database of ['shop', 'warehouse', 'postgres', 'template1']) {
      assert.ok(told.includes(`${database}: large object N: dropped`), database);
      assert.ok(
        told.includes(`${database}: default privileges on new relations belonging to role it: dropped`),
        database,
      );
    }
    for (const database of ['shop', 'postgres', 'template1']) {
      assert.ok(
        told.includes(`${database}: table mine: dropped`) ||
          told.includes(`${database}: table public.mine: dropped`),
        told.join('\n'),
      );
      assert.ok(
        told.some(
          (line) =>
            line.startsWith(`${database}: function`) &&
            /which runs with its owner's rights: dropped/.test(line),
        ),
      );
      const [left] = await shop.server.run(
        "select count(*)::int as n from pg_class where relname = 'mine'",
        database,
      );
      assert.equal(left!.n, 0, database);
    }
  });

  it('leaves default privileges for the template’s role', async () => {
    const lease = await shop.lease('read-orders');
    const witness = await shop.lease('read-orders');
    const client = await shop.login(lease, { database: 'warehouse' });
    const carrier = `"${carrierOf('read-orders')}"`;
    assert.deepEqual(await answer(client, `drop owned by ${carrier}`), []);
    assert.deepEqual(await answer(client, `reassign owned by ${carrier} to "${lease.role}"`), []);
    for (const change of [
      'grant all on tables to public',
      'revoke execute on functions from public',
      `revoke all on sequences from ${carrier}`,
      'grant usage on types to shop_app',
    ])
      await client.query(`alter default privileges for role ${carrier} ${change}`);
    const receipt = await shop.receipt(lease);
    assert.deepEqual(receipt.cleaned, [
      { database: 'warehouse', what: `default privileges of ${carrierOf('read-orders')}: set back` },
    ]);
    assert.deepEqual(await shop.server.run('select * from pg_default_acl', 'warehouse'), []);
    const other = await shop.login(witness);
    assert.deepEqual(
      await answer(other, 'select count(*)::int as n from sales.orders'),
      [{ n: 100 }],
      'the privileges themselves are as before',
    );
    await shop.receipt(witness);
  });

  it('makes others depend on its objects, with names that would mislead', async () => {
    const lease = await shop.lease('read-orders');
    const client = await shop.login(lease);
    const name = 'safe\u202ereversed\nline';
    await client.query(`create table public."${name}" (x int); create table public.alone (x int);
      grant all on public."${name}" to public;
      create function public.one() returns int language sql security definer as 'select 1'`);
    await shop.server.run(
      `create view public.theirs as select x, public.one() from public."${name}"`,
      'shop',
    );
    const receipt = await shop.receipt(lease);
    assert.deepEqual(await traces(lease), []);
    const kept = `daypass_${shop.installation}_kept`;
    assert.deepEqual(await shop.server.run('select * from public.theirs', 'shop'), []);
    const owners = await shop.server.run(
      `select distinct relowner::regrole::text as owner from pg_class where relname = '${name}' or relname = 'alone'`,
      'shop',
    );
    assert.deepEqual(owners, [{ owner: kept }]);
    assert.ok(
      receipt.remains.some((line) => line.includes('safe\\u{202e}reversed\\u{a}line') && line.includes(kept)),
      receipt.remains.join('\n'),
    );
    assert.ok(
      receipt.remains.some((line) => /function.*one\(\), which runs with its owner's rights/.test(line)),
    );
    const [role] = await shop.server.run(
      `select rolcanlogin, (select count(*)::int from pg_auth_members where member = r.oid) as memberships from pg_roles r where rolname = '${kept}'`,
    );
    assert.deepEqual(role, { rolcanlogin: false, memberships: 0 });
  });

  it('creates more than can be dropped at once', async () => {
    const lease = await shop.lease('read-orders');
    const client = await shop.login(lease);
    await client.query(
      `do $$ begin for i in 1..9000 loop perform lo_create(0); if i % 1000 = 0 then commit; end if; end loop; end $$`,
    );
    const receipt = await shop.receipt(lease);
    assert.deepEqual(await traces(lease), []);
    assert.ok(receipt.cleaned.some(({ what }) => /^8900 more objects: dropped/.test(what)));
    assert.deepEqual(
      await shop.server.run('select count(*)::int as n from pg_largeobject_metadata', 'shop'),
      [{ n: 0 }],
    );
  });

  it('is busy with work that does not want to be interrupted', async () => {
    const lease = await shop.lease('fix-order-status');
    const busy = [
      'select pg_sleep(600)',
      'do $$ begin loop begin perform 1/0; exception when others then null; end; end loop; end $$',
      'begin; lock table sales.orders in row exclusive mode; select pg_sleep(600)',
      'select count(*) from generate_series(1, 1e12)',
      'listen everything; select pg_advisory_lock(1); select pg_sleep(600)',
    ];
    const dying: Promise<unknown>[] = [];
    for (const sql of busy) {
      const client: pg.Client = await shop.login(lease);
      dying.push(assert.rejects(client.query(sql)));
    }
    const receipt = await shop.receipt(lease);
    await Promise.all(dying);
    assert.equal(receipt.connectionsEnded, busy.length);
    assert.deepEqual(await shop.server.run("select * from pg_locks where locktype = 'advisory'"), []);
  });

  it('with an owner’s rights: what was created goes to the owner, and what changed is listed', async () => {
    const lease = await shop.lease('migrate');
    const client = await shop.login(lease);
    for (const sql of [
      'create table sales.audit (id int primary key)',
      'create index on sales.orders (customer)',
      'alter table sales.orders add column checked boolean',
      "create function sales.door() returns int language sql security definer as 'select 1'",
      'grant select on sales.payments to public',
      'alter default privileges for role shop_owner grant insert on tables to shop_app',
      'create function sales.watch() returns trigger language plpgsql as $$ begin return new; end $$',
      'create trigger watching before insert on sales.orders execute function sales.watch()',
      'revoke delete on sales.orders from shop_app',
    ])
      assert.deepEqual(await answer(client, sql), [], sql);
    assert.equal(await answer(client, "alter role shop_owner login password 'x'"), '42501');
    assert.equal(await answer(client, 'set role shop_owner'), '42501');
    assert.equal(await answer(client, 'alter table sales.orders owner to shop_app'), '42501');
    await client.query('alter table sales.payments owner to session_user');
    const receipt = await shop.receipt(lease);
    assert.deepEqual(await traces(lease), []);
    const owners = await shop.server.run(
      `select relname as name, relowner::regrole::text as owner from pg_class where relname in ('audit', 'payments', 'orders') order by 1`,
      'shop',
    );
    assert.deepEqual(
      owners.map(({ owner }) => owner),
      Array(3).fill('shop_owner'),
    );
    const remains = receipt.remains.join('\n');
    for (const expected of [
      /table sales\.audit in shop belongs to shop_owner now/,
      /function sales\.door\(\), which runs with its owner's rights in shop belongs to shop_owner now/,
      /new: function sales\.door\(\) runs with the rights of shop_owner/,
      /new: everybody may execute on function sales\.door\(\)/,
      /new: everybody may select on table sales\.payments/,
      /new: shop_app may insert on future tables of shop_owner/,
      /new: trigger watching on sales\.orders/,
      /no longer: shop_app may delete on table sales\.orders/,
    ])
      assert.match(remains, expected);
    assert.ok(!/shop_owner may/.test(remains), remains);
  });

  it('that nobody knows anything about any more: removed, and nothing that it made is lost', async () => {
    const lease = await shop.lease('migrate');
    const client = await shop.login(lease);
    await client.query('create table sales.migrated (x int)');
    const bare = { leaseId: lease.leaseId, role: lease.role };
    await shop.target.cut([bare], shop.keep);
    const [closed] = await shop.target.close([bare], shop.keep);
    assert.equal(closed!.outcome, 'confirmed');
    const [table] = await shop.server.run(
      "select relowner::regrole::text as owner from pg_class where relname = 'migrated'",
      'shop',
    );
    assert.deepEqual(table, { owner: `daypass_${shop.installation}_kept` });
  });
});
