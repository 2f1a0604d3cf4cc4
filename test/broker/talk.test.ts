import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Grant } from '../../src/contract/grants.ts';
import type { IssuedLease } from '../../src/contract/leases.ts';
import { kindOf, type Problem, type ProblemKind } from '../../src/contract/problems.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { openStream } from './support/event-stream.ts';
import {
  inState,
  newKey,
  newSecret,
  people,
  startWorld,
  stateOf,
  type Answer,
  type Name,
  type World,
} from './support/world.ts';

const lead = (id: string, name: string) => ({
  id,
  name,
  groups: ['payments-leads'],
  role: 'Lead',
  hint: 'Decides',
});
const leads = Array.from({ length: 20 }, (_, n) => lead(`lead-${n}`, `Lead ${n}`));
const everybody = [...people, lead('eva', 'Eva Lang'), ...leads];

const templates = {
  'fix-with-two.yaml': `
template: fix-with-two
title: Fix orders, agreed by two
summary: Update orders.
target: shop
scope:
  privileges: [update on sales.orders]
duration: { default: PT30M, longest: PT1H }
terminals: 2
request: { by: [engineering] }
approve: { by: [payments-leads], number: 2 }
`,
};

const changing = `
template: changing
title: Change orders
summary: Update orders.
target: shop
scope:
  privileges: [select on sales.orders, update on sales.orders]
duration: { default: PT30M, longest: PT1H }
terminals: 2
request:
  by: [engineering]
  ticket: { pattern: '.+', required: false, link: 'https://issues.shop.example/browse/{ticket}?from=daypass' }
approve: { by: [payments-leads] }
`;

/** Works in the broker's database as whoever owns it. */
async function asOwner(world: World, query: string): Promise<void> {
  const password = await readFile(join(world.folder, 'state', 'owner.password'), 'utf8');
  const client = new pg.Client({
    ...(await stateOf(world)),
    user: 'daypass_owner',
    password: password.trim(),
  });
  await client.connect();
  await client.query(query);
  await client.end();
}

