import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { checkTarget } from '../../src/broker/targets/postgresql/check.ts';
import { IssueFailed } from '../../src/broker/targets/target.ts';
import { carrierOf, openShop, type Shop } from './support/shop.ts';

type Meddling = 'nothing' | 'loses the question' | 'loses the answer';

/** A way to the server that breaks, once, at the moment a login is asked for. */
async function meddlingWay(
  port: number,
): Promise<{ port: number; next: Meddling; broke: number; server: Server; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => (near.destroy(), far.destroy()));
    }
    let deaf = false;
    near.on('data', (data) => {
      const asked = way.next !== 'nothing' && data.includes('create role');
      if (asked && way.next === 'loses the question') near.destroy();
      else far.write(data);
      if (asked) {
        way.broke += 1;
        way.next = 'nothing';
        deaf = true;
      }
    });
    far.on('data', (data) => (deaf ? near.destroy() : near.write(data)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const way = {
    port: typeof address === 'object' && address ? address.port : 0,
    next: 'nothing' as Meddling,
    broke: 0,
    server,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return way;
}

describe('PostgreSQL in trouble', function () {
  this.timeout(60_000);
  let shop: Shop;
  before(async () => (shop = await openShop({ settings: { max_connections: '300' } })));
  after(() => shop.stop());

  it('an answer that was lost is looked up; a question that was lost is not asked again, since another broker may have answered it with an end', async () => {
    const way = await meddlingWay(shop.server.port);
    const target = shop.another({ config: { port: way.port } });
    try {
      way.next = 'loses the answer';
      const lease = shop.intend('read-orders');
      await target.issue(lease.intent, shop.keep);
      await shop.login(lease);
      await shop.receipt(lease);

      way.next = 'loses the question';
      const lost = shop.intend('read-orders');
      await assert.rejects(
        target.issue(lost.intent, shop.keep),
        (error) => error instanceof IssueFailed && error.nothingCreated,
      );
      assert.equal(way.broke, 2);
      assert.deepEqual(await shop.target.observe(), []);
    } finally {
      way.close();
    }
  });

  it('200 leases at once are cut together and each gets its receipt', async () => {
    const leases = await Promise.all(Array.from({ length: 200 }, () => shop.lease('read-orders')));
    const clients = await Promise.all(leases.map((lease) => shop.login(lease)));
    const ended = clients.map((client) => new Promise<void>((resolve) => client.on('end', resolve)));
    assert.deepEqual(await shop.target.cut(leases, shop.keep), []);
    await Promise.all(ended);
    const closed = await shop.target.close(leases, shop.keep);
    assert.deepEqual([...new Set(closed.map(({ outcome }) => outcome))], ['confirmed']);
    for (const each of closed) assert.equal(each.outcome === 'confirmed' && each.receipt.connectionsEnded, 1);
    assert.deepEqual(await shop.target.observe(), []);
  });

  it('one lease whose login was tampered with holds up nobody else', async () => {
    const [tampered, ...others] = await Promise.all([1, 2, 3].map(() => shop.lease('read-orders')));
    await shop.server.run(`do $$ declare it record; begin
      for it in select member::regrole as member, grantor::regrole as grantor from pg_auth_members
                 where roleid = '"${tampered!.role}"'::regrole
      loop execute format('revoke %I from %s granted by %s cascade', '${tampered!.role}', it.member, it.grantor); end loop;
    end $$`);
    const closed = await shop.finish([tampered!, ...others], 1);
    assert.deepEqual(
      closed.map(({ outcome }) => outcome),
      ['unconfirmed', 'confirmed', 'confirmed'],
    );
    assert.match(
      closed[0]!.outcome === 'unconfirmed' ? closed[0]!.obstacle : '',
      /could not be closed: .*permission denied/,
    );
    await shop.server.run(`grant "${tampered!.role}" to daypass_broker with admin true`);
    await shop.receipt(tampered!);
  });

  it('what was left in a database that the broker may not enter holds the receipt back, and says so', async () => {
    await shop.server.run('create database closed');
    await shop.server.run(
      `revoke connect on database closed from public; grant connect on database closed to "${carrierOf('read-orders')}"`,
    );
    const [lease, other] = [await shop.lease('read-orders'), await shop.lease('read-orders')];
    const client = await shop.login(lease, { database: 'closed' });
    await client.query('select lo_create(0)');
    const closed = await shop.finish([lease, other], 1);
    assert.deepEqual(
      closed.map(({ outcome }) => outcome),
      ['unconfirmed', 'confirmed'],
    );
    assert.match(
      closed[0]!.outcome === 'unconfirmed' ? closed[0]!.obstacle : '',
      /What it left in the database closed could not be removed: .*permission denied/,
    );
    await shop.server.run('grant connect on database closed to daypass_broker');
    const receipt = await shop.receipt(lease);
    assert.match(receipt.cleaned[0]!.what, /large object \d+: dropped/);
  });

  it('a standby, whose sessions nobody can see from here, is named in the receipt and by the check', async () => {
    const standby = new pg.Client({
      host: shop.server.host,
      port: shop.server.port,
      user: shop.server.user,
      password: shop.server.password,
      application_name: 'standby-1',
      replication: 'true',
    } as pg.ClientConfig);
    standby.on('error', () => undefined);
    await standby.connect();
    try {
      const system = await standby.query<{ xlogpos: string }>('IDENTIFY_SYSTEM');
      standby.query(`START_REPLICATION PHYSICAL ${system.rows[0]!.xlogpos}`).catch(() => undefined);
      const receipt = await shop.receipt(await shop.lease('read-orders'));
      assert.deepEqual(receipt.standbys, ['standby-1 at 127.0.0.1']);
      assert.deepEqual(receipt.remains, []);
      const findings = await checkTarget(shop.config, shop.templates);
      assert.ok(
        findings.some(({ message }) => message.startsWith('standby-1 at 127.0.0.1 replicates from here')),
      );
    } finally {
      standby.connection.stream.destroy();
    }
  });

  it('connections that died while idle are noticed and replaced', async () => {
    const lease = await shop.lease('read-orders');
    await shop.server.run(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'daypass_broker'",
    );
    assert.deepEqual(await shop.target.cut([lease], shop.keep), []);
    await shop.server.run(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'daypass_broker'",
    );
    await shop.receipt(lease);
  });

  it('a server that stopped answering is given up in time, said so, and taken up again', async function () {
    if (process.platform !== 'linux') this.skip();
    const lease = await shop.lease('read-orders');
    const other = shop.intend('read-orders');
    process.kill(shop.server.pid, 'SIGSTOP');
    const backends = stoppedBackends(shop).map(Number);
    try {
      const [[notCut], [closed], issued] = await Promise.all([
        shop.target.cut([lease], shop.keep),
        shop.target.close([lease], shop.keep),
        shop.target.issue(other.intent, shop.keep).catch((error: unknown) => error),
      ]);
      assert.match(notCut!.obstacle, /At Shop, the server did not answer in time/);
      assert.match(
        closed!.outcome === 'unconfirmed' ? closed!.obstacle : '',
        /At Shop, the server did not answer in time/,
      );
      assert.ok(issued instanceof IssueFailed);
      assert.match(issued.message, /^Shop cannot be reached/);
    } finally {
      for (const pid of [...backends, shop.server.pid]) process.kill(pid, 'SIGCONT');
    }
    await shop.receipt(lease);
    const [late] = await shop.finish([other]);
    assert.notEqual(late!.outcome, 'unconfirmed');
  });
});

/** Stops the broker's server processes too, which answer on their own. */
function stoppedBackends(shop: Shop): string[] {
  const pids = readdirSync('/proc').filter((entry) => {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      return (
        /^\d+$/.test(entry) && Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === shop.server.pid
      );
    } catch {
      return false;
    }
  });
  for (const pid of pids) process.kill(Number(pid), 'SIGSTOP');
  return pids;
}
