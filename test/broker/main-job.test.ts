import assert from 'node:assert/strict';
import type pg from 'pg';
import type { Grant } from '../../src/contract/grants.ts';
import type { IssuedLease } from '../../src/contract/leases.ts';
import type { Problem } from '../../src/contract/problems.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { eventually } from './support/eventually.ts';
import { openStream } from './support/stream.ts';
import { turnedAway } from './support/turned-away.ts';
import { newKey, newSecret, startWorld, type Name, type World } from './support/world.ts';

describe('from request to receipt', function () {
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

  const digestOf = async (name: Name, id: string) => {
    const { body } = await world.call<TemplateList>(name, 'GET', '/v1/templates');
    return body.templates.find((one) => one.id === id)?.digest ?? '0'.repeat(64);
  };
  const ask = async (
    name: Name,
    template: string,
    more: { duration?: string; ticket?: string; reason?: string; key?: string; templateDigest?: string } = {},
  ) => {
    const { key = newKey(), ...rest } = more;
    return world.call<AccessRequest & Problem>(name, 'POST', '/v1/requests', {
      key,
      body: {
        template,
        templateDigest: await digestOf(name, template),
        duration: 'PT30M',
        reason: 'Order 4711 is stuck after a retry',
        ...rest,
      },
    });
  };
  const decide = (
    name: Name,
    request: AccessRequest,
    verdict: 'approve' | 'deny',
    more: { key?: string; digest?: string } = {},
  ) =>
    world.call<AccessRequest & Problem>(name, 'POST', `/v1/requests/${request.id}/decisions`, {
      key: more.key ?? newKey(),
      body: {
        verdict,
        digest: more.digest ?? request.digest,
        ...(verdict === 'deny' ? { comment: 'use the replica instead' } : {}),
      },
    });
  const lease = async (
    grantId: string | undefined,
    name: Name = 'ana',
    key = newKey(),
    secret?: Awaited<ReturnType<typeof newSecret>>,
  ) => {
    const half = secret ?? (await newSecret());
    const answer = await world.call<IssuedLease & Problem>(
      name,
      'POST',
      `/v1/grants/${String(grantId)}/leases`,
      {
        key,
        body: { kind: 'postgresql', verifier: half.verifier },
      },
    );
    return { ...answer, ...half };
  };
  const grant = async (id: string | undefined, name: Name = 'ana') =>
    (await world.call<Grant>(name, 'GET', `/v1/grants/${String(id)}`)).body;
  const settled = (id: string | undefined) =>
    eventually(async () => {
      const one = await grant(id);
      return one.settled ? one : undefined;
    });
  const closedOf = (client: pg.Client) => new Promise<void>((resolve) => client.once('end', () => resolve()));

  it('shows each person what they may request, and Dan why there is nothing', async () => {
    const mine = await world.call<TemplateList>('ana', 'GET', '/v1/templates');
    assert.deepEqual(
      mine.body.templates.map((one) => one.title),
      ["Fix one order's status", 'Read orders', 'Read orders briefly'],
    );
    const none = await world.call<TemplateList>('dan', 'GET', '/v1/templates');
    assert.deepEqual(none.body, {
      templates: [],
      empty: { forGroups: ['engineering'], yourGroups: ['newcomers'], ask: 'Ben Roth or #platform' },
    });
    assert.equal(
      (await ask('dan', 'read-orders', { templateDigest: await digestOf('ana', 'read-orders') })).status,
      403,
    );
  });

  it('without approval: request, lease, work as allowed, end, receipt', async () => {
    const { body: request, status } = await ask('ana', 'read-orders');
    assert.equal(status, 201);
    assert.equal(request.state, 'approved');
    const issued = await lease(request.grantId);
    assert.equal(issued.status, 201, JSON.stringify(issued.body));
    assert.ok(!JSON.stringify(issued.body).includes(issued.password));

    const psql = await world.login(issued.body, issued.password);
    assert.deepEqual((await psql.query('select count(*)::int as n from sales.orders')).rows, [{ n: 100 }]);
    await assert.rejects(psql.query('select * from sales.customers'), { code: '42501' });
    await assert.rejects(psql.query(`update sales.orders set status = 'x'`), { code: '42501' });

    const seen = await world.call<{ connections: { program: string; address: string }[] }>(
      'ana',
      'GET',
      `/v1/grants/${String(request.grantId)}/connections`,
    );
    assert.deepEqual(
      seen.body.connections.map(({ program, address }) => ({ program, address })),
      [{ program: 'psql', address: '127.0.0.1' }],
    );

    const gone = closedOf(psql);
    const ended = await world.call<Grant>('ana', 'POST', `/v1/grants/${String(request.grantId)}/end`);
    assert.equal(ended.body.state, 'ended');
    await gone;
    const { leases } = await settled(request.grantId);
    const receipt = leases[0]?.receipt;
    assert.ok(receipt, JSON.stringify(leases));
    assert.equal(receipt.connectionsEnded, 1);
    assert.deepEqual([receipt.probe.sqlstate, receipt.probe.routine], ['28000', 'InitializeSessionUserId']);
    await assert.rejects(world.login(issued.body, issued.password), turnedAway);
    assert.deepEqual(
      await world.shop.run(`select 1 from pg_roles where rolname = '${receipt.role}'`, 'shop'),
      [],
    );
    const again = await world.call<Grant>('ana', 'POST', `/v1/grants/${String(request.grantId)}/end`);
    assert.equal(again.status, 200, 'a second press changes nothing');
  });

  it('with approval: the lead sees who, what, why and how long, and decides on exactly that', async () => {
    const { body: request } = await ask('ana', 'fix-status', { ticket: 'INC-2231' });
    assert.equal(request.state, 'pending');
    assert.equal(request.may.decide, false);
    const { body: shown } = await world.call<AccessRequest>('ben', 'GET', `/v1/requests/${request.id}`);
    assert.deepEqual(
      [
        shown.requester.name,
        shown.template.allows.length > 0,
        shown.reason,
        shown.duration,
        shown.may.decide,
      ],
      ['Ana Lima', true, 'Order 4711 is stuck after a retry', 'PT30M', true],
    );
    assert.equal((await decide('ana', shown, 'approve')).status, 403, 'never the requester');
    assert.equal((await decide('carol', shown, 'approve')).status, 403, 'an auditor decides nothing');
    assert.equal((await decide('dan', shown, 'approve')).status, 404, 'nobody sees it without a part in it');
    assert.equal((await decide('ben', shown, 'approve', { digest: '0'.repeat(64) })).status, 409);
    const key = newKey();
    const both = await Promise.all([
      decide('ben', shown, 'approve', { key }),
      decide('ben', shown, 'approve', { key }),
    ]);
    assert.ok(
      both.every(({ status }) => status === 201 || status === 409),
      'two clicks at once are one decision, or one is told to wait',
    );
    const { body: approved } = await decide('ben', shown, 'approve', { key });
    assert.equal(approved.state, 'approved');
    assert.deepEqual(
      approved.decisions.map(({ by, verdict }) => [by.name, verdict]),
      [['Ben Roth', 'approve']],
    );
    const late = await decide('ben', shown, 'deny');
    assert.deepEqual([late.status, late.body.detail], [409, 'You approved it already.']);

    const issued = await lease(approved.grantId);
    const psql = await world.login(issued.body, issued.password);
    assert.equal((await psql.query(`update sales.orders set status = 'fixed' where id = 7`)).rowCount, 1);
    await assert.rejects(psql.query(`update sales.orders set total = 0 where id = 7`), { code: '42501' });

    const gone = closedOf(psql);
    const revoked = await world.call<Grant & Problem>(
      'ben',
      'POST',
      `/v1/grants/${String(approved.grantId)}/revoke`,
      {
        body: { comment: 'The incident is over' },
      },
    );
    assert.equal(revoked.status, 200, JSON.stringify(revoked.body));
    await gone;
    const over = await settled(approved.grantId);
    assert.deepEqual(
      [over.state, over.endedBy?.name, over.comment],
      ['revoked', 'Ben Roth', 'The incident is over'],
    );
    assert.ok(over.leases[0]?.receipt);
    assert.equal((await lease(approved.grantId)).status, 409, 'no lease after the end');
  });

  it('ends by the clock without anybody doing anything', async () => {
    const { body: request } = await ask('ana', 'read-briefly', { duration: 'PT2S' });
    const issued = await lease(request.grantId);
    const psql = await world.login(issued.body, issued.password);
    await closedOf(psql);
    assert.ok(Date.now() >= Date.parse(issued.body.lease.expiresAt) - 50, 'not before its time');
    const over = await settled(request.grantId);
    assert.equal(over.state, 'expired');
    assert.equal(over.leases[0]?.closeReason, 'expired');
    assert.ok(over.leases[0].receipt);
  });

  it('closing a terminal ends its lease and no other', async () => {
    const { body: request } = await ask('ana', 'read-orders');
    const [one, two] = [await lease(request.grantId), await lease(request.grantId)];
    const [first, second] = [
      await world.login(one.body, one.password),
      await world.login(two.body, two.password),
    ];
    const gone = closedOf(first);
    await world.call('ana', 'DELETE', `/v1/grants/${String(request.grantId)}/leases/${one.body.lease.id}`);
    await gone;
    assert.deepEqual((await second.query('select 1 as one')).rows, [{ one: 1 }]);
    await second.end();
    assert.equal((await grant(request.grantId)).state, 'active');
    await world.call('ana', 'POST', `/v1/grants/${String(request.grantId)}/end`);
  });

  it('gives the same lease to the same call and holds the cap on terminals', async () => {
    const { body: request } = await ask('ana', 'read-briefly', { duration: 'PT4S' });
    const secret = await newSecret();
    const key = newKey();
    const first = await lease(request.grantId, 'ana', key, secret);
    const second = await lease(request.grantId, 'ana', key, secret);
    assert.equal(second.body.lease.id, first.body.lease.id);
    assert.equal((await lease(request.grantId, 'ana', key)).status, 422, 'another body under the same key');
    assert.equal((await lease(request.grantId)).status, 201);
    const third = await lease(request.grantId);
    assert.deepEqual([third.status, third.body.title], [409, 'No more terminals under this access']);
    assert.equal((await lease(request.grantId, 'ben')).status, 403, 'only its holder opens a terminal');
    assert.equal((await lease(request.grantId, 'dan')).status, 404);
    await world.call('ana', 'POST', `/v1/grants/${String(request.grantId)}/end`);
  });

  it('says what is wrong with a bad request and changes nothing', async () => {
    const before = (await world.call<{ requests: unknown[] }>('ana', 'GET', '/v1/requests?which=recent')).body
      .requests.length;
    const table: [string, Parameters<typeof ask>[2] & { template?: string }, number, RegExp][] = [
      ['over the cap', { duration: 'PT2H', ticket: 'INC-1' }, 422, /Longest for this template: 1 h/],
      ['no ticket', {}, 422, /needs a ticket/],
      ['a wrong ticket', { ticket: 'ABC' }, 422, /must look like/],
      ['a template gone', { template: 'no-such-template' }, 409, /no longer there/],
      [
        'a template changed',
        { templateDigest: 'a'.repeat(64), ticket: 'INC-1' },
        409,
        /changed while you chose/,
      ],
      ['an empty reason', { reason: '   ', ticket: 'INC-1' }, 400, /reason/],
      ['a huge reason', { reason: 'x'.repeat(501), ticket: 'INC-1' }, 400, /reason/],
      ['a reversed reason', { reason: 'read \u202e only please', ticket: 'INC-1' }, 400, /invisible/],
    ];
    for (const [name, { template = 'fix-status', ...more }, status, words] of table) {
      const answer = await ask('ana', template, more);
      assert.equal(answer.status, status, `${name}: ${JSON.stringify(answer.body)}`);
      assert.match(JSON.stringify(answer.body), words, name);
      assert.equal(answer.headers.get('content-type')?.split(';')[0], 'application/problem+json');
    }
    const afterwards = (await world.call<{ requests: unknown[] }>('ana', 'GET', '/v1/requests?which=recent'))
      .body.requests.length;
    assert.equal(afterwards, before);
  });

  it('lets a person wait for three answers at most, withdraw, and not be approved after that', async () => {
    const waiting: AccessRequest[] = [];
    for (let i = 1; i <= 3; i++) waiting.push((await ask('ana', 'fix-status', { ticket: `INC-${i}` })).body);
    const fourth = await ask('ana', 'fix-status', { ticket: 'INC-4' });
    assert.deepEqual([fourth.status, fourth.body.title], [409, 'Too many at once']);
    const withdrawn = await world.call<AccessRequest>(
      'ana',
      'POST',
      `/v1/requests/${waiting[0]!.id}/withdraw`,
    );
    assert.equal(withdrawn.body.state, 'withdrawn');
    const late = await decide('ben', waiting[0]!, 'approve');
    assert.deepEqual(
      [late.status, late.body.detail],
      [409, 'It was withdrawn. Nothing needs to be decided any more.'],
    );
    for (const one of waiting.slice(1)) {
      const denied = await decide('ben', one, 'deny');
      assert.equal(denied.body.decisions[0]?.comment, 'use the replica instead');
    }
  });

  it('sends a request once although it is sent twice', async () => {
    const key = newKey();
    const [one, two] = [await ask('ana', 'read-orders', { key }), await ask('ana', 'read-orders', { key })];
    assert.equal(one.body.id, two.body.id);
    assert.equal((await ask('ana', 'read-orders', { key, reason: 'another reason this time' })).status, 422);
  });

  it('tells whoever has a part in it, at once, and nobody else', async () => {
    const [ben, dan] = [await openStream(world, 'ben'), await openStream(world, 'dan')];
    try {
      const { body: request } = await ask('ana', 'fix-status', { ticket: 'INC-9' });
      await ben.until(
        (event) => event.type === 'changed' && event.resource === 'request' && event.id === request.id,
      );
      await decide('ben', request, 'deny');
      await ben.until(
        (event) => event.type === 'changed' && event.id === request.id && event.version > request.version,
      );
      assert.deepEqual(
        dan.seen.filter((event) => event.type === 'changed'),
        [],
      );
    } finally {
      ben.close();
      dan.close();
    }
  });

  it('a restart of the broker loses no lease and no deadline', async () => {
    const { body: request } = await ask('ana', 'read-briefly', { duration: 'PT4S' });
    const issued = await lease(request.grantId);
    const psql = await world.login(issued.body, issued.password);
    const gone = closedOf(psql);
    await world.restart();
    await gone;
    const over = await settled(request.grantId);
    assert.equal(over.state, 'expired');
    assert.ok(over.leases[0]?.receipt);
  });
});