/** What people say to each other about a request, and who looks at it. */
describe('Talking about a request', function () {
  this.timeout(30_000);
  let world: World;
  let pending: AccessRequest;

  before(async () => {
    world = await startWorld({
      accessTokenTtl: 3600,
      mostOpen: 1_000,
      people: everybody,
      templates: { ...templates, 'changing.yaml': changing },
    });
  });
  after(() => (world as World | undefined)?.stop());
  // Three of a person's requests may wait at once.
  beforeEach(async () => {
    const { body } = await world.call<{ requests: AccessRequest[] }>('ana', 'GET', '/v1/requests?which=open');
    for (const { id } of body.requests) await world.call('ana', 'POST', `/v1/requests/${id}/withdraw`);
    pending = await askedFor();
  });

  type Said = AccessRequest & Problem;
  const askedFor = async (duration = 'PT30M', id = 'fix-status', ticket = 'INC-1') => {
    const { body } = await world.call<TemplateList>('ana', 'GET', '/v1/templates');
    const template = body.templates.find((one) => one.id === id)!;
    const named = template.ticket ? { ticket } : {};
    const wanted = { duration, reason: 'Order 4711 is stuck', ...named };
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
    it('each who reads it reads what they may, whoever reads it in the same moment', async () => {
      const readers: Name[] = ['ana', 'dan', 'carol', ...leads.map(({ id }) => id)];
      const read = () =>
        Promise.all(readers.map(async (who) => ({ who, ...(await world.call<Said>(who, 'GET', path(''))) })));
      for (const answer of await read()) {
        const { who, body } = answer;
        assert.equal(kind(answer), who === 'dan' ? 'not-found' : 200, who);
        if (who === 'dan') continue;
        const decides = who.startsWith('lead');
        assert.deepEqual(body.may, {
          withdraw: who === 'ana',
          decide: decides,
          approve: decides,
          write: decides || who === 'ana',
        });
      }
      await decide('ben', 'approve');
      for (const { who, body } of await read()) if (who !== 'dan') assert.equal(body.state, 'approved', who);
      const { grantId } = await seen('ana');
      const grants = await Promise.all(
        readers.map(async (who) => ({
          who,
          ...(await world.call<Grant>(who, 'GET', `/v1/grants/${grantId}`)),
        })),
      );
      for (const { who, status, body } of grants) {
        assert.equal(status, who === 'dan' ? 404 : 200, who);
        if (who === 'dan') continue;
        const [holds, revokes] = [who === 'ana', who.startsWith('lead')];
        assert.deepEqual(body.may, { openTerminal: holds, end: holds, revoke: revokes, review: false });
      }
    });

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
      const late = await inState(world, (client) =>
        client.query(
          `select distinct actor from daypass.audit_event
           where action = 'attempt refused' and detail->>'why' = 'too-late' and detail->>'id' = $1`,
          [pending.id],
        ),
      );
      assert.equal(late.rowCount, 19, 'who came too late stands there, too');
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

  describe('shortening it', () => {
    it('an approval gives what it names, the requester sees who made it shorter, and it is recorded', async () => {
      const { body } = await decide('ben', 'approve', { duration: 'PT15M' });
      assert.equal(body.state, 'approved');
      const { decisions, duration, grantId } = await seen('ana');
      assert.deepEqual([decisions[0]!.duration, duration], ['PT15M', 'PT30M']);
      const { body: grant } = await world.call<Grant>('ana', 'GET', `/v1/grants/${grantId}`);
      assert.deepEqual([grant.duration, grant.asked], ['PT15M', 'PT30M']);
      const [approved, granted] = await recorded('request approved', 'grant approved');
      assert.equal(approved!.detail['durationSeconds'], 900);
      assert.equal(granted!.detail['durationSeconds'], 900);
    });

    it('the clock runs for the shorter time', async () => {
      const { body } = await decide('ben', 'approve', { duration: 'PT2M' });
      const { verifier } = await newSecret();
      const lease = await world.call<IssuedLease>('ana', 'POST', `/v1/grants/${body.grantId}/leases`, {
        key: newKey(),
        body: { kind: 'postgresql', verifier },
      });
      assert.equal(lease.status, 201);
      const { body: grant } = await world.call<Grant>('ana', 'GET', `/v1/grants/${body.grantId}`);
      assert.equal(Date.parse(grant.expiresAt!) - Date.parse(grant.activatedAt!), 120_000);
      await world.call('ana', 'POST', `/v1/grants/${body.grantId}/end`);
    });

    it('nobody adds to it; as long as was asked for is no shortening', async () => {
      const longer = await decide('ben', 'approve', { duration: 'PT31M' });
      assert.equal(kind(longer), 'too-long');
      assert.match(longer.body.detail, /^30 min was asked for/);
      const { body } = await decide('ben', 'approve', { duration: 'PT30M' });
      assert.equal(body.decisions[0]!.duration, undefined);
    });

    it('a denial has no duration', async () => {
      assert.equal(kind(await decide('ben', 'deny', { duration: 'PT15M' })), 'invalid-request');
    });

    it('of several approvals the shortest counts, whichever came first', async () => {
      for (const [first, second] of [
        [{ duration: 'PT10M' }, {}],
        [{ duration: 'PT20M' }, { duration: 'PT10M' }],
        [{ duration: 'PT10M' }, { duration: 'PT20M' }],
      ]) {
        pending = await askedFor('PT30M', 'fix-with-two');
        assert.equal((await decide('ben', 'approve', first)).body.state, 'pending');
        const { body } = await decide('eva', 'approve', second);
        const { body: grant } = await world.call<Grant>('ana', 'GET', `/v1/grants/${body.grantId}`);
        assert.equal(grant.duration, 'PT10M');
      }
    });

    it('a duration that somebody changed in the database makes nobody’s approval of it', async () => {
      pending = await askedFor('PT30M', 'fix-with-two');
      await decide('ben', 'approve', { duration: 'PT10M' });
      // Whoever owns the table takes the shortening away.
      await asOwner(
        world,
        `update daypass.decision set duration_s = null where request_id = '${pending.id}'`,
      );
      assert.deepEqual((await seen('eva')).decisions, []);
      assert.equal((await decide('eva', 'approve')).body.state, 'pending');
    });
  });

  describe('with twenty approvers and a quorum of two', () => {
    it('two of them count, whoever presses when', async () => {
      pending = await askedFor('PT30M', 'fix-with-two');
      const answers = await Promise.all(leads.map(({ id }) => decide(id, 'approve')));
      assert.deepEqual(
        answers.map(kind).sort(),
        [201, 201, ...Array.from({ length: 18 }, () => 'too-late')].sort(),
      );
      const { state, decisions } = await seen('ana');
      assert.equal(state, 'approved');
      assert.equal(new Set(decisions.map(({ by }) => by.id)).size, 2);
      assert.equal((await recorded('grant approved')).length, 1);
    });

    it('who has approved looks at it no more', async () => {
      pending = await askedFor('PT30M', 'fix-with-two');
      await claim('ben');
      assert.equal((await decide('ben', 'approve')).body.claim, undefined);
      await claim('lead-1');
      assert.equal((await decide('eva', 'approve')).body.state, 'approved');
    });
  });

  describe('a template that changes while a request waits', () => {
    const file = () => join(world.templates, 'changing.yaml');
    /** Writes the template anew, or removes it, and waits until the broker has it. */
    const becomes = async (text: string | undefined) => {
      const stream = await openStream(world.url, await world.token('ana'));
      await (text === undefined ? rm(file()) : writeFile(file(), text));
      await stream.nextOf('templates');
      stream.close();
    };
    const asItWas = async () => {
      const was = await readFile(file(), 'utf8').catch(() => undefined);
      if (was !== changing) await becomes(changing);
    };
    beforeEach(async () => {
      await asItWas();
      pending = await askedFor('PT30M', 'changing');
    });
    after(asItWas);
    const approve = (who: Name, digest: string) =>
      world.call<Said>(who, 'POST', path('/decisions'), {
        key: newKey(),
        body: { verdict: 'approve', digest },
      });

    it('is shown with the difference, and an approval needs a new look', async () => {
      await becomes(
        changing
          .replace('[select on sales.orders, update on sales.orders]', '[select on sales.orders]')
          .replace('longest: PT1H', 'longest: PT20M')
          .replace('default: PT30M', 'default: PT20M'),
      );
      const shown = await seen('ben');
      assert.deepEqual(shown.templateNow, {
        is: 'changed',
        changes: [
          'No longer allows: update sales.orders',
          'Longest: 20 min (was 1 h)',
          'What was asked for is longer than it allows now',
          'Usual: 20 min (was 30 min)',
        ],
        allowsLess: true,
      });
      assert.deepEqual((await seen('ana')).templateNow, shown.templateNow);
      assert.notEqual(shown.digest, pending.digest);
      const old = await approve('ben', pending.digest);
      assert.equal(kind(old), 'changed-meanwhile');
      assert.match(old.body.detail, /^The template changed since you looked/);

      // What is approved is what was asked for, by somebody who saw how it differs.
      const { body } = await approve('ben', shown.digest);
      assert.equal(body.state, 'approved');
      assert.deepEqual(body.template.allows, ['read sales.orders', 'update sales.orders']);
      assert.equal(body.templateNow, undefined);
      const decided = await recorded('request approved');
      assert.equal(decided.length, 1);
    });

    it('a change of nothing but words is told too; put back, the first look counts again', async () => {
      await becomes(changing.replace('title: Change orders', 'title: Mend orders'));
      const { templateNow, digest } = await seen('ben');
      assert.deepEqual(templateNow, {
        is: 'changed',
        changes: ['Title: Mend orders (was Change orders)'],
        allowsLess: false,
      });
      await becomes(changing);
      assert.equal(kind(await approve('ben', digest)), 'changed-meanwhile');
      assert.equal(kind(await approve('ben', pending.digest)), 201);
    });

    it('one that was removed is said, cannot be approved, and can be denied', async () => {
      await becomes(undefined);
      const { templateNow, digest } = await seen('ben');
      assert.deepEqual(templateNow, { is: 'gone' });
      assert.equal(kind(await approve('ben', pending.digest)), 'changed-meanwhile');
      assert.equal(kind(await approve('ben', digest)), 'template-gone');
      const denied = await world.call<Said>('ben', 'POST', path('/decisions'), {
        key: newKey(),
        body: { verdict: 'deny', digest, comment: 'It is gone' },
      });
      assert.equal(denied.body.state, 'denied');
    });
  });

  describe('what is shown besides', () => {
    it('the target’s own terms, and the ticket as a link that the ticket cannot turn elsewhere', async () => {
      const { terms } = await seen('ben');
      assert.deepEqual(terms, [
        'SELECT ON sales.orders',
        'UPDATE (status, updated_at) ON sales.orders',
        'CONNECTION LIMIT 10',
      ]);
      pending = await askedFor('PT30M', 'changing', '../..//evil.example/?@#é');
      assert.equal(
        (await seen('ben')).ticketLink,
        'https://issues.shop.example/browse/..%2F..%2F%2Fevil.example%2F%3F%40%23%C3%A9?from=daypass',
      );
    });
  });
});
