import assert from 'node:assert/strict';
import type { Grant } from '../../src/contract/grants.ts';
import type { Problem } from '../../src/contract/problems.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { newKey, startWorld, type Name, type World } from './support/world.ts';

const template = (id: string, approve: string) => `
template: ${id}
title: Move money
summary: Correct a payment.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT15M, longest: PT30M }
request: { by: [engineering] }
approve: ${approve}
`;
const leads = ['lea', 'leo', 'lia', 'lou'].map((name) => ({ name, groups: ['payments-leads'] }));
/** As many as are looked up at most, and kept out. */
const flock = Array.from({ length: 25 }, (_, n) => ({ name: `flock${n}`, groups: ['oncall', 'newcomers'] }));
const crowd = Array.from({ length: 20 }, (_, n) => ({ name: `crowd${n}`, groups: ['oncall'] }));

describe('a quorum of several people', function () {
  this.timeout(60_000);
  let world: World;
  before(async () => {
    const everybody = [
      { name: 'ana', groups: ['engineering', 'payments-leads'] },
      ...leads,
      { name: 'sue', groups: ['security'] },
      { name: 'max', groups: ['security', 'payments-leads'] },
      { name: 'zoe', groups: ['payments-leads', 'newcomers'] },
      ...crowd,
      ...flock,
    ];
    world = await startWorld({
      people: everybody.map(({ name, groups }) => ({
        id: name,
        name,
        groups,
        role: '',
        hint: '',
      })),
      templates: {
        'two.yaml': template('two', '{ by: [payments-leads], number: 2, never: [newcomers] }'),
        'both.yaml': template('both', '{ all_of: [{ by: [payments-leads] }, { by: [security] }] }'),
        'kept.yaml': template('kept', '{ by: [oncall], never: [newcomers] }'),
        'crowded.yaml': template('crowded', '{ by: [oncall], number: 3 }'),
      },
    });
  });
  after(() => world.stop());

  const ask = async (id: string) => {
    const { body: list } = await world.call<TemplateList>('ana', 'GET', '/v1/templates');
    const { body, status } = await world.call<AccessRequest>('ana', 'POST', '/v1/requests', {
      key: newKey(),
      body: {
        template: id,
        templateDigest: list.templates.find((one) => one.id === id)?.digest,
        duration: 'PT15M',
        reason: 'A payment went to the wrong account',
      },
    });
    assert.equal(status, 201);
    return body;
  };
  const decide = (name: Name, { id, digest }: AccessRequest, verdict: 'approve' | 'deny' = 'approve') =>
    world.call<AccessRequest & Problem>(name, 'POST', `/v1/requests/${id}/decisions`, {
      key: newKey(),
      body: { verdict, digest, ...(verdict === 'deny' ? { comment: 'Not like this' } : {}) },
    });
  const read = async (name: Name, { id }: AccessRequest) =>
    (await world.call<AccessRequest>(name, 'GET', `/v1/requests/${id}`)).body;

  it('waits for the second one, and everybody sees who approved and what is missing', async () => {
    const request = await ask('two');
    assert.deepEqual(request.stillNeeded, [{ number: 2, by: ['payments-leads'] }]);
    assert.equal((await decide('lea', request)).body.state, 'pending');
    const waiting = await read('ana', request);
    assert.deepEqual(waiting.stillNeeded, [{ number: 1, by: ['payments-leads'] }]);
    assert.deepEqual(
      waiting.decisions.map(({ by, verdict }) => [by.name, verdict]),
      [['lea', 'approve']],
    );
    assert.ok(waiting.version > request.version, 'whoever follows it reads it again');
    assert.equal(waiting.grantId, undefined);

    assert.equal((await read('lea', request)).may.decide, false);
    const again = await decide('lea', request);
    assert.deepEqual([again.status, again.body.detail], [409, 'You have decided on this already.']);
    const second = await decide('leo', request);
    assert.equal(second.body.state, 'approved');
    assert.ok(second.body.grantId);
  });

  it('is no use to the requester, nor to whom the template keeps out, whatever they are member of', async () => {
    const request = await ask('two');
    assert.equal((await decide('ana', request)).body.detail, 'Nobody decides on their own request.');
    const out = await decide('zoe', request);
    assert.deepEqual([out.status, out.body.detail], [403, 'Members of newcomers do not decide on this.']);
    assert.equal((await read('zoe', request)).may.decide, false);
    assert.ok(!(await read('lea', request)).askedOf.includes('zoe'));
  });

  it('takes one denial', async () => {
    const request = await ask('two');
    await decide('lea', request);
    assert.equal((await decide('leo', request, 'deny')).body.state, 'denied');
    assert.equal((await decide('lia', request)).status, 409);
  });

  it('of two groups is not met by somebody who is in both, nor by two of one', async () => {
    const request = await ask('both');
    assert.equal((await decide('max', request)).body.state, 'pending');
    assert.equal((await decide('lea', request)).body.state, 'approved');

    const other = await ask('both');
    await decide('lea', other);
    const second = await decide('leo', other);
    assert.equal(second.status, 403);
    assert.match(second.body.detail, /adds nothing: one of security must still approve/);
    const look = (name: Name) =>
      world.call<Problem>(name, 'POST', `/v1/requests/${other.id}/claim`, { body: {} });
    const idle = await look('leo');
    assert.deepEqual(
      [idle.status, idle.body.detail],
      [403, 'Only somebody whose approval brings it further can take it.'],
      'nobody else is kept from it by whoever cannot approve it',
    );
    assert.equal((await look('sue')).status, 200);
    assert.equal((await decide('leo', other, 'deny')).body.state, 'denied');
  });

  it('asks nobody who could add nothing any more; deny they still can', async () => {
    for (const name of ['lea', 'leo', 'lia', 'lou', 'zoe', 'sue', 'max'])
      await world.call(name, 'GET', '/v1/me');
    const request = await ask('both');
    assert.deepEqual(request.askedOf.toSorted(), ['lea', 'leo', 'lia', 'lou', 'max', 'sue', 'zoe']);
    await decide('lea', request);
    const seen = await read('leo', request);
    assert.deepEqual([seen.may.decide, seen.may.approve], [true, false]);
    assert.deepEqual(seen.askedOf.toSorted(), ['max', 'sue']);
    assert.deepEqual((await read('sue', request)).may.approve, true);
    assert.equal((await decide('leo', request, 'deny')).body.state, 'denied');

    // Where somebody in both groups approved, either group brings it further.
    const other = await ask('both');
    await decide('max', other);
    assert.equal((await read('leo', other)).may.approve, true);
    assert.equal((await decide('leo', other)).body.state, 'approved');
    assert.equal((await read('sue', other)).may.approve, false);
  });

  it('names whom it may ask, however many are kept out', async () => {
    const request = await ask('kept');
    await read('crowd0', request);
    await Promise.all(flock.map(({ name }) => world.call(name, 'GET', '/v1/me')));
    assert.deepEqual((await read('ana', request)).askedOf, ['crowd0']);
    await decide('crowd0', request);
  });

  it('decides once, whoever presses at the same moment', async () => {
    const request = await ask('crowded');
    const answers = await Promise.all(crowd.map(({ name }) => decide(name, request)));
    const taken = answers.filter(({ status }) => status === 201);
    assert.equal(taken.length, 3);
    assert.ok(answers.every(({ status }) => status === 201 || status === 409));
    const after = await read('ana', request);
    assert.deepEqual([after.state, after.decisions.length], ['approved', 3]);
    const { body } = await world.call<{ grants: Grant[] }>('ana', 'GET', '/v1/grants');
    assert.equal(body.grants.filter(({ requestId }) => requestId === request.id).length, 1);
  });
});
