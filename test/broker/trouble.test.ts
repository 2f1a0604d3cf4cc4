import assert from 'node:assert/strict';
import type { Grant } from '../../src/contract/grants.ts';
import type { IssuedLease } from '../../src/contract/leases.ts';
import type { Problem } from '../../src/contract/problems.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { eventually } from './support/eventually.ts';
import { newKey, newSecret, startWorld, type World } from './support/world.ts';

describe('Trouble on the way to a terminal', function () {
  this.timeout(60_000);
  let world: World;
  let started = false;
  before(async () => {
    world = await startWorld();
    started = true;
  });
  after(async () => {
    if (started) await world.stop();
  });

  const ask = async (template: string, duration: string) => {
    const { body } = await world.call<TemplateList>('ana', 'GET', '/v1/templates');
    const templateDigest = body.templates.find(({ id }) => id === template)?.digest;
    const reason = 'Order 4711 is stuck after a retry';
    return world.call<AccessRequest & Problem>('ana', 'POST', '/v1/requests', {
      key: newKey(),
      body: { template, templateDigest, duration, reason },
    });
  };
  const granted = async (template = 'read-orders', duration = 'PT30M'): Promise<string> =>
    String((await ask(template, duration)).body.grantId);
  const lease = async (grantId: string, key = newKey(), verifier?: string) =>
    world.call<IssuedLease & Problem>('ana', 'POST', `/v1/grants/${grantId}/leases`, {
      key,
      body: { kind: 'postgresql', verifier: verifier ?? (await newSecret()).verifier },
    });
  const end = (grantId: string) => world.call<Grant>('ana', 'POST', `/v1/grants/${grantId}/end`);
  const grant = async (grantId: string) =>
    (await world.call<Grant>('ana', 'GET', `/v1/grants/${grantId}`)).body;
  const settled = (grantId: string) =>
    eventually(async () => {
      const one = await grant(grantId);
      return one.settled ? one : undefined;
    });
  const words = ({ status, body }: { status: number; body: Problem }) => [status, body.detail];

  it('after the end: no lease, and each end in its own words', async () => {
    const [ended, revoked, expired] = [
      await granted(),
      await granted(),
      await granted('read-briefly', 'PT1S'),
    ];
    const key = newKey();
    const { verifier } = await newSecret();
    assert.equal((await lease(ended, key, verifier)).status, 201);
    await end(ended);
    assert.deepEqual(words(await lease(ended)), [409, 'You ended it. Request it again.']);
    assert.deepEqual(
      words(await lease(ended, key, verifier)),
      [409, 'That terminal is closed. Open another one.'],
      'also for a call whose answer was lost before',
    );
    await world.call('ben', 'POST', `/v1/grants/${revoked}/revoke`, { body: { comment: 'Enough' } });
    assert.deepEqual(words(await lease(revoked)), [409, 'It was revoked. Nothing is open.']);
    await lease(expired);
    await eventually(async () => ((await grant(expired)).state === 'expired' ? true : undefined));
    assert.deepEqual(words(await lease(expired)), [
      409,
      'Its time is up. Request it again if you need more.',
    ]);
    for (const one of [ended, revoked, expired]) assert.ok((await settled(one)).settled);
  });

  it('ended while the terminal is being opened: said, and what was made meanwhile is gone', async () => {
    const grantId = await granted();
    const superuser = await world.shop.connect();
    try {
      await superuser.query('begin; lock table pg_authid in share row exclusive mode');
      const opening = lease(grantId);
      await eventually(async () => {
        const waiting = await world.shop.run(
          `select from pg_locks join pg_stat_activity using (pid) where not granted and usename = 'daypass_broker'`,
        );
        return waiting.length > 0 || undefined;
      });
      await end(grantId);
      await superuser.query('rollback');
      assert.deepEqual(words(await opening), [
        409,
        'It ended while the terminal was being opened. Nothing is open.',
      ]);
    } finally {
      await superuser.end();
    }
    const { leases } = await settled(grantId);
    assert.equal(leases.length, 1);
    assert.ok(leases[0]?.receipt, 'it was there, so its end is proven');
    assert.deepEqual(await world.shop.run(`select from pg_roles where rolname = '${leases[0].role}'`), []);
  });

  it('a target that the broker cannot reach: said, nothing counted, and the next try works', async () => {
    const grantId = await granted('read-briefly', 'PT1M');
    await world.shop.run('alter role daypass_broker nologin');
    await world.shop.run(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'daypass_broker'`,
    );
    try {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const { status, body } = await lease(grantId);
        assert.equal(status, 502);
        assert.match(
          body.detail,
          /^No terminal was opened: shop cannot be reached by the broker: .*\. Try again in a moment\.$/,
        );
        const { state, expiresAt } = await grant(grantId);
        assert.deepEqual([state, expiresAt], ['approved', undefined], 'no time has passed for whoever waits');
      }
    } finally {
      await world.shop.run('alter role daypass_broker login');
    }
    assert.deepEqual([(await lease(grantId)).status, (await lease(grantId)).status], [201, 201]);
    await end(grantId);
    const { leases } = await settled(grantId);
    assert.deepEqual(
      leases.map(({ state }) => state),
      ['failed', 'failed', 'failed', 'closed', 'closed'],
    );
  });

  it('a login that somebody else removes at the target: its open session is ended all the same', async () => {
    const grantId = await granted();
    const { password, verifier } = await newSecret();
    const { body } = await lease(grantId, newKey(), verifier);
    const session = await world.login(body, password);
    await world.shop.run(`drop role "${body.connection.user}"`);
    // What it was given is gone with it; the session goes on.
    await session.query('select 1');
    await end(grantId);
    await settled(grantId);
    await assert.rejects(session.query('select 1'));
  });

  it('a flood of requests that need nobody: no more than ten accesses at once, and what is open stays in sight', async () => {
    const open = await granted();
    await lease(open);
    const more: string[] = [];
    for (let n = 1; n < 10; n += 1) more.push(await granted());
    assert.deepEqual(words(await ask('read-orders', 'PT30M')), [
      409,
      'You have 10 accesses already, open, approved or asked for. End one first.',
    ]);
    const shown = await world.call<{ grants: Grant[] }>('carol', 'GET', '/v1/grants?which=open');
    assert.equal(shown.body.grants[0]?.id, open);
    for (const id of [open, ...more]) await end(id);
    assert.equal((await granted()).length, 36);
  });
});
