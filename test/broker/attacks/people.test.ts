import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { eventIds } from '../../../src/broker/events/id.ts';
import type { Grant } from '../../../src/contract/grants.ts';
import type { IssuedLease } from '../../../src/contract/leases.ts';
import { kindOf, type Problem, type ProblemKind } from '../../../src/contract/problems.ts';
import type { AccessRequest } from '../../../src/contract/requests.ts';
import type { TemplateList } from '../../../src/contract/templates.ts';
import { openStream, type OpenStream } from '../support/event-stream.ts';
import {
  inState,
  newKey,
  newSecret,
  people,
  startWorld,
  type Answer,
  type Name,
  type World,
} from '../support/world.ts';

/** Without a part in anything. Of each, the attempts are counted: a test that counts them has somebody of its own. */
const strangers = ['eve', 'finn', 'gil'].map((id) => ({
  id,
  name: id,
  groups: ['newcomers'],
  role: 'Stranger',
  hint: 'Has a part in nothing',
}));

/** What a person who is signed in tries on things, keys and streams that are not theirs. */
describe('Attacks by people who are signed in', function () {
  this.timeout(30_000);
  let world: World;
  /** Ana's, new for each test: a request that waits for Ben, a grant with an open lease. */
  let pending: AccessRequest;
  let grantId: string;
  let leaseId: string;
  let verifier: string;

  before(async () => {
    world = await startWorld({ accessTokenTtl: 3600, mostOpen: 1_000, people: [...people, ...strangers] });
  });
  beforeEach(async () => {
    pending = (await ask('ana', 'fix-status', { ticket: 'INC-1' })).body as AccessRequest;
    grantId = ((await ask('ana', 'read-orders')).body as AccessRequest).grantId!;
    ({ verifier } = await newSecret());
    leaseId = (await lease('ana', grantId)).body.lease.id;
  });
  // Three of a person's requests may wait at once.
  afterEach(async () => {
    const { body } = await call<{ requests: AccessRequest[] }>('ana', 'GET', '/v1/requests?which=open');
    for (const { id } of body.requests) await call('ana', 'POST', `/v1/requests/${id}/withdraw`);
  });
  after(() => (world as World | undefined)?.stop());

  const call = <T = Problem>(who: Name, method: string, path: string, body?: unknown, key?: string) =>
    world.call<T>(who, method, path, { ...(body === undefined ? {} : { body }), ...(key ? { key } : {}) });
  const asked = async (who: Name, template: string, more: object = {}) => {
    const { body } = await call<TemplateList>(who, 'GET', '/v1/templates');
    const templateDigest = body.templates.find(({ id }) => id === template)?.digest ?? 'a'.repeat(64);
    return { template, templateDigest, duration: 'PT1M', reason: 'Order 4711 is stuck', ...more };
  };
  const ask = async (who: Name, template: string, more: object = {}, key = newKey()) =>
    call<AccessRequest | Problem>(who, 'POST', '/v1/requests', await asked(who, template, more), key);
  const lease = (who: Name, grant: string, key = newKey(), as = verifier) =>
    call<IssuedLease & Problem>(
      who,
      'POST',
      `/v1/grants/${grant}/leases`,
      { kind: 'postgresql', verifier: as },
      key,
    );
  const decision = (verdict: 'approve' | 'deny', digest = pending.digest) => ({
    verdict,
    digest,
    ...(verdict === 'deny' ? { comment: 'Not tonight' } : {}),
  });
  const kind = ({ status, body }: Answer<unknown>): ProblemKind | number =>
    status >= 400 ? kindOf(body as Problem) : status;
  const idOf = async (who: Name) =>
    (await call<{ person: { id: string } }>(who, 'GET', '/v1/me')).body.person.id;

  interface Recorded {
    readonly actor: string;
    readonly detail: { readonly call?: string; readonly why?: string; readonly more?: number } & Record<
      string,
      unknown
    >;
  }
  /** The attempts that stand in the audit log, the first one first. */
  const recorded = async (who: Name): Promise<Recorded[]> => {
    const actor = await idOf(who);
    const { rows } = await inState(world, (client) =>
      client.query<Recorded>(
        `select actor, detail from daypass.audit_event
         where action = 'attempt refused' and actor = $1 order by at, id`,
        [actor],
      ),
    );
    return rows;
  };
  /** Runs what must be refused, and recorded as one attempt of this person. */
  const refused = async (who: Name, expected: ProblemKind, attempt: () => Promise<Answer<unknown>>) => {
    const before = await recorded(who);
    assert.equal(kind(await attempt()), expected);
    const after = await recorded(who);
    assert.equal(after.length, before.length + 1, 'recorded');
    assert.equal(after.at(-1)?.detail.why, expected);
    return after.at(-1)!.detail;
  };
  /** What an answer tells, whatever differs between any two answers aside. */
  const told = ({ status, body, headers }: Answer<unknown>) => {
    const names = [...headers].filter(([name]) => !['date', 'daypass-time'].includes(name));
    return { status, body: { ...(body as object), instance: '' }, names };
  };

  describe('on things of others', () => {
    const things = (): [method: string, path: (id: string) => string, id: string, body?: object][] => [
      ['GET', (id) => `/v1/requests/${id}`, pending.id],
      ['POST', (id) => `/v1/requests/${id}/withdraw`, pending.id],
      ['POST', (id) => `/v1/requests/${id}/decisions`, pending.id, decision('approve')],
      ['GET', (id) => `/v1/grants/${id}`, grantId],
      ['POST', (id) => `/v1/grants/${id}/end`, grantId],
      ['POST', (id) => `/v1/grants/${id}/revoke`, grantId, { comment: 'That is enough' }],
      ['GET', (id) => `/v1/grants/${id}/connections`, grantId],
      ['POST', (id) => `/v1/grants/${id}/leases`, grantId, { kind: 'postgresql', verifier }],
      ['DELETE', (id) => `/v1/grants/${id}/leases/${leaseId}`, grantId],
    ];

    it('somebody with no part in them cannot tell what is there from what is not, and it is recorded', async () => {
      for (const [method, path, id, body] of things()) {
        const theirs = await call('eve', method, path(id), body, newKey());
        const nobodys = await call('eve', method, path(randomUUID()), body, newKey());
        assert.equal(kind(theirs), 'not-found', path(id));
        assert.deepEqual(told(theirs), told(nobodys), path(id));
      }
      const attempts = await recorded('eve');
      assert.equal(attempts.length, 18);
      for (const [index, [method, path, id]] of things().entries()) {
        const { detail } = attempts[index * 2]!;
        assert.equal(detail.call, `${method} ${path('{id}').replace(leaseId, '{lease}')}`);
        assert.equal(detail['id'], id);
      }
    });

    it('not by time either', async () => {
      const timed = async (id: string) => {
        const began = performance.now();
        await call('finn', 'GET', `/v1/grants/${id}`);
        return performance.now() - began;
      };
      const [theirs, nobodys]: number[][] = [[], []];
      for (let turn = 0; turn < 60; turn++) {
        theirs!.push(await timed(grantId));
        nobodys!.push(await timed(randomUUID()));
      }
      const median = (all: number[]) => all.sort((a, b) => a - b)[all.length / 2]!;
      const ratio = median(theirs!) / median(nobodys!);
      // One query more or less is not hidden; what matters is that none of them does something of another kind.
      assert.ok(ratio > 1 / 3 && ratio < 3, `ratio ${ratio.toFixed(2)}`);
    });

    it('a flood of attempts is a few events that tell how many there were', async () => {
      for (let index = 0; index < 100; index++) await call('gil', 'GET', `/v1/requests/${randomUUID()}`);
      await world.restart();
      const events = await recorded('gil');
      const more = events.flatMap((event) => event.detail.more ?? []);
      const oneByOne = events.length - more.length;
      // A minute may have ended in between, and begun to count anew.
      assert.ok(oneByOne >= 20 && oneByOne <= 40, `${oneByOne} one by one`);
      assert.ok(more.length === 1 || more.length === 2, JSON.stringify(more));
      assert.equal(oneByOne + more.reduce((sum, count) => sum + count, 0), 100);
    });

    const spellings: [what: string, spell: (id: string) => string][] = [
      ['in braces', (id) => `%7B${id}%7D`],
      ['as a URN', (id) => `urn:uuid:${id}`],
      ['without hyphens', (id) => id.replaceAll('-', '')],
      ['with a blank', (id) => `${id}%20`],
      ['with a NUL', (id) => `${id}%00`],
      ['with a path', (id) => `${id}%2F..%2F${id}`],
      ['with letters that look alike', (id) => id.replace('4', '%D0%A7')],
      ['doubly encoded', (id) => id.replaceAll('-', '%252D')],
      ['as SQL', (id) => `${id}'%20or%20'1'='1`],
    ];
    for (const [what, spell] of spellings)
      it(`an id ${what} names nothing, not even to its owner`, async () => {
        assert.equal(kind(await call('ana', 'GET', `/v1/grants/${spell(grantId)}`)), 'not-found');
        assert.equal(kind(await call('ana', 'GET', `/v1/requests/${spell(pending.id)}`)), 'not-found');
      });

    it('an id of another kind of thing names nothing', async () => {
      for (const [method, path] of [
        ['GET', `/v1/requests/${grantId}`],
        ['GET', `/v1/grants/${pending.id}`],
        ['GET', `/v1/grants/${leaseId}`],
        ['DELETE', `/v1/grants/${grantId}/leases/${grantId}`],
        ['DELETE', `/v1/grants/${leaseId}/leases/${grantId}`],
      ] as const)
        await refused('ana', 'not-found', () => call('ana', method, path));
    });

    it('an id in capitals is the same id, in every call', async () => {
      const other = ((await ask('ana', 'read-orders')).body as AccessRequest).grantId!;
      const opened = (await lease('ana', other.toUpperCase())).body.lease.id;
      assert.equal((await call<Grant>('ana', 'GET', `/v1/grants/${other.toUpperCase()}`)).body.id, other);
      const closed = await call<{ id: string }>(
        'ana',
        'DELETE',
        `/v1/grants/${other.toUpperCase()}/leases/${opened.toUpperCase()}`,
      );
      assert.deepEqual([closed.status, closed.body.id], [200, opened]);
    });

    it('a lease of another grant of one’s own is not closed under this one', async () => {
      const other = ((await ask('ana', 'read-orders')).body as AccessRequest).grantId!;
      await refused('ana', 'not-found', () => call('ana', 'DELETE', `/v1/grants/${other}/leases/${leaseId}`));
      const { body } = await call<Grant>('ana', 'GET', `/v1/grants/${grantId}`);
      assert.equal(body.leases.find(({ id }) => id === leaseId)?.state, 'issued');
    });
  });

  describe('on what they see and may not do', () => {
    const rows: [what: string, who: Name, attempt: () => Promise<Answer<unknown>>][] = [
      [
        'decides on her own request',
        'ana',
        () => call('ana', 'POST', `/v1/requests/${pending.id}/decisions`, decision('approve'), newKey()),
      ],
      [
        'audits, and decides',
        'carol',
        () => call('carol', 'POST', `/v1/requests/${pending.id}/decisions`, decision('approve'), newKey()),
      ],
      [
        'withdraws another’s request',
        'ben',
        () => call('ben', 'POST', `/v1/requests/${pending.id}/withdraw`),
      ],
      ['ends another’s grant', 'ben', () => call('ben', 'POST', `/v1/grants/${grantId}/end`)],
      [
        'revokes her own grant',
        'ana',
        () => call('ana', 'POST', `/v1/grants/${grantId}/revoke`, { comment: 'That is enough' }),
      ],
      [
        'audits, and revokes',
        'carol',
        () => call('carol', 'POST', `/v1/grants/${grantId}/revoke`, { comment: 'That is enough' }),
      ],
      ['opens a terminal under another’s grant', 'ben', () => lease('ben', grantId)],
      [
        'closes another’s terminal',
        'ben',
        () => call('ben', 'DELETE', `/v1/grants/${grantId}/leases/${leaseId}`),
      ],
    ];
    for (const [what, who, attempt] of rows)
      it(`${who} ${what}: refused, recorded, without effect`, async () => {
        const { call: named } = await refused(who, 'not-allowed', attempt);
        assert.match(named ?? '', /^(POST|DELETE) \/v1\//);
        const { body } = await call<AccessRequest>('ana', 'GET', `/v1/requests/${pending.id}`);
        assert.equal(body.state, 'pending');
        const grant = (await call<Grant>('ana', 'GET', `/v1/grants/${grantId}`)).body;
        assert.deepEqual([grant.state, grant.leases.map(({ state }) => state)], ['active', ['issued']]);
      });
  });

  describe('on idempotency keys', () => {
    it('another person’s key is another key', async () => {
      const key = newKey();
      const anas = (await ask('ana', 'read-briefly', {}, key)).body as AccessRequest;
      const bens = (await ask('ben', 'read-briefly', {}, key)).body as AccessRequest;
      assert.notEqual(bens.id, anas.id);
      assert.notEqual(bens.requester.id, anas.requester.id);
      await refused('ben', 'not-allowed', () => lease('ben', grantId, key));
    });

    it('the same key with another body is refused, and recorded', async () => {
      const key = newKey();
      assert.equal((await ask('ben', 'read-orders', {}, key)).status, 201);
      await refused('ben', 'key-reused', () =>
        ask('ben', 'read-orders', { reason: 'Something else entirely' }, key),
      );
      const other = newKey();
      const opened = await lease('ana', grantId, other);
      assert.equal(opened.status, 201);
      const { verifier: another } = await newSecret();
      await refused('ana', 'key-reused', () => lease('ana', grantId, other, another));
      await call('ana', 'DELETE', `/v1/grants/${grantId}/leases/${opened.body.lease.id}`);
    });

    it('the same key at another call is no repetition of the first', async () => {
      const key = newKey();
      const request = (await ask('ana', 'fix-status', { ticket: 'INC-2' }, key)).body as AccessRequest;
      const decided = await call<AccessRequest>(
        'ben',
        'POST',
        `/v1/requests/${request.id}/decisions`,
        decision('deny', request.digest),
        key,
      );
      assert.deepEqual([decided.status, decided.body.state], [201, 'denied']);
      // Ben's key for this request says nothing of another one, whatever its body.
      const again = await call(
        'ben',
        'POST',
        `/v1/requests/${pending.id}/decisions`,
        decision('deny', request.digest),
        key,
      );
      assert.equal(kind(again), 'changed-meanwhile');
    });

    it('many at once with one key are one request', async () => {
      const key = newKey();
      const body = await asked('ben', 'read-briefly');
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => call<AccessRequest>('ben', 'POST', '/v1/requests', body, key)),
      );
      const made = answers.filter(({ status }) => status === 201);
      assert.equal(new Set(made.map(({ body: one }) => one.id)).size, 1);
      for (const answer of answers)
        assert.ok([201, 'in-progress'].includes(kind(answer)), String(kind(answer)));
    });

    it('many at once with one key are one lease', async () => {
      const key = newKey();
      const answers = await Promise.all(Array.from({ length: 20 }, () => lease('ana', grantId, key)));
      const made = answers.filter(({ status }) => status === 201);
      assert.equal(new Set(made.map(({ body }) => body.lease.id)).size, 1);
      for (const answer of answers)
        assert.ok([201, 'in-progress'].includes(kind(answer)), String(kind(answer)));
      const { body } = await call<Grant>('ana', 'GET', `/v1/grants/${grantId}`);
      assert.equal(body.leases.filter(({ state }) => state === 'issued').length, 2);
    });

    it('a key that was forgotten, after two days, decides nothing a second time', async () => {
      const request = (await ask('ana', 'fix-status', { ticket: 'INC-3' })).body as AccessRequest;
      const key = newKey();
      const body = decision('deny', request.digest);
      const path = `/v1/requests/${request.id}/decisions`;
      assert.equal((await call('ben', 'POST', path, body, key)).status, 201);
      assert.equal((await call('ben', 'POST', path, body, key)).status, 201, 'a repetition');
      await inState(world, (client) => client.query('delete from daypass.idempotency_key'));
      assert.equal(kind(await call('ben', 'POST', path, body, key)), 'too-late');
      const { body: after } = await call<AccessRequest>('ana', 'GET', `/v1/requests/${request.id}`);
      assert.equal(after.decisions.length, 1);
    });

    for (const [what, key] of [
      ['too short', 'k'.repeat(15)],
      ['too long', 'k'.repeat(65)],
      ['of other letters', "k'; drop table person; --"],
      ['two in one', `${'k'.repeat(20)}, ${'l'.repeat(20)}`],
      ['empty', ''],
    ] as const)
      it(`a key that is ${what} is refused`, async () => {
        const answer = await world.call('ana', 'POST', '/v1/requests', {
          body: await asked('ana', 'read-orders'),
          headers: { 'idempotency-key': key },
        });
        assert.equal(kind(answer), 'invalid-request');
      });
  });

  describe('on streams', () => {
    const streams: OpenStream[] = [];
    afterEach(() => {
      for (const one of streams.splice(0)) one.close();
    });
    const open = async (who: Name, lastEventId?: string) => {
      const stream = await openStream(world.url, await world.token(who), lastEventId);
      streams.push(stream);
      return stream;
    };
    /** Everything that a stream says until something that this person did themselves. */
    const heardUntil = async (stream: OpenStream, id: string) => {
      for (;;) {
        const { event } = await stream.next();
        if (event.type === 'changed' && event.id === id) return stream.heard.map((one) => one.event);
      }
    };
    const own = async (who: Name) => {
      const { status, body } = await ask(who, 'fix-status', { ticket: 'INC-9' });
      assert.equal(status, 201, JSON.stringify(body));
      return (body as AccessRequest).id;
    };
    const withdraw = (who: Name, id: string) => call(who, 'POST', `/v1/requests/${id}/withdraw`);

    it('an id that another person’s stream gave reveals nothing of theirs', async () => {
      const carol = await open('carol');
      const { id } = await carol.nextOf('alive');
      const anas = await own('ana');
      await heardUntil(carol, anas);
      // Dan has a part in nothing: what he hears after Carol's id is what he hears after any.
      const dan = await open('dan', id);
      await dan.nextOf('alive');
      const last = await own('ana');
      await heardUntil(carol, last);
      assert.deepEqual(
        dan.heard.filter(({ event }) => event.type !== 'alive'),
        [],
      );
      for (const one of [anas, last]) await withdraw('ana', one);
    });

    const forged: [what: string, id: () => string][] = [
      ['of another installation', () => eventIds(randomBytes(16)).encode(1)],
      ['of another installation’s far future', () => eventIds(randomBytes(16)).encode(2 ** 40)],
      ['made of nothing', () => Buffer.alloc(16).toString('base64url')],
      ['a number', () => '1'],
      ['a negative number', () => '-1'],
      ['SQL', () => "1' or '1'='1"],
      ['two in one', () => `${'A'.repeat(22)}, ${'B'.repeat(22)}`],
    ];
    for (const [what, id] of forged)
      it(`an id that is ${what} has everything read again, and nothing replayed`, async () => {
        const before = await own('ana');
        await withdraw('ana', before);
        const until = await open('ana');
        const marker = await own('ana');
        await heardUntil(until, marker);
        const stream = await open('ana', id());
        const { event } = await stream.next();
        assert.equal(event.type, 'reset');
        const mine = await own('ana');
        const heard = await heardUntil(stream, mine);
        assert.equal(
          heard.some((one) => one.type === 'changed' && one.id === before),
          false,
          JSON.stringify(heard),
        );
        for (const one of [marker, mine]) await withdraw('ana', one);
      });

    it('guessing an id finds none, and those that are given tell nothing of how much happens', async () => {
      const stream = await open('ana');
      const first = (await stream.nextOf('alive')).id!;
      const mine = await own('ana');
      const second = (await stream.next()).id!;
      await withdraw('ana', mine);
      const third = (await stream.next()).id!;
      const bytes = [first, second, third].map((id) => Buffer.from(id, 'base64url'));
      // Ids of neighbours share no more of their bits than any two random blocks do.
      for (const [a, b] of [
        [bytes[0]!, bytes[1]!],
        [bytes[1]!, bytes[2]!],
      ] as const) {
        const differing = [...a].reduce((sum, byte, at) => sum + bitsOf(byte ^ b[at]!), 0);
        assert.ok(differing > 30 && differing < 98, `${differing} of 128 bits differ`);
      }
      // One bit of a good id changed: 48 bits of a block say that it is ours, so none of these is.
      const ids = eventIds(randomBytes(16));
      for (let bit = 0; bit < 128; bit++) {
        const block = Buffer.from(ids.encode(7), 'base64url');
        block[bit >> 3]! ^= 1 << (bit & 7);
        assert.equal(ids.decode(block.toString('base64url')), undefined);
      }
      for (let guess = 0; guess < 20_000; guess++)
        assert.equal(ids.decode(randomBytes(16).toString('base64url')), undefined);
    });

    it('an id in the address is not looked at, and neither is a token', async () => {
      const carol = await open('carol');
      const { id } = await carol.nextOf('alive');
      const token = await world.token('ana');
      const response = await fetch(`${world.url}/v1/events?lastEventId=${id!}&access_token=${token}`);
      assert.equal(response.status, 401);
    });
  });
});

function bitsOf(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}
