import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Grant } from '../../src/contract/grants.ts';
import type { Problem } from '../../src/contract/problems.ts';
import type { AccessRequest, Outlook } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { eventually } from './support/eventually.ts';
import { newKey, newSecret, startWorld, type Name, type World } from './support/world.ts';

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
        named('lea', 'payments-leads'),
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

  describe('judges a request again when the last approval would give it', () => {
    const approve = (request: AccessRequest, name: Name = 'ben') =>
      world.call<AccessRequest & Problem>(name, 'POST', `/v1/requests/${request.id}/decisions`, {
        key: newKey(),
        body: { verdict: 'approve', digest: request.digest },
      });
    const waiting = async (name: Name, id = 'asked') => {
      const { status, body } = await ask(name, id);
      assert.deepEqual([status, body.state], [201, 'pending'], body.detail);
      return body;
    };
    const refused = async (request: AccessRequest, words: RegExp, name: Name = 'ben') => {
      const { status, body } = await approve(request, name);
      assert.deepEqual([status, body.type], [403, 'https://daypass.dev/problems/refused-by-policy']);
      assert.match(body.detail, words);
      const { body: after } = await world.call<AccessRequest>('ana', 'GET', `/v1/requests/${request.id}`);
      assert.deepEqual(after, request, 'nothing changed');
    };
    const holds = async (text: string, isSo: (outlook: Outlook) => boolean) => {
      await policy(text);
      await eventually(async () => (isSo(await outlook('tom', 'asked')) ? true : undefined));
    };
    const free = (now: Outlook) => now.is === 'asked';

    beforeEach(async () => {
      await holds('freezes: []', free);
      await eventually(async () => ((await outlook('tom', 'short')).is === 'refused' ? undefined : true));
      for (const name of ['ana', 'eva', 'kim', 'tom', 'ben']) {
        const { requests } = (
          await world.call<{ requests: AccessRequest[] }>(name, 'GET', '/v1/requests?which=open')
        ).body;
        for (const { id, may } of requests)
          if (may.withdraw) await world.call(name, 'POST', `/v1/requests/${id}/withdraw`);
        const { grants } = (await world.call<{ grants: Grant[] }>(name, 'GET', '/v1/grants')).body;
        for (const { id, may } of grants) if (may.end) await end(id, name);
      }
    });
    /** Caps that hold: a freeze of another template, written with them, shows it. */
    const capped = async (caps: string) => {
      await policy(
        `caps: { shop: ${caps} }\nfreezes: [{ reason: The caps hold, from: 2026-01-01T00:00Z, until: 2099-01-01T00:00Z, except: [asked, read-orders, rare] }]`,
      );
      await eventually(async () => ((await outlook('tom', 'short')).is === 'refused' ? true : undefined));
    };

    it('by the cap of one person', async () => {
      await capped('{ of_person: 1 }');
      const [first, second, third] = [await waiting('ana'), await waiting('ana'), await waiting('ana')];
      const { body } = await approve(first);
      assert.equal(body.state, 'approved');
      const words =
        /^ana has 1 access at this target already, the most that one person may have at once, so nothing was approved\. The request waits until 20.* UTC: approve it once one has ended or was revoked, or deny it\.$/;
      await refused(second, words);
      await refused(third, words);
      assert.equal((await approve(await waiting('eva'))).body.state, 'approved', 'of whoever asked');
      await end(body.grantId);
      assert.equal((await approve(second)).body.state, 'approved');
    });

    it('by the cap of all people', async () => {
      await capped('{ in_total: 1 }');
      const [first, second] = [await waiting('ana'), await waiting('eva')];
      const { body } = await approve(first);
      const { status, body: answer } = await approve(second);
      assert.equal(status, 403);
      assert.match(
        answer.detail,
        /^There is 1 access at this target already, the most that may be at once, so/,
      );
      await end(body.grantId);
      assert.equal((await approve(second)).body.state, 'approved');
    });

    for (const caps of ['{ of_person: 1 }', '{ in_total: 1 }'])
      it(`one after the other where two approve at once: ${caps}`, async () => {
        await capped(caps);
        for (let round = 0; round < 4; round += 1) {
          const requests = [await waiting('ana'), await waiting('ana')];
          const answers = await Promise.all(
            requests.map((one, at) => approve(one, at === 0 ? 'ben' : 'lea')),
          );
          assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 403]);
          for (const [at, { body, status }] of answers.entries()) {
            if (status === 201) await end(body.grantId);
            else await world.call('ana', 'POST', `/v1/requests/${String(requests[at]?.id)}/withdraw`);
          }
        }
      });

    it('by a freeze that has begun since; what was approved before can be used', async () => {
      const [before, request, except] = [
        await waiting('ana'),
        await waiting('ana'),
        await waiting('ana', 'rare'),
      ];
      const { body } = await approve(before);
      const freeze = (until: string) =>
        `freezes: [{ reason: The year is being closed, from: 2026-01-01T00:00Z, until: ${until}, except: [short] }]`;
      await holds(freeze('2099-01-01T00:00Z'), (now) => !free(now));
      await refused(
        request,
        /^Frozen until 2099-01-01 00:00 UTC: “The year is being closed”\. Nothing is given there before, so nothing was approved\. The request waits until 20.* UTC, which is before that: deny it, with a word on when to ask again\.$/,
      );
      assert.equal(
        (await approve(except)).body.state,
        'pending',
        'an approval short of the quorum gives nothing',
      );
      const { verifier } = await newSecret();
      const opened = await world.call('ana', 'POST', `/v1/grants/${String(body.grantId)}/leases`, {
        key: newKey(),
        body: { kind: 'postgresql', verifier },
      });
      assert.equal(opened.status, 201, JSON.stringify(opened.body));
      await holds('freezes: []', free);
      assert.equal((await approve(request)).body.state, 'approved');
    });
  });

  it('tells nobody about templates that are not theirs', async () => {
    const answer = await world.call<Problem>('ana', 'GET', `/v1/templates/none/outlook?duration=PT10M`);
    assert.equal(answer.status, 404);
    assert.equal((await world.call('ana', 'GET', `/v1/templates/asked/outlook?duration=never`)).status, 400);
  });
});
