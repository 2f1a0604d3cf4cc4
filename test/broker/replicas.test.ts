import assert from 'node:assert/strict';
import type pg from 'pg';
import type { Receipt } from '../../src/contract/receipts.ts';
import { checkTarget } from '../../src/broker/targets/postgresql/check.ts';
import type { ReplicaConfig } from '../../src/broker/config/config.ts';
import type { PostgresTarget } from '../../src/broker/targets/postgresql/target.ts';
import { eventually } from './support/eventually.ts';
import { everyServer } from './support/postgres.ts';
import { openShop, type Shop, type TestLease } from './support/shop.ts';
import { isClosed, turnedAway } from './support/turned-away.ts';
import { startStandby, type Standby } from './support/standby.ts';
import { beginsOf, heldCall } from './support/uninterruptible.ts';

for (const { version, tls, called } of everyServer)
  describe(`Replicas of a target, ${called}`, function () {
    this.timeout(60_000);
    let shop: Shop;
    let replica: Standby;
    let target: PostgresTarget;
    let name: string;
    let named: ReplicaConfig;
    const ends: (() => Promise<void>)[] = [];
    before(async () => {
      shop = await openShop({ version, tls });
      ends.push(() => shop.stop());
      replica = await startStandby(shop.server, { name: 'reports' });
      ends.push(() => replica.stop());
      const server = { port: replica.port, tls: shop.config.tls };
      named = tls
        ? { ...server, host: 'localhost', hostaddr: '127.0.0.1' }
        : { ...server, host: '127.0.0.1' };
      name = `${named.host}:${replica.port}`;
      target = shop.another({ config: { replicas: [named] } });
    });
    after(async () => {
      for (const end of ends.reverse()) await end();
    });

    /** A lease with an open session at the target and one at the replica. */
    const lease = async (): Promise<{ lease: TestLease; here: pg.Client; there: pg.Client }> => {
      const lease = await shop.lease('read-orders');
      const here = await shop.login(lease);
      const there = await eventually(() => loginThere(lease).catch(() => undefined));
      return { lease, here, there };
    };
    const loginThere = async (lease: TestLease, options?: string) => {
      const client = await replica.connect({ user: lease.role, password: lease.password, database: 'shop' });
      if (options) await client.query(options);
      await client.query('select from sales.orders');
      return client;
    };
    const over = (client: pg.Client, withinMs?: number) =>
      eventually(() => isClosed(client) || undefined, withinMs);
    const close = async (one: TestLease) => {
      await target.cut([one], shop.keep);
      const [closed] = await target.close([one], shop.keep);
      return closed;
    };
    const receipt = async (one: TestLease): Promise<Receipt> => {
      const closed = await close(one);
      if (closed?.outcome !== 'confirmed') throw new Error(`Not confirmed: ${JSON.stringify(closed)}`);
      return closed.receipt;
    };
    const obstacle = async (one: TestLease): Promise<string> => {
      const closed = await close(one);
      if (closed?.outcome !== 'unconfirmed') throw new Error(`Not unconfirmed: ${JSON.stringify(closed)}`);
      return closed.obstacle;
    };

    it('a session there ends with the one at the target, no new one begins, and the receipt proves both', async () => {
      const { lease: one, here, there } = await lease();
      const given = await receipt(one);
      await Promise.all([over(here), over(there)]);
      await assert.rejects(loginThere(one), turnedAway);
      assert.equal(given.connectionsEnded, 2);
      assert.deepEqual(
        given.replicas.map(({ server, probe, quietForMs }) => [server, probe.routine, quietForMs >= 500]),
        [[name, 'InitializeSessionUserId', true]],
      );
      assert.deepEqual(given.standbys, []);
    });

    it('one that is down: the target is cut all the same, and the end is confirmed when it is back', async () => {
      const { lease: one, here } = await lease();
      await replica.halt();
      try {
        assert.deepEqual(await target.cut([one], shop.keep), []);
        await over(here);
        assert.equal(await obstacle(one), `On the replica ${name}, nothing listens at its address.`);
        assert.deepEqual((await target.connections([one])).unknownAt, [name]);
      } finally {
        await replica.resume();
      }
      const given = await eventually(() => receipt(one).catch(() => undefined));
      assert.equal(given.replicas.length, 1);
    });

    it('one that is not named leaves the receipt not confirmed on it', async () => {
      const { lease: one } = await lease();
      assert.deepEqual((await shop.receipt(one)).standbys, ['reports at 127.0.0.1']);
    });

    // The rest once: what it asks the servers is asked of each version above.
    if (version !== 18 || tls) return;

    describe('on one server', () => {
      before(async () => {
        const behind = await startStandby(shop.server, { from: replica, name: 'archive' });
        ends.push(() => behind.stop());
      });

      it('live connections there are listed with those at the target', async () => {
        const { lease: one } = await lease();
        const seen = await target.connections([one]);
        assert.deepEqual(
          [seen.connections.map(({ replica }) => replica), seen.unknownAt],
          [[undefined, name], []],
        );
        await receipt(one);
      });

      it('one that lags behind: sessions there are ended, nothing is confirmed, until it has caught up', async () => {
        const { lease: one, here, there } = await lease();
        await replica.run('select pg_wal_replay_pause()');
        try {
          assert.match(
            await obstacle(one),
            new RegExp(`^On the replica ${name}, the closed login has not arrived yet`),
          );
          await Promise.all([over(here), over(there)]);
          // Where the change has not arrived, a login still works; it is ended again.
          const again = await loginThere(one);
          await obstacle(one);
          await over(again);
        } finally {
          await replica.run('select pg_wal_replay_resume()');
        }
        assert.equal((await receipt(one)).replicas.length, 1);
      });

      it('a call there that cannot be interrupted is said with its beginning, unless a login may still be open', async () => {
        const { sql, letGo } = await heldCall(shop.server, 'shop', replica);
        const { lease: one, there } = await lease();
        try {
          void there.query(sql).catch(() => undefined);
          const since = await eventually(async () => (await beginsOf(replica, one.role))[0]);
          await replica.run('select pg_wal_replay_pause()');
          try {
            assert.match(await obstacle(one), /the closed login has not arrived yet/);
          } finally {
            await replica.run('select pg_wal_replay_resume()');
          }
          const closed = await close(one);
          assert.ok(closed?.outcome === 'unconfirmed');
          assert.match(
            closed.obstacle,
            new RegExp(
              `^On the replica ${name}, PostgreSQL cannot interrupt what 1 connection has been running`,
            ),
          );
          assert.deepEqual(closed.obstacleSince, since);
          assert.ok(!isClosed(there), 'it is said while it runs');
        } finally {
          await letGo();
        }
        await over(there);
        assert.equal((await receipt(one)).replicas.length, 1);
      });

      it('where the target itself is away, sessions there end at once all the same', async () => {
        const { lease: one, there } = await lease();
        const [row] = await shop.server.run(`select oid::int from pg_roles where rolname = '${one.role}'`);
        const evidence = { version: 1, oid: row?.['oid'], ended: [], leftovers: [], remains: [] };
        const away = shop.another({ config: { port: 1, replicas: [named] } });
        const notCut = await away.cut([{ ...one, evidence }], shop.keep);
        assert.equal(notCut.length, 1);
        await over(there);
        await receipt(one);
      });

      it('a standby of the target that its commits wait for, and that is down, delays no cut', async () => {
        const { lease: one, here } = await lease();
        await shop.server.run("alter system set synchronous_standby_names = 'nobody'");
        await shop.server.run('select pg_reload_conf()');
        try {
          assert.deepEqual(await target.cut([one], shop.keep), []);
          await over(here);
          await assert.rejects(shop.login(one), turnedAway);
        } finally {
          await shop.server.run('alter system reset synchronous_standby_names').catch(() => undefined);
          await shop.server.run('select pg_reload_conf()');
        }
        await receipt(one);
      });

      it('whoever is let in there and stays on the way unseen is ended before the receipt', async () => {
        const { lease: one } = await lease();
        const { Client } = (await import('pg')).default;
        const late = new Client({
          host: '127.0.0.1',
          port: replica.port,
          user: one.role,
          password: one.password,
          database: 'shop',
          options: '-c post_auth_delay=120',
        });
        late.on('error', () => undefined);
        late.connect().catch(() => undefined);
        const { pid } = await eventually(async () => {
          const [seen] = await replica.run(
            `select pid from pg_locks where locktype = 'object' and classid = 'pg_database'::regclass
            and pid not in (select pid from pg_stat_activity where usesysid is not null or backend_type <> 'client backend')`,
          );
          return seen;
        });
        await eventually(() => receipt(one).catch(() => undefined), 30_000);
        assert.deepEqual(await replica.run(`select from pg_stat_activity where pid = ${Number(pid)}`), []);
        await over(late);
      });

      it('a session there of a login that somebody else removed is ended', async () => {
        const { lease: one, there } = await lease();
        await target.cut([], shop.keep);
        const [{ oid } = { oid: 0 }] = await shop.server.run(
          `select oid::int from pg_roles where rolname = '${one.role}'`,
        );
        await shop.server.run(`drop role "${one.role}"`);
        const known = { ...one, evidence: { version: 1, oid, ended: [], leftovers: [], remains: [] } };
        await eventually(async () => {
          const [closed] = await target.close([known], shop.keep);
          return closed?.outcome === 'absent' || undefined;
        });
        await over(there);
      });

      it('one that is not named and replicates from a replica leaves the receipt not confirmed on it', async () => {
        const { lease: one } = await lease();
        assert.deepEqual((await receipt(one)).standbys, ['archive at 127.0.0.1']);
      });

      it('a standby whose connection is broken is counted by its slot', async () => {
        const away = await startStandby(shop.server, { name: 'branch', slot: 'branch' });
        try {
          const { lease: connected } = await lease();
          assert.deepEqual((await receipt(connected)).standbys, [
            'branch at 127.0.0.1',
            'archive at 127.0.0.1',
          ]);

          await away.halt();
          await shop.server.run(`select pg_create_physical_replication_slot('never_used')`);
          await eventually(async () => {
            const [row] = await shop.server.run(
              `select active from pg_replication_slots where slot_name = 'branch'`,
            );
            return row?.['active'] === false || undefined;
          });
          const { lease: one } = await lease();
          assert.deepEqual((await receipt(one)).standbys, [
            'whoever uses the slot branch',
            'archive at 127.0.0.1',
          ]);
        } finally {
          await away.stop();
          await shop.server.run('select pg_drop_replication_slot(slot_name) from pg_replication_slots');
        }
      });

      it('what is named and is no replica of it confirms nothing', async () => {
        const stranger = await openShop();
        try {
          for (const [port, words] of [
            [shop.server.port, 'a primary answers there, which replays nothing'],
            [stranger.server.port, 'another database system answers there'],
          ] as const) {
            const wrong = shop.another({
              config: { replicas: [{ host: '127.0.0.1', port, tls: { mode: 'off' } }] },
            });
            await stranger.server.run(
              `alter role daypass_broker password '${shop.config.login.password.reveal()}'`,
            );
            const one = await shop.lease('read-orders');
            await wrong.cut([one], shop.keep);
            const [closed] = await wrong.close([one], shop.keep);
            assert.equal(
              closed?.outcome === 'unconfirmed' && closed.obstacle,
              `On the replica 127.0.0.1:${port}, ${words}.`,
            );
            await shop.receipt(one);
          }
        } finally {
          await stranger.stop();
        }
      });

      it('the check says which cannot be looked at and which are not named', async () => {
        const nobody = await openShop();
        await nobody.stop();
        const replicas = [replica.port, nobody.server.port].map(
          (port) => ({ host: '127.0.0.1', port, tls: { mode: 'off' } }) as const,
        );
        const said = (await checkTarget({ ...shop.config, replicas }, shop.templates)).map(
          ({ message }) => message,
        );
        assert.ok(
          said.includes(
            `The replica 127.0.0.1:${nobody.server.port} cannot be looked at: nothing listens at its address. No end is confirmed while that is so.`,
          ),
        );
        assert.ok(said.some((one) => one.startsWith('archive at 127.0.0.1 replicates from here')));
        assert.ok(!said.some((one) => one.startsWith('reports')));
      });
    });
  });
