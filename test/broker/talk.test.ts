import assert from 'node:assert/strict';
import { kindOf, type Problem, type ProblemKind } from '../../src/contract/problems.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { openStream } from './support/event-stream.ts';
import { inState, newKey, people, startWorld, type Answer, type Name, type World } from './support/world.ts';

const lead = (id: string, name: string) => ({
  id,
  name,
  groups: ['payments-leads'],
  role: 'Lead',
  hint: 'Decides',
});
const leads = Array.from({ length: 20 }, (_, n) => lead(`lead-${n}`, `Lead ${n}`));
const everybody = [...people, lead('eva', 'Eva Lang'), ...leads];

/** What people say to each other about a request, and who looks at it. */
describe('Talking about a request', function () {
  this.timeout(30_000);
  let world: World;
  let pending: AccessRequest;

  before(async () => {
    world = await startWorld({ accessTokenTtl: 3600, mostOpen: 1_000, people: everybody });
  });
  after(() => (world as World | undefined)?.stop());
  // Three of a person's requests may wait at once.
  beforeEach(async () => {
    const { body } = await world.call<{ requests: AccessRequest[] }>('ana', 'GET', '/v1/requests?which=open');
    for (const { id } of body.requests) await world.call('ana', 'POST', `/v1/requests/${id}/withdraw`);
    pending = await askedFor();
  });

  type Said = AccessRequest & Problem;
  const askedFor = async (duration = 'PT30M') => {
    const { body } = await world.call<TemplateList>('ana', 'GET', '/v1/templates');
    const template = body.templates.find(({ id }) => id === 'fix-status')!;
    const wanted = { duration, reason: 'Order 4711 is stuck', ticket: 'INC-1' };
    const answer = await world.call<AccessRequest>('ana', 'POST', '/v1/requests', {
      key: newKey(),
      body: { template: template.id, templateDigest: template.digest, ...wanted },
    });
    assert.equal(answer.status, 201);
    return answer.body;
  };
  const path = (what: string) => `/v1/requests/${pending.id}${what}`;
  const seen = async (who: Name) => (await world.call<AccessRequest>(who, 'GET', path(''))).body;
  const write = (who: Name, text: string, key = newKey()) =>
    world.call<Said>(who, 'POST', path('/messages'), { body: { text }, key });
  const claim = (who: Name, from?: string) =>
    world.call<Said>(who, 'POST', path('/claim'), { body: from === undefined ? {} : { from } });
  const release = (who: Name) => world.call<Said>(who, 'DELETE', path('/claim'));
  const decide = (who: Name, verdict: 'approve' | 'deny', more: object = {}) =>
    world.call<Said>(who, 'POST', path('/decisions'), {
      key: newKey(),
      body: {
        verdict,
        digest: pending.digest,
        ...(verdict === 'deny' ? { comment: 'Not now' } : {}),
        ...more,
      },
    });
  const kind = ({ status, body }: Answer<unknown>): ProblemKind | number =>
    status >= 400 ? kindOf(body as Problem) : status;
  const idOf = async (who: Name) =>
    (await world.call<{ person: { id: string } }>(who, 'GET', '/v1/me')).body.person.id;
  const recorded = async (...actions: string[]) =>
    (
      await inState(world, (client) =>
        client.query<{ action: string; actor: string; detail: Record<string, unknown> }>(
          `select action, actor, detail from daypass.audit_event
           where request_id = $1 and action = any($2) order by at, version`,
          [pending.id, actions],
        ),
      )
    ).rows;

  describe('in words', () => {
    it('a question and its answer are read by both, the auditor too, and each stands in the audit log', async () => {
      assert.equal((await write('ben', 'Which customer is it?')).status, 201);
      assert.equal((await write('ana', 'Mia, order 4711')).status, 201);
      for (const who of ['ana', 'ben', 'carol']) {
        const { messages, may } = await seen(who);
        assert.deepEqual(
          messages.map(({ by, text }) => `${by.name}: ${text}`),
          ['Ben Roth: Which customer is it?', 'Ana Lima: Mia, order 4711'],
        );
        assert.equal(may.write, who !== 'carol');
      }
      assert.deepEqual(
        (await recorded('request discussed')).map(({ actor, detail }) => [actor, detail['text']]),
        [
          [await idOf('ben'), 'Which customer is it?'],
          [await idOf('ana'), 'Mia, order 4711'],
        ],
      );
    });

    it('both sides are told by their streams at once', async () => {
      const streams = await Promise.all(
        ['ana', 'eva'].map(async (who) => openStream(world.url, await world.token(who))),
      );
      await write('ben', 'Which customer is it?');
      for (const stream of streams) {
        const next = async () => (await stream.nextOf('changed')).event;
        const question = { type: 'changed', resource: 'request', id: pending.id, version: 2 };
        // Of what happened just before, it may be told as well.
        let event = await next();
        while (JSON.stringify(event) !== JSON.stringify(question)) event = await next();
        stream.close();
      }
    });

    it('the same key says it once', async () => {
      const key = newKey();
      await write('ben', 'Which customer is it?', key);
      assert.equal((await write('ben', 'Which customer is it?', key)).body.messages.length, 1);
      assert.equal(kind(await write('ben', 'Something else', key)), 'key-reused');
    });

    it('nobody else writes, and nothing is written once it is settled', async () => {
      assert.equal(kind(await write('carol', 'I only audit')), 'not-allowed');
      assert.equal(kind(await write('dan', 'I have no part')), 'not-found');
      await write('ben', 'Which customer is it?');
      await decide('ben', 'deny');
      assert.equal(kind(await write('ana', 'Mia')), 'too-late');
      assert.deepEqual((await seen('ana')).messages, []);
    });

    it('text that misleads, none, and too much of it are refused', async () => {
      for (const text of ['two\nlines', 'turned \u202e round', 'hid\u200bden', '   ', 'x'.repeat(501)])
        assert.equal(kind(await write('ben', text)), 'invalid-request', JSON.stringify(text));
    });

    it('nobody says more than a person reads, nor uses up what others have', async () => {
      for (let n = 0; n < 20; n++) assert.equal(kind(await write('ana', `Word ${n}`)), 201);
      assert.equal(kind(await write('ana', 'One more')), 'too-many-messages');
      for (let n = 0; n < 10; n++) assert.equal(kind(await write('ben', `Word ${n}`)), 201);
      assert.equal(kind(await write('ben', 'One more')), 'too-many-messages');
      assert.equal(kind(await write('eva', 'Another one')), 201);
    });

    it('words that somebody put into another’s mouth are not shown', async () => {
      await write('ana', 'No, the other customer');
      await inState(world, async (client) => {
        // What the runtime role may: add a row. It has no key.
        await client.query(
          `insert into daypass.message (id, request_id, person_id, text, at, mac)
           select gen_random_uuid(), request_id, person_id, 'Yes, that customer', now(), mac
           from daypass.message where request_id = $1`,
          [pending.id],
        );
      });
      assert.deepEqual(
        (await seen('ben')).messages.map(({ text }) => text),
        ['No, the other customer'],
      );
      assert.ok(world.log.some((line) => line.includes('nobody said this')));
    });
  });

  describe('and who looks', () => {
    it('one takes it, others see who and since when, and it is recorded', async () => {
      const { body } = await claim('eva');
      assert.equal(body.claim?.by.name, 'Eva Lang');
      const { claim: shown } = await seen('ben');
      assert.deepEqual(shown, body.claim);
      assert.equal(Date.parse(shown.until) - Date.parse(shown.since), 10 * 60_000);
      assert.deepEqual(
        (await recorded('request claimed')).map(({ actor }) => actor),
        [await idOf('eva')],
      );
      // Done already is done.
      assert.deepEqual((await claim('eva')).body.claim, shown);
      assert.equal((await recorded('request claimed')).length, 1);
    });

    it('it is taken over only by whoever saw from whom', async () => {
      await claim('eva');
      const refused = await claim('ben');
      assert.equal(kind(refused), 'changed-meanwhile');
      assert.match(refused.body.detail, /^Eva Lang is looking at it already/);
      const taken = await claim('ben', await idOf('eva'));
      assert.equal(taken.body.claim?.by.name, 'Ben Roth');
      assert.deepEqual((await recorded('request claimed')).at(-1)?.detail, { overFrom: await idOf('eva') });
      // Eva, who does not look at it any more, lets go of nothing.
      assert.equal((await release('eva')).body.claim?.by.name, 'Ben Roth');
    });

    it('it ends by release, by a decision, and after ten minutes', async () => {
      await claim('eva');
      assert.equal((await release('eva')).body.claim, undefined);
      assert.equal((await recorded('request released')).length, 1);
      await release('eva');
      assert.equal((await recorded('request released')).length, 1);

      await claim('eva');
      await inState(world, (client) =>
        client.query(
          `update daypass.request set claimed_at = claimed_at - interval '10 minutes' where id = $1`,
          [pending.id],
        ),
      );
      assert.equal((await seen('ben')).claim, undefined);
      assert.equal((await claim('ben')).body.claim?.by.name, 'Ben Roth');

      assert.equal((await decide('ben', 'approve')).body.claim, undefined);
      assert.equal(kind(await claim('eva')), 'too-late');
    });

    it('it keeps nobody from deciding', async () => {
      await claim('eva');
      assert.equal((await decide('ben', 'approve')).body.state, 'approved');
    });

    it('only somebody who may decide takes it', async () => {
      for (const who of ['ana', 'carol']) assert.equal(kind(await claim(who)), 'not-allowed');
      assert.equal(kind(await claim('dan')), 'not-found');
    });

    it('twenty who take it at once are one', async () => {
      const answers = await Promise.all(leads.map(({ id }) => claim(id)));
      const [taken] = answers.filter(({ status }) => status === 200);
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
      assert.ok(answers.every((one) => one === taken || kind(one) === 'changed-meanwhile'));
      assert.equal((await recorded('request claimed')).length, 1);
    });
  });

  describe('all at once', () => {
    it('twenty approvers who press together decide once', async () => {
      await Promise.all(leads.map(({ id }) => seen(id)));
      const answers = await Promise.all(leads.map(({ id }) => decide(id, 'approve')));
      assert.deepEqual(
        answers.map(kind).sort(),
        [201, ...Array.from({ length: 19 }, () => 'too-late')].sort(),
      );
      const { state, decisions } = await seen('ana');
      assert.deepEqual([state, decisions.length], ['approved', 1]);
      const won = leads[answers.findIndex(({ status }) => status === 201)]!.name;
      assert.equal(decisions[0]!.by.name, won);
      for (const { status, body } of answers)
        if (status !== 201) assert.equal(body.detail, `${won} approved it already.`);
      const grants = await inState(world, (client) =>
        client.query('select id from daypass."grant" where request_id = $1', [pending.id]),
      );
      assert.equal(grants.rowCount, 1);
      assert.equal((await recorded('request approved', 'grant approved')).length, 2);
    });

    it('approving, denying, withdrawing, claiming and asking at once leave one outcome and one story', async () => {
      for (let round = 0; round < 5; round++) {
        pending = await askedFor();
        const [approved, denied, withdrawn, claimed, asked] = await Promise.all([
          decide('ben', 'approve'),
          decide('eva', 'deny'),
          world.call<Said>('ana', 'POST', path('/withdraw')),
          claim('lead-1'),
          write('lead-2', 'Which customer is it?'),
        ]);
        assert.equal([approved, denied, withdrawn].filter(({ status }) => status < 300).length, 1);
        for (const one of [claimed, asked]) assert.ok([200, 201, 'too-late'].includes(kind(one)));
        const { state, claim: held, version } = await seen('ana');
        const ends = await recorded('request approved', 'request denied', 'request withdrawn');
        assert.deepEqual(
          ends.map(({ action }) => action),
          [`request ${state}`],
        );
        assert.equal(held, undefined);
        const all = await recorded(
          'request created',
          'request claimed',
          'request discussed',
          `request ${state}`,
        );
        assert.equal(all.length, version, 'each version has its event');
      }
    });
  });
});
