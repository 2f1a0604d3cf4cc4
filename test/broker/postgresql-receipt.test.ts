import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Steps } from '../../src/broker/targets/postgresql/ending.ts';
import { proof as proofOf } from '../../src/broker/targets/postgresql/probe.ts';
import { allSteps } from '../../src/broker/targets/postgresql/target.ts';
import type { Closed, Keep } from '../../src/broker/targets/target.ts';
import { answer, openShop, secretHalf, type Shop, type TestLease } from './support/shop.ts';
import { turnedAway } from './support/turned-away.ts';

const without = (...left: (keyof Steps)[]): Steps => ({
  ...allSteps,
  ...Object.fromEntries(left.map((step) => [step, () => Promise.resolve()])),
});
const proof = (attempt: Parameters<typeof proofOf>[0]): string => JSON.stringify(proofOf(attempt));
const obstacleOf = (closed: Closed | undefined) =>
  closed?.outcome === 'unconfirmed' ? closed.obstacle : undefined;

describe('A receipt from PostgreSQL', function () {
  this.timeout(40_000);
  let shop: Shop;
  before(async () => (shop = await openShop()));
  after(() => shop.stop());

  async function closeWithout(...left: (keyof Steps)[]) {
    const lease = await shop.lease('read-orders');
    const client = await shop.login(lease);
    const target = shop.another({ steps: without(...left) });
    await target.cut([lease], shop.keep);
    const [closed] = await target.close([lease], shop.keep);
    return { lease, client, closed };
  }

  it('says when it was over, how many connections ended, and what was proven', async () => {
    const lease = await shop.lease('read-orders');
    const clients = [await shop.login(lease), await shop.login(lease)];
    const start = Date.now();
    const receipt = await shop.receipt(lease);
    assert.equal(receipt.connectionsEnded, 2);
    assert.equal(receipt.role, lease.role);
    assert.ok(receipt.quietForMs >= 500);
    assert.deepEqual([receipt.probe.sqlstate, receipt.probe.routine], ['28000', 'InitializeSessionUserId']);
    assert.deepEqual(receipt.gone, { at: receipt.gone.at, roleAbsent: true, ownsNothing: true });
    assert.deepEqual([receipt.cleaned, receipt.remains], [[], []]);
    assert.ok(
      Date.parse(receipt.closedAt) >= start && Date.parse(receipt.closedAt) <= Date.parse(receipt.gone.at),
    );
    for (const client of clients) await assert.rejects(client.query('select 1'));
    await assert.rejects(shop.login(lease), turnedAway);
    assert.equal((await shop.target.observe()).length, 0);
  });

  it('is withheld without NOLOGIN: the probe gets in', async () => {
    const { lease, closed } = await closeWithout('nologin');
    assert.match(obstacleOf(closed)!, /still open: it let a test in/);
    assert.equal(
      (await shop.finish([lease]))[0]!.outcome,
      'confirmed',
      'and can be had once it is done right',
    );
  });

  it('is withheld without terminate: a connection lives', async () => {
    const { lease, client, closed } = await closeWithout('terminate');
    assert.match(obstacleOf(closed)!, /1 connection has not ended/);
    assert.deepEqual(await answer(client, 'select 1 as one'), [{ one: 1 }]);
    assert.equal((await shop.finish([lease]))[0]!.outcome, 'confirmed');
  });

  it('is withheld without the sweep, the probe, the clean or the look into the catalogues', async () => {
    const expected: [keyof Steps, RegExp][] = [
      ['sweep', /no connection is left/],
      ['probe', /a valid password is turned away/],
      ['clean', /login still exists/],
      ['verify', /nothing of it is left/],
    ];
    const leases: TestLease[] = [];
    for (const [step, words] of expected) {
      const { lease, closed } = await closeWithout(step);
      assert.match(obstacleOf(closed)!, words, step);
      leases.push(lease);
    }
    assert.deepEqual(
      (await shop.finish(leases)).map(({ outcome }) => outcome),
      Array(4).fill('confirmed'),
    );
  });

  it('is withheld where the cut itself was left out, cut late and then given', async () => {
    const lease = await shop.lease('read-orders');
    const client = await shop.login(lease);
    const [closed] = await shop.target.close([lease], shop.keep);
    assert.equal(closed!.outcome, 'confirmed');
    await assert.rejects(client.query('select 1'));
  });

  it('takes no other answer to the probe for a proof', async () => {
    const attempt = async (sql: string) => {
      const lease = await shop.lease('read-orders');
      await shop.server.run(sql.replaceAll('ROLE', lease.role));
      const { password, verifier } = secretHalf();
      await shop.server.run(`alter role ${lease.role} password '${verifier}'`);
      return { lease, right: await tryLogin(lease, password), wrong: await tryLogin(lease, 'wrong') };
    };
    const tryLogin = (lease: TestLease, password: string) =>
      shop.server.connect({ user: lease.role, password, database: 'shop' }).then(
        async (client) => {
          await client.end();
          return { in: true } as const;
        },
        (error: unknown) => ({ in: false, error }) as const,
      );
    const closed = await attempt('alter role ROLE nologin');
    assert.equal(proof(closed.right), '{"sqlstate":"28000","routine":"InitializeSessionUserId"}');
    assert.match(proof(closed.wrong), /proves nothing.*28P01/);
    const open = await attempt('select 1');
    assert.match(proof(open.right), /still open/);
    assert.match(proof(open.wrong), /proves nothing.*28P01/);
    const expired = await attempt("alter role ROLE nologin valid until '2020-01-01'");
    assert.match(proof(expired.right), /proves nothing/);
    const gone = await tryLogin({ ...closed.lease, role: 'nobody' }, 'x');
    assert.match(proof(gone), /proves nothing/);

    const [hba] = await shop.server.run('show hba_file');
    await shop.server.run(`create table hba (line text); copy hba from '${String(hba!.hba_file)}'`);
    try {
      await shop.server.run(
        `copy (select 'host all ${open.lease.role} 127.0.0.1/32 reject' union all select line from hba) to '${String(hba!.hba_file)}'; select pg_reload_conf()`,
      );
      await until(async () => /pg_hba/.test(proof(await tryLogin(open.lease, 'x'))));
      const [rejected] = await shop.finish([open.lease], 1);
      assert.match(obstacleOf(rejected)!, /pg_hba\.conf turns it away/);
    } finally {
      await shop.server.run(
        `copy hba to '${String(hba!.hba_file)}'; select pg_reload_conf(); drop table hba`,
      );
    }
    await until(async () => (await shop.finish([open.lease], 1))[0]!.outcome === 'confirmed');
    await shop.finish([closed.lease, expired.lease]);
  });

  it('is had for a login that nobody knows anything about any more: nothing that it made is lost', async () => {
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

  describe('after a crash', () => {
    /** A store that fails at its nth write, as if the broker had died there. */
    const dyingAt = (write: number): Keep => {
      let writes = 0;
      return async (evidence) => {
        writes += 1;
        if (writes >= write) throw new Error('the broker is gone');
        return shop.keep(evidence);
      };
    };

    it('can be had whichever write was the last, and nothing is destroyed before its evidence is stored', async () => {
      for (let write = 1; ; write += 1) {
        const lease = await shop.lease('read-orders');
        const client = await shop.login(lease, { database: 'postgres' });
        await client.query('create temp table t (x int); select lo_create(0)');
        const keep = dyingAt(write);
        await shop.target.cut([lease], keep);
        const [closed] = await shop.target.close([lease], keep);
        const receipt = await shop.receipt(lease);
        // The cut does not wait for a store: what it ended is unknown if that fails.
        assert.equal(receipt.connectionsEnded, write === 1 ? 0 : 1, `write ${write}`);
        assert.deepEqual(
          receipt.cleaned.map(({ database, what }) => [database, what.replace(/\d+/, 'N')]),
          [['postgres', 'large object N: dropped']],
          `write ${write}`,
        );
        if (closed!.outcome === 'confirmed') return;
      }
    });

    it('stands on the stored proofs when the login was removed already', async () => {
      const lease = await shop.lease('read-orders');
      await shop.target.cut([lease], shop.keep);
      const dying = shop.another({ steps: without('verify') });
      assert.equal((await dying.close([lease], shop.keep))[0]!.outcome, 'unconfirmed');
      assert.equal((await shop.target.observe()).length, 0);
      const [closed] = await shop.target.close([lease], shop.keep);
      assert.equal(closed!.outcome, 'confirmed');
    });

    it('is never made up: a login that somebody else removed is absent, and its sessions are ended', async () => {
      const lease = await shop.lease('read-orders');
      const client = await shop.login(lease);
      await shop.target.cut([lease], shop.keep);
      const again = await shop.lease('read-orders');
      await assert.rejects(client.query('select 1'));
      const survivor = await shop.login(again);
      const watched = shop.another({ steps: without('terminate', 'nologin') });
      await watched.cut([again], shop.keep);
      await shop.server.run(`drop role ${lease.role}; drop role ${again.role}`);
      const [removed, orphaned] = await shop.target.close([lease, again], shop.keep);
      assert.equal(removed!.outcome, 'absent');
      assert.notEqual(orphaned!.outcome, 'confirmed');
      await assert.rejects(survivor.query('select pg_sleep(5)'));
      await until(async () => (await shop.target.close([again], shop.keep))[0]!.outcome === 'absent');
    });
  });
});

async function until(met: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await met())) {
    assert.ok(Date.now() < deadline, 'It did not come about in time.');
    await delay(50);
  }
}
