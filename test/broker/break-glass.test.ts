import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { findPostmaster } from '../../src/broker/store/embedded-postmaster.ts';
import type { Grant } from '../../src/contract/grants.ts';
import type { IssuedLease } from '../../src/contract/leases.ts';
import type { Problem } from '../../src/contract/problems.ts';
import type { AccessRequest, Outlook } from '../../src/contract/requests.ts';
import type { Delivery } from '../../src/contract/telling.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import type { TokenWishes } from '../../src/sandbox/provider/exchange.ts';
import { ana, ben, carol, dan, type Person } from '../../src/sandbox/provider/people.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/postgres.ts';
import { startReceiver, type Receiver } from './support/receivers.ts';
import { newKey, newSecret, startWorld, type Answer, type Name, type World } from './support/world.ts';

const eva: Person = { ...ben, id: 'eva', name: 'Eva Kranz', groups: ['payments-leads'] };
const finn: Person = { ...ana, id: 'finn', name: 'Finn Aalto', groups: ['engineering'] };

const template = (name: string, more: string, privilege = 'select on sales.orders') => `
template: ${name}
title: Fix orders, ${name}
summary: Update the status of orders, read orders. Nothing else.
target: shop
scope:
  privileges: ['${privilege}']
duration: { default: PT30M, longest: PT1H }
request: { by: [engineering] }
${more}
`;
const approve = 'approve: { by: [payments-leads] }';
const notify = 'notify: [{ tell: hook }, { after: PT3M, tell: other }, { after: PT8M, tell: third }]';

