import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Grant } from '../../src/contract/grants.ts';
import type { Problem } from '../../src/contract/problems.ts';
import type { AccessRequest, Outlook } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { eventually } from './support/eventually.ts';
import { newKey, startWorld, type Name, type World } from './support/world.ts';

const template = (id: string, approve: string) => `
template: ${id}
title: Look at orders
summary: Look at orders.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT10M, longest: PT1H }
request: { by: [engineering] }
approve: ${approve}
`;
const everyHour = `{ days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", until: "24:00" }`;

describe('policy', function () {
  this.timeout(60_000);
  let world: World;
  before(async () => {
    const named = (name: string, ...groups: string[]) => ({ id: name, name, groups, role: '', hint: '' });
    world = await startWorld({
      mostOpen: 100,
      people: [
        ...['ana', 'eva', 'kim', 'tom'].map((name) => named(name, 'engineering')),
        named('ben', 'engineering', 'payments-leads'),
        named('new', 'security', 'newcomers'),
      ],
      templates: {
        'short.yaml': template(
          'short',
          `{ by: [payments-leads], automatic: [{ up_to: PT15M, hours: ${everyHour}, a_day: { of_person: 1, in_total: 3 } }] }`,
        ),
        'asked.yaml': template('asked', '{ by: [payments-leads] }'),
        'rare.yaml': template(
          'rare',
          '{ all_of: [{ by: [payments-leads], number: 2 }, { by: [security] }], never: [newcomers] }',
        ),
      },
    });
  });
  after(() => world.stop());

  const policy = (text: string) => writeFile(join(world.templates, 'policy.yaml'), text);
  const ask = async (name: Name, id: string, duration = 'PT10M') => {
    const { body: list } = await world.call<TemplateList>(name, 'GET', '/v1/templates');
    return world.call<AccessRequest & Problem>(name, 'POST', '/v1/requests', {
      key: newKey(),
      body: {
        template: id,
        templateDigest: list.templates.find((one) => one.id === id)?.digest,
        duration,
        reason: 'Order 4711 is stuck',
      },
    });
  };
  const outlook = async (name: Name, id: string, duration = 'PT10M') =>
    (await world.call<Outlook>(name, 'GET', `/v1/templates/${id}/outlook?duration=${duration}`)).body;
  const end = (id: string | undefined, name: Name = 'ana') =>
    world.call(name, 'POST', `/v1/grants/${String(id)}/end`);

  it('approves automatically what is short, so often a day, and says before whom else it is up to', async () => {
    const words = `up to 15 min, every day, 00:00 to 24:00 (UTC)`;
    assert.deepEqual(await outlook('ana', 'short'), { is: 'approved', why: words });
    const { body } = await ask('ana', 'short');
    assert.deepEqual([body.state, body.automatic, body.stillNeeded], ['approved', words, []]);
    const { body: grant } = await world.call<Grant>('ana', 'GET', `/v1/grants/${String(body.grantId)}`);
    assert.deepEqual([grant.automatic, grant.approvedBy], [words, []]);
    const { status } = await world.call('ben', 'GET', `/v1/requests/${body.id}`);
    assert.equal(status, 200, 'whoever would have been asked sees it');

    await world.call('ben', 'GET', '/v1/me');
    const again = await outlook('ana', 'short');
    assert.deepEqual(again, {
      is: 'asked',
      needs: [{ number: 1, by: ['payments-leads'] }],
      people: ['ben'],
      notAutomatic: ['approved automatically once within 24 hours already'],
    });
    assert.equal((await ask('ana', 'short')).body.state, 'pending');
    assert.equal((await ask('ben', 'short', 'PT20M')).body.state, 'pending');
  });

  it('says before whom nobody has seen here yet: never the requester, nor who is kept out', async () => {
    await world.call('new', 'GET', '/v1/me');
    const needs = [
      { number: 2, by: ['payments-leads'] },
      { number: 1, by: ['security'] },
    ];
    const rest = { is: 'asked', needs, notAutomatic: [] };
    assert.deepEqual(await outlook('ben', 'rare'), { ...rest, people: [], missing: needs });
    assert.deepEqual(await outlook('ana', 'rare'), {
      ...rest,
      people: ['ben'],
      missing: [{ ...needs[0], number: 1 }, needs[1]],
    });
  });

  it('counts those who ask at the same moment one after the other', async () => {
    const answers = await Promise.all(['eva', 'kim', 'tom'].map((name) => ask(name, 'short')));
    assert.deepEqual(answers.map(({ body }) => body.state).sort(), ['approved', 'approved', 'pending']);
  });

  it('says how long it usually takes once it was decided often enough', async () => {
    for (let round = 0; round < 5; round += 1) {
      const before = await outlook('ana', 'asked');
      assert.ok(before.is === 'asked' && before.usually === undefined);
      const { body } = await ask('ana', 'asked');
      const decided = await world.call<AccessRequest>('ben', 'POST', `/v1/requests/${body.id}/decisions`, {
        key: newKey(),
        body: { verdict: 'approve', digest: body.digest },
      });
      await end(decided.body.grantId);
    }
    const after = await outlook('ana', 'asked');
    assert.ok(after.is === 'asked');
    assert.match(after.usually ?? '', /^PT\d+S$/);
  });

  it('freezes at once what is written into its file, with the reason, and gives again when it is taken out', async () => {
    await policy(`
freezes:
  - reason: The year is being closed
    from: 2026-01-01T00:00Z
    until: 2099-01-01T00:00Z
    except: [short]
`);
    const frozen = await eventually(async () => {
      const now = await outlook('ana', 'asked');
      return now.is === 'refused' ? now : undefined;
    });
    assert.match(frozen.why, /^Frozen until 2099-01-01 00:00 UTC: “The year is being closed”/);
    const { status, body } = await ask('ana', 'asked');
    assert.deepEqual(
      [status, body.type.split('/').at(-1), body.detail],
      [403, 'refused-by-policy', frozen.why],
    );
    assert.equal((await outlook('ana', 'short')).is, 'asked');
    await policy('freezes: []');
    await eventually(async () => ((await outlook('ana', 'asked')).is === 'asked' ? true : undefined));
  });

  it('caps what one person may have at a target', async () => {
    const grants = (await world.call<{ grants: Grant[] }>('ana', 'GET', '/v1/grants')).body.grants;
    for (const grant of grants) await end(grant.id);
    await policy('caps: { shop: { of_person: 1 } }');
    await eventually(async () => {
      const { body } = await ask('ana', 'read-orders');
      if (body.state === 'approved') {
        const second = await ask('ana', 'read-orders');
        await end(body.grantId);
        if (second.status === 403) {
          assert.match(second.body.detail, /^You have 1 access at this target already, the most/);
          return true;
        }
        await end(second.body.grantId);
      }
      return undefined;
    });
  });

  it('tells nobody about templates that are not theirs', async () => {
    const answer = await world.call<Problem>('ana', 'GET', `/v1/templates/none/outlook?duration=PT10M`);
    assert.equal(answer.status, 404);
    assert.equal((await world.call('ana', 'GET', `/v1/templates/asked/outlook?duration=never`)).status, 400);
  });
});
