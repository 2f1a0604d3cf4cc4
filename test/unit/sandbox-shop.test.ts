import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../src/sandbox/ports.ts';
import { startShop, type Shop } from '../../src/sandbox/shop/shop.ts';

describe('the sandbox’s shop', function () {
  this.timeout(60_000);
  let folder: string;
  let shop: Shop;
  let client: pg.Client;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-test-'));
    await chmod(folder, 0o711);
    shop = await startShop({ folder, port: await freePort(), environment: {} });
    client = new pg.Client({ connectionString: shop.superuser.reveal() });
    await client.connect();
  });
  after(async () => {
    await client.end();
    await shop.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const value = async (sql: string) =>
    Object.values((await client.query<Record<string, unknown>>(sql)).rows[0] ?? {})[0];

  it('has some 100,000 rows that belong together', async () => {
    const tables = [
      'sales.customers',
      'sales.orders',
      'sales.order_items',
      'payments.payments',
      'payments.refunds',
    ];
    const each = tables.map((table) => `select count(*) as rows from ${table}`);
    const sum = Number(await value(`select sum(rows) from (${each.join(' union all ')}) as counts`));
    assert.ok(sum > 90_000 && sum < 130_000, String(sum));
    assert.equal(
      await value(`select count(*)::int from sales.orders o where total_cents <>
        (select sum(quantity * price_cents) from sales.order_items where order_id = o.id)`),
      0,
    );
  });

  it('is the same shop for everybody', async () => {
    assert.equal(await value('select name from sales.customers where id = 926'), 'Emma Kaya');
    assert.equal(await value('select total_cents from sales.orders where id = 4711'), 20360);
  });

  it('has the order that is stuck: paid at the second attempt, and not told', async () => {
    assert.equal(await value('select status from sales.orders where id = 4711'), 'stuck');
    const { rows } = await client.query(
      'select status from payments.payments where order_id = 4711 order by taken_at',
    );
    assert.deepEqual(rows, [{ status: 'failed' }, { status: 'captured' }]);
  });

  it('has owners that nobody logs in as', async () => {
    const { rows } = await client.query(
      `select rolname, rolcanlogin from pg_roles where rolname like 'shop\\_%' order by rolname`,
    );
    assert.deepEqual(rows, [
      { rolname: 'shop_catalog_owner', rolcanlogin: false },
      { rolname: 'shop_owner', rolcanlogin: false },
    ]);
  });

  it('is closed to everybody without its password', async () => {
    const guess = new pg.Client({
      host: '127.0.0.1',
      port: shop.port,
      user: 'postgres',
      password: 'password',
      database: 'shop',
    });
    await assert.rejects(guess.connect(), { code: '28P01' });
    assert.equal(await value('show unix_socket_directories'), '');
    assert.equal(await value('show listen_addresses'), '127.0.0.1');
    assert.equal(
      await value(`select count(*)::int from pg_authid where rolpassword not like 'SCRAM-SHA-256%'`),
      0,
    );
  });
});