/** Access without waiting for approval: loud, short, one at a time, and owed a look afterwards. */
describe('Breaking the glass', function () {
  this.timeout(60_000);
  let world: World;
  const hooks: Receiver[] = [];
  let signedInAgo = 0;
  let metrics = 0;

  before(async () => {
    hooks.push(await startReceiver(), await startReceiver(), await startReceiver());
    process.env['GLASS_HOOK'] = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const channel = (name: string, at: number) =>
      `  ${name}: { kind: webhook, url: '${String(hooks[at]?.url)}', secrets: [{ env: GLASS_HOOK }] }`;
    metrics = await freePort();
    world = await startWorld({
      accessTokenTtl: 3600,
      mostOpen: 100,
      signInAt: () => new Date(Date.now() - signedInAgo * 1000),
      people: [ana, ben, carol, dan, eva, finn],
      configuration: `metrics: 127.0.0.1:${metrics}\nchannels:\n${['hook', 'other', 'third'].map(channel).join('\n')}\n`,
      templates: {
        'now.yaml': template('now', `${approve}\nbreak_glass: { by: [oncall], longest: PT10M, acr: [pwd] }`),
        'twin.yaml': template(
          'twin',
          `${approve}\nbreak_glass: { by: [oncall], longest: PT10M, acr: [pwd] }`,
        ),
        'other.yaml': template(
          'other',
          `${approve}\nbreak_glass: { by: [oncall], longest: PT10M, acr: [pwd] }`,
          'select (id) on sales.orders',
        ),
        'usual.yaml': template(
          'usual',
          'approve: { by: [payments-leads], number: 2 }\nbreak_glass: { by: [oncall], longest: PT10M, acr: [pwd] }',
        ),
        'later.yaml': template(
          'later',
          `${approve}\nbreak_glass: { by: [oncall], after: PT10M, longest: PT10M, acr: [pwd] }`,
        ),
        'two.yaml': template(
          'two',
          'approve: { by: [payments-leads], number: 2 }\nbreak_glass: { by: [oncall], longest: PT10M, acr: [pwd] }',
        ),
        'strong.yaml': template(
          'strong',
          `${approve}\nbreak_glass: { by: [oncall], longest: PT10M, acr: [mfa] }`,
        ),
        'loud.yaml': template(
          'loud',
          `${approve}\nbreak_glass: { by: [oncall], longest: PT10M, acr: [pwd] }\n${notify}`,
        ),
        'never.yaml': template('never', approve),
        'changing.yaml': template(
          'changing',
          `${approve}\nbreak_glass: { by: [oncall], longest: PT10M, acr: [pwd] }`,
        ),
      },
    });
  });
  after(async () => {
    await world.stop();
    for (const hook of hooks) await hook.close();
  });

  const call = async <T>(
    name: Name,
    method: string,
    path: string,
    more: { body?: unknown; key?: string; wishes?: TokenWishes } = {},
  ): Promise<Answer<T & Problem>> => {
    const { wishes, ...rest } = more;
    if (!wishes) return world.call<T & Problem>(name, method, path, rest);
    const { accessToken } = await world.provider.tokenFor(name, wishes);
    return world.call<T & Problem>(undefined, method, path, {
      ...rest,
      headers: { authorization: `Bearer ${accessToken}` },
    });
  };
  const ask = async (id: string, name: Name = 'ana') => {
    const { templates } = (await call<TemplateList>(name, 'GET', '/v1/templates')).body;
    const templateDigest = templates.find((one) => one.id === id)?.digest;
    const answer = await call<AccessRequest>(name, 'POST', '/v1/requests', {
      key: newKey(),
      body: { template: id, templateDigest, duration: 'PT30M', reason: 'Orders of customer 7 are stuck' },
    });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const reason = 'Checkout is down and nobody answers';
  const smash = (
    { id, digest }: Pick<AccessRequest, 'id' | 'digest'>,
    { name = 'ana', key = newKey(), wishes = {} }: { name?: Name; key?: string; wishes?: TokenWishes } = {},
  ) =>
    call<AccessRequest>(name, 'POST', `/v1/requests/${id}/break-glass`, {
      key,
      body: { digest, reason },
      wishes,
    });
  const grantOf = async (request: AccessRequest, name: Name = 'ana') =>
    (await call<Grant>(name, 'GET', `/v1/grants/${String(request.grantId)}`)).body;
  const end = (grant: Pick<Grant, 'id'>) => call<Grant>('ana', 'POST', `/v1/grants/${grant.id}/end`);
  const signOff = (grant: Pick<Grant, 'id'>, name: Name = 'ben') =>
    call<Grant>(name, 'POST', `/v1/grants/${grant.id}/review`, {
      body: { comment: 'It was down, and rightly done' },
    });
  const refused = ({ status, body }: Answer<Problem>, kind: string, words: RegExp, expected = 403) => {
    assert.equal(status, expected, JSON.stringify(body));
    assert.equal(body.type, `https://daypass.dev/problems/${kind}`);
    assert.match(body.detail, words);
  };
  /** Leaves nothing open and nothing owed. */
  const afterwards = async (broken: AccessRequest) => {
    const grant = await grantOf(broken);
    await end(grant);
    assert.equal((await signOff(grant)).status, 200);
  };

  it('is offered before somebody asks, to those who may, and to nobody else', async () => {
    const outlook = async (name: Name) =>
      (await call<Outlook>(name, 'GET', '/v1/templates/later/outlook?duration=PT30M')).body;
    const offered = await outlook('ana');
    assert.ok(offered.is === 'asked');
    assert.deepEqual(offered.breakGlass, { by: ['oncall'], after: 'PT10M', longest: 'PT10M' });
    const not = await outlook('finn');
    assert.ok(not.is === 'asked' && not.breakGlass === undefined);
  });

  it('gives access at once: shorter than asked for, on record, and with a terminal that opens', async () => {
    const request = await ask('now');
    assert.ok(Math.abs(Date.parse(String(request.breakableFrom)) - Date.parse(request.createdAt)) < 1000);
    const broken = await smash(request);
    assert.equal(broken.status, 201, JSON.stringify(broken.body));
    assert.equal(broken.body.state, 'approved');
    assert.equal(broken.body.brokenGlass?.reason, reason);
    const grant = await grantOf(broken.body);
    assert.equal(grant.duration, 'PT10M');
    assert.deepEqual(grant.approvedBy, []);
    assert.equal(grant.brokenGlass?.reason, reason);
    const { password, verifier } = await newSecret();
    const issued = await call<IssuedLease>('ana', 'POST', `/v1/grants/${grant.id}/leases`, {
      key: newKey(),
      body: { kind: 'postgresql', verifier },
    });
    assert.equal(issued.status, 201, JSON.stringify(issued.body));
    const client = await world.login(issued.body, password);
    assert.equal((await client.query('select count(*) from sales.orders')).rowCount, 1);
    await client.end();
    await afterwards(broken.body);
  });

  it('is for whoever asked, of a group that may, with a sign-in that cannot be passed on', async () => {
    const request = await ask('now');
    refused(await smash(request, { name: 'ben' }), 'not-allowed', /Only whoever asked/);
    refused(await smash(request, { wishes: { client: 'daypass-device' } }), 'not-allowed', /by code/);
    await call('ana', 'POST', `/v1/requests/${request.id}/withdraw`);
    const other = await ask('now', 'finn');
    assert.equal(other.breakableFrom, undefined);
    refused(await smash(other, { name: 'finn' }), 'refused-by-policy', /cannot be broken for this template/);
    const never = await ask('never');
    refused(await smash(never), 'refused-by-policy', /cannot be broken/);
    for (const one of [other, never])
      await call(one === other ? 'finn' : 'ana', 'POST', `/v1/requests/${one.id}/withdraw`);
  });

  it('not before the time that approvers have, whatever the client thinks', async () => {
    const request = await ask('later');
    refused(await smash(request), 'refused-by-policy', /can be broken in (9 min 5\ds|10 min)/);
    await call('ana', 'POST', `/v1/requests/${request.id}/withdraw`);
  });

  it('takes a sign-in made for it, with the second factor where the template says so', async () => {
    const weak = await ask('strong');
    const answer = await smash(weak);
    refused(answer, 'step-up-needed', /second factor/, 401);
    assert.match(String(answer.headers.get('www-authenticate')), /acr_values="mfa"/);
    signedInAgo = 180;
    const old = await smash(weak, { wishes: { acrValues: 'mfa' } });
    signedInAgo = 0;
    refused(old, 'step-up-needed', /sign-in of the last 2 min; yours is 3 min old/, 401);
    assert.match(String(old.headers.get('www-authenticate')), /max_age=/);
    const strong = await smash(weak, { wishes: { acrValues: 'mfa' } });
    assert.equal(strong.status, 201, JSON.stringify(strong.body));
    await afterwards(strong.body);
  });

  it('once, however often and wherever it is pressed', async () => {
    const request = await ask('now');
    const key = newKey();
    const answers = await Promise.all([
      smash(request, { key }),
      smash(request, { key }),
      smash(request),
      call('ben', 'POST', `/v1/requests/${request.id}/decisions`, {
        key: newKey(),
        body: { verdict: 'approve', digest: request.digest },
      }),
    ]);
    assert.ok(answers.some(({ status }) => status === 201));
    const { grants } = (await call<{ grants: Grant[] }>('ana', 'GET', '/v1/grants?which=recent')).body;
    assert.equal(grants.filter((one) => one.requestId === request.id).length, 1);
    const after = (await call<AccessRequest>('ana', 'GET', `/v1/requests/${request.id}`)).body;
    if (after.brokenGlass) await afterwards(after);
    else await end(await grantOf(after));
  });

  const owed = async () =>
    /^daypass_glass_owed (\d+)$/m.exec(
      await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text(),
    )?.[1];

  it('one at a time; owed until somebody who could have approved it has signed it off', async () => {
    const first = (await smash(await ask('now'))).body;
    assert.equal(await owed(), '1');
    const second = await ask('two');
    refused(await smash(second), 'too-many-pending', /“Fix orders, now”.*One at a time/, 409);
    const grant = await grantOf(first);
    refused(await signOff(grant), 'too-late', /open still/, 409);
    await end(grant);

    refused(await smash(second), 'refused-by-policy', /signed that off.*second person/);
    const seen = (await call<{ grants: Grant[] }>('ben', 'GET', '/v1/grants?which=open')).body.grants;
    assert.equal(seen.find((one) => one.id === grant.id)?.may.review, true);
    const own = (await call<{ grants: Grant[] }>('ana', 'GET', '/v1/grants?which=open')).body.grants;
    assert.equal(own.find((one) => one.id === grant.id)?.may.review, false);
    refused(await signOff(grant, 'ana'), 'not-allowed', /what they did themselves/);
    refused(await signOff(grant, 'carol'), 'not-allowed', /could have approved it/);

    // A second person, who approves what takes two, is enough for the next one.
    const approval = await call<AccessRequest>('eva', 'POST', `/v1/requests/${second.id}/decisions`, {
      key: newKey(),
      body: { verdict: 'approve', digest: second.digest, duration: 'PT5M' },
    });
    assert.equal(approval.body.state, 'pending', JSON.stringify(approval.body));
    const next = await smash(second);
    assert.equal(next.status, 201, JSON.stringify(next.body));
    assert.equal((await grantOf(next.body)).duration, 'PT5M');

    const done = await signOff(grant);
    assert.equal(done.status, 200, JSON.stringify(done.body));
    assert.equal(done.body.brokenGlass?.review?.by.name, 'Ben Roth');
    assert.equal(done.body.may.review, false);
    assert.equal((await signOff(grant)).status, 200, 'the same word once more');
    refused(await signOff(grant, 'eva'), 'too-late', /already/, 409);
    const open = (await call<{ grants: Grant[] }>('ben', 'GET', '/v1/grants?which=open')).body.grants;
    assert.ok(!open.some((one) => one.id === grant.id));
    await afterwards(next.body);
    assert.equal(await owed(), '0');
  });

  it('a sign-off or an earlier moment that somebody wrote into the database counts for nothing', async () => {
    const first = (await smash(await ask('now'))).body;
    const grant = await grantOf(first);
    await end(grant);
    const next = await ask('later');
    const state = join(world.folder, 'state');
    const owner = new pg.Client({
      host: '127.0.0.1',
      port: (await findPostmaster(join(state, 'data')))!.port,
      user: 'daypass_owner',
      password: (await readFile(join(state, 'owner.password'), 'utf8')).trim(),
      database: 'daypass',
    });
    await owner.connect();
    try {
      await owner.query(
        `insert into daypass.review select $1, id, 'all was well', now(), 'x' from daypass.person where subject = 'ben'`,
        [grant.id],
      );
      assert.equal(await owed(), '1', 'whoever watches is told that it is owed still');
      const another = await ask('now');
      refused(await smash(another), 'refused-by-policy', /signed that off/);
      await call('ana', 'POST', `/v1/requests/${another.id}/withdraw`);
      await owner.query(
        `update daypass.request set demands = jsonb_set(demands, '{breakGlass,from}', to_jsonb('2020-01-01T00:00:00Z'::text)) where id = $1`,
        [next.id],
      );
      refused(await smash(next), 'not-authentic', /changed its database/, 409);
      await owner.query('delete from daypass.review where grant_id = $1', [grant.id]);
    } finally {
      await owner.end();
    }
    await call('ana', 'POST', `/v1/requests/${next.id}/withdraw`);
    await afterwards(first);
  });

  it('makes no access longer that somebody has already', async () => {
    const first = await ask('now');
    const approved = await call<AccessRequest>('ben', 'POST', `/v1/requests/${first.id}/decisions`, {
      key: newKey(),
      body: { verdict: 'approve', digest: first.digest },
    });
    const again = await ask('now');
    refused(await smash(again), 'refused-by-policy', /does not make it longer/);
    const twin = await ask('twin');
    refused(await smash(twin), 'refused-by-policy', /does not make it longer/);
    await call('ana', 'POST', `/v1/requests/${twin.id}/withdraw`);
    const other = await smash(await ask('other'));
    assert.equal(other.status, 201, 'what gives something else is no extension');
    await afterwards(other.body);
    await end(await grantOf(approved.body));
    const broken = await smash(again);
    assert.equal(broken.status, 201, JSON.stringify(broken.body));
    await afterwards(broken.body);
  });

  it('says nothing of how long approval usually takes', async () => {
    for (let round = 0; round < 5; round += 1) {
      const request = await ask('usual');
      const approval = await call<AccessRequest>('ben', 'POST', `/v1/requests/${request.id}/decisions`, {
        key: newKey(),
        body: { verdict: 'approve', digest: request.digest },
      });
      assert.equal(approval.body.state, 'pending');
      const broken = await smash(request);
      assert.equal(broken.status, 201, JSON.stringify(broken.body));
      await afterwards(broken.body);
    }
    const { body } = await call<Outlook>('ana', 'GET', '/v1/templates/usual/outlook?duration=PT30M');
    assert.ok(body.is === 'asked');
    assert.equal(body.usually, undefined);
  });

  it('is not for what was approved: that needs nobody’s word afterwards', async () => {
    const request = await ask('now');
    const approved = await call<AccessRequest>('ben', 'POST', `/v1/requests/${request.id}/decisions`, {
      key: newKey(),
      body: { verdict: 'approve', digest: request.digest },
    });
    refused(await smash(request), 'too-late', /approved it already/, 409);
    const grant = await grantOf(approved.body);
    await end(grant);
    refused(await signOff(grant), 'too-late', /nothing to sign off/, 409);
  });

  it('tells everybody at once, those whose turn was to come as well', async () => {
    const request = await ask('loud');
    await eventually(() => hooks[0]?.calls[0]);
    const broken = await smash(request);
    assert.equal(broken.status, 201);
    const told = await eventually(() => {
      const types = hooks.map(({ calls }) => calls.map(({ json }) => json['type']));
      return types.flat().length >= 4 ? types : undefined;
    });
    assert.deepEqual(told, [
      ['request.asked', 'request.glass_broken'],
      ['request.glass_broken'],
      ['request.glass_broken'],
    ]);
    const said = hooks[2]?.calls[0]?.json['data'] as { why: string; by: string[] };
    assert.deepEqual([said.why, said.by], [reason, ['Ana Lima']]);
    // A message that was sent is recorded a moment later.
    const recorded = await eventually(async () => {
      const path = `/v1/requests/${request.id}/deliveries`;
      const { deliveries } = (await call<{ deliveries: Delivery[] }>('carol', 'GET', path)).body;
      return deliveries.every(({ state }) => state === 'sent') ? deliveries : undefined;
    });
    assert.deepEqual(recorded.map(({ about }) => about).sort(), [
      'asked',
      ...Array<string>(3).fill('glass broken'),
    ]);
    await afterwards(broken.body);
  });

  it('holds for what was looked at: not under a template that changed or that says otherwise by now', async () => {
    const request = await ask('changing');
    const file = join(world.templates, 'changing.yaml');
    const now = async () => (await call<AccessRequest>('ana', 'GET', `/v1/requests/${request.id}`)).body;
    await writeFile(
      file,
      template('changing', `${approve}\nbreak_glass: { by: [oncall], longest: PT5M, acr: [pwd] }`),
    );
    await eventually(async () => (await now()).templateNow);
    refused(await smash(request), 'changed-meanwhile', /changed since you looked/, 409);
    await writeFile(file, template('changing', approve));
    await eventually(async () => {
      const { templateNow } = await now();
      const changes = templateNow?.is === 'changed' ? templateNow.changes : [];
      return changes.find((line) => /glass: nobody/.test(line));
    });
    refused(await smash(await now()), 'refused-by-policy', /cannot be broken/);
    await call('ana', 'POST', `/v1/requests/${request.id}/withdraw`);
  });
});
