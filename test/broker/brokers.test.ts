import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mock } from 'node:test';
import type pg from 'pg';
import { PostgresTarget } from '../../src/broker/targets/postgresql/target.ts';
import type { Grant } from '../../src/contract/grants.ts';
import type { IssuedLease } from '../../src/contract/leases.ts';
import type { Problem } from '../../src/contract/problems.ts';
import { Readiness } from '../../src/contract/discovery.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { openBrokers, type Brokers, type OneBroker } from './support/brokers.ts';
import { eventually } from './support/eventually.ts';
import { newKey, newSecret, startWorld, type World } from './support/world.ts';

type Issue = PostgresTarget['issue'];
type Close = PostgresTarget['close'];
/* eslint-disable @typescript-eslint/unbound-method -- called with their objects below */
const originalIssue: Issue = PostgresTarget.prototype.issue;
const originalClose: Close = PostgresTarget.prototype.close;
/* eslint-enable */

describe('Several brokers on one database', function () {
  this.timeout(90_000);
  let world: World | undefined;
  let brokers: Brokers | undefined;
  before(async () => {
    world = await startWorld();
    brokers = await openBrokers(world);
  });
  after(async () => {
    await brokers?.stop();
    await world?.stop();
  });
  const the = () => {
    assert.ok(world && brokers);
    return { world, brokers, shop: brokers.config.targets.get('shop')! };
  };

  const granted = async (at: OneBroker, template = 'read-orders', duration = 'PT30M'): Promise<string> => {
    const { templates } = await at.call<TemplateList>('ana', 'GET', '/v1/templates');
    const templateDigest = templates.find(({ id }) => id === template)?.digest;
    const reason = 'Order 4711 is stuck after a retry';
    const { grantId } = await at.call<AccessRequest>('ana', 'POST', '/v1/requests', {
      key: newKey(),
      body: { template, templateDigest, duration, reason },
    });
    return String(grantId);
  };
  const lease = async (at: OneBroker, grantId: string) => {
    const { password, verifier } = await newSecret();
    const body = { kind: 'postgresql', verifier };
    const path = `/v1/grants/${grantId}/leases`;
    const answer = await at.call<IssuedLease & Problem>('ana', 'POST', path, { key: newKey(), body });
    return { answer, password };
  };
  const grant = (at: OneBroker, grantId: string) => at.call<Grant>('ana', 'GET', `/v1/grants/${grantId}`);
  const settled = (at: OneBroker, grantId: string) =>
    eventually(async () => {
      const one = await grant(at, grantId);
      return one.settled ? one : undefined;
    });
  const works = async (psql: pg.Client) =>
    assert.equal((await psql.query('select from sales.orders limit 1')).rowCount, 1);

  it('two targets on one server leave each other’s sessions alone', async () => {
    const { world, brokers, shop } = the();
    const one = await brokers.start();
    const grantId = await granted(one);
    const { answer, password } = await lease(one, grantId);
    const psql = await world.login(answer, password);
    const ours = answer.connection.user;
    const stranger = ours.slice(0, -32) + randomUUID().replaceAll('-', '');
    await world.shop.run(`set role daypass_broker; create role ${stranger} login`);

    const billing = await brokers.start({
      targets: new Map([['billing', { ...shop, id: 'billing' }]]),
      templates: brokers.noTemplates,
    });
    const removes = (role: string) => billing.log.some((line) => line.role === role);
    await eventually(() => removes(stranger) || undefined);
    await eventually(async () => {
      const [role] = await world.shop.run(`select from pg_roles where rolname = '${stranger}'`);
      return role === undefined || undefined;
    });
    assert.equal(removes(ours), false);
    await works(psql);
    await billing.close();
    await one.call('ana', 'POST', `/v1/grants/${grantId}/end`);
    assert.ok((await settled(one, grantId)).leases[0]?.receipt);
    await one.close();
  });

  it('what one issues another revokes, and each knows of the end', async () => {
    const { world, brokers } = the();
    const [one, another] = [await brokers.start(), await brokers.start()];
    const grantId = await granted(one);
    const { answer, password } = await lease(one, grantId);
    const psql = await world.login(answer, password);
    await works(psql);
    const over = new Promise((resolve) => psql.once('end', resolve));
    await another.call('ben', 'POST', `/v1/grants/${grantId}/revoke`, { body: { comment: 'Not now' } });
    await over;
    await assert.rejects(world.login(answer, password), 'no new login');
    for (const each of [one, another]) {
      const { state, leases } = await settled(each, grantId);
      assert.equal(state, 'revoked');
      assert.ok(leases[0]?.receipt, JSON.stringify(leases));
    }
    await Promise.all([one.close(), another.close()]);
  });

  it('a terminal that one is slow to open and another revokes is over only once nothing can appear any more', async () => {
    const { world, brokers } = the();
    const [one, another] = [await brokers.start(), await brokers.start()];
    const issue = mock.method(PostgresTarget.prototype, 'issue');
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    issue.mock.mockImplementationOnce(async function (this: PostgresTarget, ...given: Parameters<Issue>) {
      await held;
      return originalIssue.apply(this, given);
    });
    try {
      const grantId = await granted(one);
      const opening = lease(one, grantId);
      await eventually(() => issue.mock.callCount() > 0 || undefined);
      await another.call('ben', 'POST', `/v1/grants/${grantId}/revoke`, { body: { comment: 'Not now' } });
      const { settled: over, leases } = await eventually(async () => {
        const now = await grant(another, grantId);
        return now.settled || now.leases[0]?.unconfirmed ? now : undefined;
      });
      assert.equal(over, false);
      assert.match(leases[0]?.unconfirmed?.obstacle ?? '', /may still be on its way/);
      goOn();
      assert.match((await opening).answer.detail, /ended while the terminal was being opened/);
      const [ended] = (await settled(another, grantId)).leases;
      assert.ok(ended?.receipt, 'it was made, and is gone again');
      assert.deepEqual(await world.shop.run(`select from pg_roles where rolname = '${ended.role}'`), []);
    } finally {
      goOn();
      issue.mock.restore();
      await Promise.all([one.close(), another.close()]);
    }
  });

  it('sessions at a target that was taken out of the configuration are not passed over in silence', async () => {
    const { world, brokers } = the();
    const one = await brokers.start();
    const grantId = await granted(one);
    const { answer, password } = await lease(one, grantId);
    const psql = await world.login(answer, password);
    await one.close();

    const without = await brokers.start({ targets: new Map(), templates: brokers.noTemplates });
    const readiness = ({ url }: OneBroker) =>
      eventually(async () => Readiness.safeParse(await (await fetch(`${url}/readyz`)).json()).data);
    const { warnings } = await eventually(async () => {
      const now = await readiness(without);
      return now.warnings.some((each) => /not configured any more/.test(each)) ? now : undefined;
    });
    assert.equal(warnings.join().includes('shop'), false, 'anybody may read this');
    const lines = () => without.log.filter(({ level, target }) => level >= 50 && target === 'shop');
    assert.match(lines()[0]?.msg ?? '', /"shop" is not configured any more.*Put it back/);
    const state = async () => {
      const { leases, settled: over } = await grant(without, grantId);
      return { over, said: leases[0]?.unconfirmed?.obstacle };
    };
    assert.equal((await state()).said, undefined, 'nothing is due yet');
    await without.call('ana', 'POST', `/v1/grants/${grantId}/end`);
    const { over, said } = await eventually(async () => {
      const now = await state();
      return now.said === undefined ? undefined : now;
    }, 30_000);
    assert.equal(over, false);
    assert.match(said ?? '', /"shop" is not configured any more/);
    await works(psql);
    assert.equal(lines().length, 1, 'said once');
    await without.close();

    const back = await brokers.start();
    assert.ok((await settled(back, grantId)).leases[0]?.receipt);
    assert.equal((await readiness(back)).warnings.join().includes('configured any more'), false);
    await back.close();
  });

  it('prove an end one at a time', async () => {
    const { world, brokers } = the();
    const [one, another] = [await brokers.start(), await brokers.start()];
    const underWay = new Map<string, number>();
    const atOnce: number[] = [];
    const count = (leaseId: string, by: number) => {
      underWay.set(leaseId, (underWay.get(leaseId) ?? 0) + by);
      atOnce.push(underWay.get(leaseId) ?? 0);
    };
    const watched = mock.method(
      PostgresTarget.prototype,
      'close',
      async function (this: PostgresTarget, ...given: Parameters<Close>) {
        for (const { leaseId } of given[0]) count(leaseId, 1);
        try {
          return await originalClose.apply(this, given);
        } finally {
          for (const { leaseId } of given[0]) count(leaseId, -1);
        }
      },
    );
    try {
      for (let round = 0; round < 4; round += 1) {
        const grantId = await granted(one);
        const { answer, password } = await lease(one, grantId);
        const psql = await world.login(answer, password);
        const over = new Promise((resolve) => psql.once('end', resolve));
        await one.call('ana', 'POST', `/v1/grants/${grantId}/end`);
        await over;
        const [closed] = (await settled(another, grantId)).leases;
        // Only one of the two ended it, and either may have proven the end.
        assert.equal(closed?.receipt?.connectionsEnded, 1);
      }
      assert.equal(Math.max(...atOnce), 1);
    } finally {
      watched.mock.restore();
      await Promise.all([one.close(), another.close()]);
    }
  });
});
