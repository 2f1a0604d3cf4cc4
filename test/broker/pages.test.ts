import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Grant } from '../../src/contract/grants.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { Template } from '../../src/contract/templates.ts';
import { people as everybody, type Person } from '../../src/sandbox/provider/people.ts';
import { eventually } from './support/eventually.ts';
import { formOf, offers, Visitor, type Form, type Page } from './support/visitor.ts';
import { inState, newKey, startWorld, type Name, type World } from './support/world.ts';

const markup = `<script>alert(1)</script><img src=x onerror=alert(1)>"'&amp;`;
const eva: Person = { id: 'eva', name: 'Eva Lang', groups: ['payments-leads'], role: 'Lead', hint: '' };
/** Whose own name is an attack. */
const mal: Person = {
  id: 'mal',
  name: `Mal <b onclick="alert(1)">Ory</b>`,
  groups: ['engineering'],
  role: 'Engineer',
  hint: '',
};

const guarded = `
template: guarded
title: Read orders with care
summary: Read orders.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT15M, longest: PT30M }
request: { by: [engineering], ticket: { pattern: 'INC-\\d+', required: true } }
approve: { by: [payments-leads], mfa: { acr: [mfa] } }
break_glass: { by: [oncall], longest: PT5M }
revoke: { by: [payments-leads] }
`;

describe('The pages of the broker', function () {
  this.timeout(60_000);
  let world: World;
  let ben: Visitor;
  before(async () => {
    world = await startWorld({
      pages: true,
      people: [...everybody, eva, mal],
      templates: { 'guarded.yaml': guarded },
      limits: { address: 400, person: 400 },
    });
    for (const who of ['ben', 'eva']) await world.call(who, 'GET', '/v1/me');
    ben = new Visitor(world.url);
    await ben.signIn('ben');
  });
  after(() => world.stop());
  afterEach(async () => {
    for (const who of ['ana', 'mal'])
      for (const { id, may } of await requestsOf(who))
        if (may.withdraw) await world.call(who, 'POST', `/v1/requests/${id}/withdraw`);
  });

  const requestsOf = async (who: Name) =>
    (await world.call<{ requests: AccessRequest[] }>(who, 'GET', '/v1/requests')).body.requests;
  const read = async (id: string, who: Name = 'carol') =>
    (await world.call<AccessRequest>(who, 'GET', `/v1/requests/${id}`)).body;
  const ask = async (
    who: Name = 'ana',
    reason = 'Order 4711 is stuck after a payment retry',
    template = 'fix-status',
  ) => {
    const { templates } = (await world.call<{ templates: Template[] }>(who, 'GET', '/v1/templates')).body;
    const { digest } = templates.find(({ id }) => id === template)!;
    const body = {
      template,
      templateDigest: digest,
      duration: 'PT30M',
      reason,
      ticket: 'INC-2231',
    };
    const made = await world.call<AccessRequest>(who, 'POST', '/v1/requests', { body, key: newKey() });
    assert.equal(made.status, 201);
    return made.body.id;
  };
  const eventsOf = async (id: string) =>
    inState(world, async (client) => {
      const { rows } = await client.query<{ action: string; detail: object }>(
        `select action, detail - 'digest' - 'activateBy' as detail from daypass.audit_event
         where request_id = $1 order by at, id`,
        [id],
      );
      return rows;
    });
  const attempts = async (who: Name) =>
    inState(world, async (client) => {
      const { rows } = await client.query<{ detail: Record<string, unknown> }>(
        `select e.detail from daypass.audit_event e join daypass.person p on p.id = e.actor
         where e.action = 'attempt refused' and p.subject = $1 order by e.at, e.id`,
        [who],
      );
      return rows.map(({ detail }) => detail);
    });
  const signedOut = (page: Page) => {
    assert.match(page.text, /<h1>Sign in<\/h1>/);
    assert.doesNotMatch(page.text, /4711|Ana|order|shop|Signed in as/i);
  };

  describe('for whoever is not signed in', () => {
    it('say "Sign in" and nothing else, whatever there is at the address, however it is fetched', async () => {
      const id = await ask();
      const visitor = new Visitor(world.url);
      const addresses = [id, randomUUID(), 'x', '%00', '..%2f..%2fetc'].map((name) => `/requests/${name}`);
      const shown = await Promise.all(
        [...addresses, '/requests', '/'].map((address) => visitor.open(address)),
      );
      for (const page of shown) {
        assert.equal(page.status, 200);
        signedOut(page);
        assert.doesNotMatch(page.text, /og:|twitter:|description|itemprop|<img|<script/);
      }
      const same = (page: Page) => page.text.replace(/to=[^"]*/, 'to=');
      assert.deepEqual(new Set(shown.map(same)).size, 1);
      for (const method of ['GET', 'HEAD']) {
        for (const agent of ['Slackbot-LinkExpanding 1.0', 'facebookexternalhit/1.1'])
          await visitor.open(`/requests/${id}`, { method, headers: { 'user-agent': agent } });
        await visitor.open(`/requests/${id}/approve`, { method });
        await ben.open(`/requests/${id}`, { method, headers: { purpose: 'prefetch' } });
        await ben.open(`/requests/${id}/approve`, { method });
      }
      assert.equal((await read(id)).state, 'pending');
      assert.deepEqual(
        (await eventsOf(id)).map(({ action }) => action),
        ['request created'],
      );
    });

    it('cannot be shown in a frame, run nothing, load nothing, stay in no cache and lead nobody back', async () => {
      const id = await ask();
      const pages = [
        await new Visitor(world.url).open(`/requests/${id}`),
        await new Visitor(world.url).open('/signed-in?error=access_denied'),
        await new Visitor(world.url).open('/sign-in', { follow: false }),
        await ben.open(`/requests/${id}`),
        await ben.open('/requests'),
        await ben.open(`/requests/${randomUUID()}`),
      ];
      for (const { headers, url, text } of pages) {
        const policy = headers.get('content-security-policy') ?? '';
        for (const part of [
          "default-src 'none'",
          "frame-ancestors 'none'",
          "base-uri 'none'",
          "form-action 'self'",
        ])
          assert.ok(policy.includes(part), `${url.pathname}: ${part}`);
        assert.doesNotMatch(policy, /unsafe|script-src|\*/);
        assert.equal(headers.get('x-frame-options'), 'DENY');
        assert.equal(headers.get('cache-control'), 'no-store');
        assert.equal(headers.get('x-content-type-options'), 'nosniff');
        assert.match(headers.get('x-robots-tag') ?? '', /noindex/);
        // A page with forms tells itself where they come from, and nobody else.
        const hasForm = text.includes('<form');
        assert.equal(headers.get('referrer-policy'), hasForm ? 'same-origin' : 'no-referrer');
      }
    });

    it('do nothing for a form without a sign-in, and say so', async () => {
      const id = await ask();
      const form = formOf(await ben.open(`/requests/${id}`), 'approve');
      const page = await new Visitor(world.url).send(form);
      assert.equal(page.status, 403);
      signedOut(page);
      assert.match(page.text, /nothing was done/);
      assert.equal((await read(id)).state, 'pending');
    });
  });

  describe('for somebody who decides', () => {
    it('show who, what exactly, why, how long and what else is open, and take a word as the API does', async () => {
      const [id, other] = [await ask(), await ask('mal')];
      const page = await ben.open(`/requests/${id}`);
      for (const fact of [
        /<bdi dir="auto">Ana Lima<\/bdi> asks to fix one order&#39;s status on shop/,
        /Order 4711 is stuck after a payment retry/,
        /INC-2231/,
        /30 min, from the first terminal on/,
        /Nobody else is on shop now/,
        /Still needed<\/dt>\s*<dd>one of payments-leads/,
        /The connection to shop is not encrypted/,
        /UPDATE \(status, updated_at\) ON sales\.orders/,
        /Signed in as <b><bdi dir="auto">Ben Roth/,
      ])
        assert.match(page.text, fact);
      const after = await ben.press(page, 'approve');
      assert.equal(after.url.pathname, `/requests/${id}`);
      assert.match(after.text, /Approved/);
      assert.match(after.text, /You approved it/);
      assert.ok(!offers(after, 'approve'));
      assert.equal((await read(id)).state, 'approved');

      const { digest } = await read(other);
      await world.call('ben', 'POST', `/v1/requests/${other}/decisions`, {
        body: { verdict: 'approve', digest },
        key: newKey(),
      });
      const comment = 'It is done already';
      assert.match((await ben.press(after, 'revoke', { comment })).text, /You revoked it/);
      const path = `/v1/grants/${String((await read(other)).grantId)}/revoke`;
      await world.call('ben', 'POST', path, { body: { comment } });
      const [byPage, byApi] = [await eventsOf(id), await eventsOf(other)];
      assert.ok(byPage.length > 3);
      assert.deepEqual(byPage, byApi);
    });

    it('let whoever has it end it, wherever their editor is, and nobody else', async () => {
      const id = await ask();
      const address = `/requests/${id}`;
      const approved = await ben.press(await ben.open(address), 'approve');
      assert.ok(!offers(approved, 'end'));
      const visitor = new Visitor(world.url);
      const page = await visitor.signIn('ana', address);
      assert.match(page.text, /the time starts with the first terminal/);
      // Ben holds his own session, but the form is one of Ana's.
      assert.equal((await ben.send(formOf(page, 'end'))).status, 403);
      const ended = await visitor.press(page, 'end');
      assert.match(ended.text, /You ended it/);
      assert.ok(!offers(ended, 'end'));
      assert.match((await visitor.press(page, 'end')).text, /You ended it/, 'pressed twice');
      const path = `/v1/grants/${String((await read(id)).grantId)}`;
      assert.equal((await world.call<Grant>('carol', 'GET', path)).body.state, 'ended');
    });

    it('say loudly that somebody did not wait, and let others revoke it and sign it off', async () => {
      const id = await ask('ana', 'Order 4711 is stuck after a payment retry', 'guarded');
      const { accessToken } = await world.provider.tokenFor('ana', { acrValues: 'mfa' });
      const broken = await world.call<AccessRequest>(undefined, 'POST', `/v1/requests/${id}/break-glass`, {
        headers: { authorization: `Bearer ${accessToken}` },
        body: { digest: (await read(id)).digest, reason: 'Checkout is <b>down' },
        key: newKey(),
      });
      assert.equal(broken.status, 201, JSON.stringify(broken.body));
      const address = `/requests/${id}`;
      const visitor = new Visitor(world.url);
      const listed = await visitor.signIn('ben');
      assert.match(
        listed.text,
        new RegExp(`Waiting for you</h1>\\s*<ul.*?${id}.*?Glass broken.*?open still`, 's'),
      );
      assert.equal(listed.text.split(id).length, 2, 'once');
      for (const who of ['ana', 'carol']) {
        const other = new Visitor(world.url);
        const page = await other.signIn(who, address);
        assert.match(page.text, /broke the glass/);
        assert.ok(!offers(page, 'revoke') && !offers(page, 'review'), who);
      }

      const page = await visitor.open(address);
      for (const fact of [
        /<h1><bdi dir="auto">Ana Lima<\/bdi> broke the glass to read orders with care on shop/,
        /state bad.*Access without approval.*“<bdi dir="auto">Checkout is &#60;b&#62;down<\/bdi>”/s,
        /Nothing is open yet/,
        /5 min, from the first terminal on/,
        /Nobody has signed it off yet/,
      ])
        assert.match(page.text, fact);
      assert.ok(!offers(page, 'approve') && !offers(page, 'review'));
      for (const name of ['revoke', 'review']) await visitor.open(`${address}/${name}`);
      const early = await visitor.send({ ...formOf(page, 'revoke'), action: `${address}/review` });
      assert.equal(early.status, 403);
      const short = await visitor.press(page, 'revoke', { comment: 'no' });
      assert.equal(short.status, 400);
      assert.match(short.text, /\nno<\/textarea>/);
      assert.equal((await eventsOf(id)).at(-1)?.action, 'grant approved');

      const comment = 'The replica does';
      const twice = await Promise.all([0, 1].map(() => visitor.press(short, 'revoke', { comment })));
      for (const { status, text } of twice) {
        assert.equal(status, 200);
        assert.match(text, /You revoked it .*“<bdi dir="auto">The replica does<\/bdi>”/s);
      }
      const [over] = twice;
      assert.ok(over && offers(over, 'review') && !offers(over, 'revoke'));
      assert.match((await visitor.open('/requests')).text, /Glass broken.*sign it off/s);

      const words = { comment: 'I read along, nothing was changed' };
      const refused = await visitor.press(over, 'review', words);
      assert.equal(refused.status, 401);
      const [, way = ''] = /href="(\/sign-in\?[^"]*acr[^"]*)"/.exec(refused.text) ?? [];
      const out = await visitor.open(way.replaceAll('&#38;', '&'), { follow: false });
      const [kept = ''] = [...visitor.cookies].flatMap(([name, one]) => (name.endsWith('typed') ? one : []));
      assert.ok(kept.length > 0 && !Buffer.from(kept, 'base64url').includes('read along'));
      const back = await visitor.through(new URL(out.headers.get('location') ?? ''), 'ben');
      const again = await visitor.open(back.href);
      assert.match(again.text, /<details open>.*\nI read along, nothing was changed<\/textarea>/s);
      assert.ok(!visitor.trail.some(({ href }) => href.includes('along')), 'it stands in no address');
      const elsewhere = await visitor.open(`/requests/${await ask()}`);
      assert.doesNotMatch(elsewhere.text, /I read along/);
      const done = await visitor.press(again, 'review', words);
      assert.ok(![...visitor.cookies].some(([name, one]) => name.endsWith('typed') && one !== ''));
      assert.match(done.text, /You signed it off .*“<bdi dir="auto">I read along, nothing was changed/s);
      assert.ok(!offers(done, 'review'));
      assert.doesNotMatch((await visitor.open('/requests')).text, /Glass broken/);
      assert.deepEqual(
        (await eventsOf(id)).map(({ action }) => action),
        ['request created', 'glass broken', 'grant approved', 'grant revoked', 'grant reviewed'],
      );
    });

    it('deny with a comment on one line, and keep what was typed where it does not do', async () => {
      const id = await ask();
      const page = await ben.open(`/requests/${id}`);
      const short = await ben.press(page, 'deny', { comment: 'no' });
      assert.equal(short.status, 400);
      assert.match(short.text, /role="alert"/);
      assert.match(short.text, /<details open>/);
      assert.match(short.text, /\nno<\/textarea>/);
      const hidden = await ben.press(page, 'deny', { comment: 'use the \u202e replica' });
      assert.equal(hidden.status, 400);
      assert.equal((await read(id)).state, 'pending');
      const denied = await ben.press(short, 'deny', { comment: 'use the\r\nreplica <b>instead</b>' });
      assert.match(denied.text, /Denied/);
      assert.match(denied.text, /use the replica &#60;b&#62;instead/);
      const [decision] = (await read(id)).decisions;
      assert.equal(decision?.comment, 'use the replica <b>instead</b>');
    });

    it('lead through a second factor where the template demands one, and decide only when pressed again', async () => {
      const id = await ask('ana', 'Order 4711 is stuck after a payment retry', 'guarded');
      const visitor = new Visitor(world.url);
      await visitor.signIn('ben');
      const refused = await visitor.press(await visitor.open(`/requests/${id}`), 'approve');
      assert.equal(refused.status, 401);
      assert.match(refused.text, /second factor, which yours was without/);
      const [, way = ''] = /href="(\/sign-in\?[^"]*acr[^"]*)"/.exec(refused.text) ?? [];
      assert.equal((await read(id)).state, 'pending');
      assert.ok((await attempts('ben')).some(({ why }) => why === 'step-up-needed'));

      const out = await visitor.open(way.replaceAll('&amp;', '&').replaceAll('&#38;', '&'), {
        follow: false,
      });
      const back = await visitor.through(new URL(out.headers.get('location') ?? ''), 'ben');
      const page = await visitor.open(back.href);
      assert.equal(page.url.pathname, `/requests/${id}`);
      assert.equal((await read(id)).state, 'pending', 'signing in decides nothing');
      assert.match((await visitor.press(page, 'approve')).text, /You approved it/);
      assert.equal((await read(id)).state, 'approved');
    });

    it('approve less than what was asked for', async () => {
      const id = await ask();
      const page = await ben.open(`/requests/${id}`);
      assert.doesNotMatch(page.text, /value="PT(30M|1H)"/);
      const longer = await ben.press(page, 'shorten', { duration: 'PT1H' });
      assert.equal(longer.status, 422);
      assert.match((await ben.press(longer, 'shorten', { duration: 'PT15M' })).text, /approved 15 min of it/);
      assert.equal((await read(id)).decisions[0]?.duration, 'PT15M');
    });

    it('show how the template differs now, and a word holds for that', async () => {
      const id = await ask();
      const old = await ben.open(`/requests/${id}`);
      const file = join(world.templates, 'fix-status.yaml');
      const before = await readFile(file, 'utf8');
      await writeFile(file, before.replace('longest: PT1H', 'longest: PT45M'));
      const page = await eventually(async () => {
        const now = await ben.open(`/requests/${id}`);
        return now.text.includes('The template changed since') ? now : undefined;
      });
      assert.match(page.text, /45 min/);
      const late = await ben.press(old, 'approve');
      assert.equal(late.status, 409);
      assert.equal((await read(id)).state, 'pending');
      assert.match((await ben.press(late, 'approve')).text, /You approved it/);
      await writeFile(file, before);
      await eventually(async () => {
        const { body } = await world.call<{ templates: Template[] }>('ana', 'GET', '/v1/templates');
        return body.templates.some(({ duration }) => duration.longest === 'PT45M') ? undefined : true;
      });
    });

    it('decide once, however often and however fast a button is pressed', async () => {
      const id = await ask();
      const form = formOf(await ben.open(`/requests/${id}`), 'approve');
      const pages = await Promise.all(Array.from({ length: 12 }, () => ben.send(form)));
      for (const page of pages) {
        assert.equal(page.status, 200);
        assert.match(page.text, /You approved it/);
      }
      const decided = (await eventsOf(id)).filter(({ action }) => action === 'request approved');
      assert.equal(decided.length, 1);
      assert.equal((await read(id)).decisions.length, 1);
    });

    it('hold for what was shown: another digest decides nothing, and what is settled says by whom', async () => {
      const id = await ask();
      const page = await ben.open(`/requests/${id}`);
      const other = await ben.press(page, 'approve', { digest: 'a'.repeat(64) });
      assert.equal(other.status, 409);
      assert.match(other.text, /not what you were shown/);
      const none = await ben.press(page, 'approve', { digest: '' });
      assert.equal(none.status, 409);
      assert.equal((await read(id)).state, 'pending');

      const visitor = new Visitor(world.url);
      const evas = await visitor.signIn('eva', `/requests/${id}`);
      await ben.press(page, 'approve');
      const late = await visitor.press(evas, 'deny', { comment: 'use the replica' });
      assert.equal(late.status, 409);
      assert.match(late.text, /Ben Roth approved it already/);
      assert.equal((await read(id)).state, 'approved');
    });

    it('list what waits first, ask and answer, say who looks, and take back', async () => {
      const id = await ask();
      assert.match((await ben.open('/')).text, new RegExp(`Waiting for you</h1>\\s*<ul.*?${id}`, 's'));
      const asked = await ben.press(await ben.open(`/requests/${id}`), 'ask', { text: 'Which order?' });
      assert.match(asked.text, /Which order\?/);
      const looking = await ben.press(asked, 'claim');
      assert.match(looking.text, /You are looking at it/);

      const ana = new Visitor(world.url);
      const own = await ana.signIn('ana', `/requests/${id}`);
      assert.match(own.text, /Which order\?/);
      assert.ok(!offers(own, 'approve') && !offers(own, 'deny') && !offers(own, 'claim'));
      const answered = await ana.press(own, 'ask', { text: '4711' });
      const evas = new Visitor(world.url);
      const page = await evas.signIn('eva', `/requests/${id}`);
      assert.match(page.text, /Ben Roth<\/bdi> is looking at it/);
      const taken = await evas.press(page, 'claim');
      assert.match(taken.text, /You are looking at it/);
      const withdrawn = await ana.press(answered, 'withdraw');
      assert.match(withdrawn.text, /Withdrawn/);
      const gone = await ben.press(looking, 'approve');
      assert.equal(gone.status, 409);
      assert.match(gone.text, /withdrawn/);
      assert.match((await ben.open('/requests')).text, /Nothing waits for you/);
    });

    it('show what others wrote as text, whatever it is, and apart from what stands around it', async () => {
      const rightToLeft = `שלום ${markup}`;
      const long = 'x'.repeat(480);
      for (const reason of [markup, rightToLeft, long]) {
        const id = await ask('mal', reason);
        for (const address of [`/requests/${id}`, '/requests']) {
          const { text } = await ben.open(address);
          assert.doesNotMatch(text, /<script|<img|onclick="|onerror=alert\(1\)>"/);
          const escaped = reason.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
          assert.ok(text.includes(`<bdi dir="auto">${escaped}</bdi>`), address);
          assert.ok(text.includes('<bdi dir="auto">Mal &#60;b onclick=&#34;alert(1)&#34;&#62;Ory'));
        }
        const { text } = await ben.open(`/requests/${id}`);
        assert.match(/<title>.*?<\/title>/s.exec(text)?.[0] ?? '', /^<title>Mal &#60;b onclick/);
        await world.call('mal', 'POST', `/v1/requests/${id}/withdraw`);
      }
    });
  });

  describe('against other sites', () => {
    it('do nothing for a form that does not come from the page that was shown; each is recorded', async () => {
      const id = await ask();
      const page = await ben.open(`/requests/${id}`);
      const form = formOf(page, 'approve');
      const deny = formOf(page, 'deny');
      const without = (fields: Form['fields'], name: string) =>
        Object.fromEntries(Object.entries(fields).filter(([field]) => field !== name));
      const others = new Visitor(world.url);
      const foreign = formOf(await others.signIn('eva', `/requests/${id}`), 'approve');
      const proof = (from: Form) => from.fields['proof'] ?? '';
      const tries: [string, Form, Record<string, string>?][] = [
        ['without a proof', { ...form, fields: without(form.fields, 'proof') }],
        ['with a false proof', { ...form, fields: { ...form.fields, proof: 'A'.repeat(43) } }],
        ['with the proof of another button', { ...form, fields: { ...form.fields, proof: proof(deny) } }],
        ['with the proof of another session', { ...form, fields: { ...form.fields, proof: proof(foreign) } }],
        ['from another site', form, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
        ['from a neighbour', form, { origin: `${world.url}0`, 'sec-fetch-site': 'same-site' }],
        ['from nowhere', form, { origin: 'null' }],
        ['without an origin', form, { origin: '' }],
        ['across sites, whatever the origin', form, { 'sec-fetch-site': 'cross-site' }],
      ];
      const before = await attempts('ben');
      for (const [what, sent, headers] of tries) {
        const answer = await ben.send(sent, headers);
        assert.equal(answer.status, 403, what);
        assert.match(answer.text, /nothing was done/);
      }
      assert.equal((await read(id)).state, 'pending');
      const recorded = (await attempts('ben')).slice(before.length);
      assert.deepEqual(
        recorded,
        tries.map(() => ({ call: 'POST /requests/{id}/approve', id, why: 'not-allowed' })),
      );
      assert.equal((await ben.send(form)).status, 200);
      assert.equal((await read(id)).state, 'approved');
    });

    it('take a form as a form only', async () => {
      const id = await ask();
      const { action, fields } = formOf(await ben.open(`/requests/${id}`), 'approve');
      const cookie = [...ben.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(`${world.url}${action}`, {
        method: 'POST',
        headers: { cookie, origin: world.url, 'content-type': 'application/json' },
        body: JSON.stringify(fields),
      });
      await response.body?.cancel();
      assert.equal(response.status, 400);
      assert.equal((await read(id)).state, 'pending');
    });

    it('are no way into the API, and the API’s tokens none into them', async () => {
      const cookie = [...ben.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const [, session] = [...ben.cookies].find(([name]) => name.endsWith('session'))!;
      for (const headers of [{ cookie }, { authorization: `Bearer ${session}` }, { authorization: session }])
        assert.equal((await world.call(undefined, 'GET', '/v1/me', { headers })).status, 401);
      const authorization = `Bearer ${await world.token('ben')}`;
      signedOut(await new Visitor(world.url).open('/requests', { headers: { authorization } }));
    });
  });

  describe('for whoever has no part in a request', () => {
    it('say the same of what is there and of what is not, and record it', async () => {
      const id = await ask();
      const dan = new Visitor(world.url);
      await dan.signIn('dan');
      const [there, nowhere, nothing] = await Promise.all(
        [id, randomUUID(), 'x'].map((name) => dan.open(`/requests/${name}`)),
      );
      assert.equal(there?.status, 404);
      assert.match(there.text, /no such request, or you have no part in it/);
      assert.equal(nowhere?.text, there.text);
      assert.equal(nothing?.text, there.text);
      const decoy = formOf(await ben.open(`/requests/${id}`), 'approve');
      assert.equal((await dan.send(decoy)).status, 403);
      const recorded = (await attempts('dan')).map(({ call, why }) => `${String(call)} ${String(why)}`);
      assert.equal(recorded.filter((one) => one === 'GET /requests/{id} not-found').length, 3);
      assert.match((await dan.open('/requests')).text, /Nothing waits for you/);
    });

    it('let nobody decide on their own request, whatever they send', async () => {
      const id = await ask();
      const ana = new Visitor(world.url);
      const page = await ana.signIn('ana', `/requests/${id}`);
      assert.ok(!offers(page, 'approve'));
      // She holds her own session, so she can make every proof.
      const { createHmac } = await import('node:crypto');
      const [, session] = [...ana.cookies].find(([name]) => name.endsWith('session'))!;
      const action = `/requests/${id}/approve`;
      const proof = createHmac('sha256', session).update(`form ${action}`).digest('base64url');
      const { digest } = await read(id);
      const answer = await ana.send({ action, fields: { proof, digest, key: newKey() } });
      assert.equal(answer.status, 403);
      assert.match(answer.text, /Nobody decides on their own request/);
      assert.equal((await read(id)).state, 'pending');
      assert.equal((await attempts('ana')).at(-1)?.['why'], 'not-allowed');
    });
  });

  describe('at sign-in', () => {
    const cookieOf = (visitor: Visitor, what: string) =>
      [...visitor.cookies].find(([name]) => name.endsWith(what))?.[1];
    const notIn = async (visitor: Visitor, page: Page) => {
      assert.equal(page.status, 403);
      assert.match(page.text, /You are not signed in|You did not sign in/);
      assert.equal(cookieOf(visitor, 'session'), undefined);
      signedOut(await visitor.open('/requests'));
    };

    it('lead back to the page that was asked for, and nowhere else', async () => {
      const id = await ask();
      const there = await new Visitor(world.url).signIn('ben', `/requests/${id}`);
      assert.equal(there.url.pathname, `/requests/${id}`);
      for (const to of [
        'https://evil.example/',
        '//evil.example',
        '/\\evil.example',
        '/requests/../../evil',
        '/sign-out',
        `/requests/${id}/approve`,
        '',
      ]) {
        const page = await new Visitor(world.url).signIn('ben', to);
        assert.equal(page.url.href, `${world.url}/requests`, to);
      }
      assert.equal((await read(id)).state, 'pending');
    });

    it('count only in the browser that began it, with its own state, once', async () => {
      const [one, two] = [new Visitor(world.url), new Visitor(world.url)];
      const back = await one.toTheProviderAndBack('ben', '/requests');
      const other = await two.toTheProviderAndBack('eva', '/requests');
      // Somebody sends on the address that they came back to: in a browser that began nothing, or something else.
      const stranger = new Visitor(world.url);
      await notIn(stranger, await stranger.open(back.href));
      await notIn(two, await two.open(back.href));

      const swapped = new URL(back);
      swapped.searchParams.set('state', other.searchParams.get('state') ?? '');
      const three = new Visitor(world.url);
      const mine = await three.toTheProviderAndBack('ben', '/requests');
      const cookie = cookieOf(three, 'sign-in') ?? '';
      const name = [...three.cookies.keys()].find((one) => one.endsWith('sign-in')) ?? '';
      const variants: Record<string, (url: URL) => void> = {
        'the state of another': ({ searchParams }) =>
          searchParams.set('state', other.searchParams.get('state') ?? ''),
        'no state': ({ searchParams }) => searchParams.delete('state'),
        'two states': ({ searchParams }) => searchParams.append('state', 'x'),
        'the code of another': ({ searchParams }) =>
          searchParams.set('code', other.searchParams.get('code') ?? ''),
        'another issuer': ({ searchParams }) => searchParams.set('iss', 'https://evil.example'),
        'no issuer': ({ searchParams }) => searchParams.delete('iss'),
      };
      for (const [what, change] of Object.entries(variants)) {
        const url = new URL(mine);
        change(url);
        three.cookies.set(name, cookie);
        const page = await three.open(url.href);
        assert.equal(page.status, 403, what);
        assert.equal(cookieOf(three, 'session'), undefined, what);
      }

      const fourth = new Visitor(world.url);
      const good = await fourth.toTheProviderAndBack('ben', '/requests');
      const kept = cookieOf(fourth, 'sign-in') ?? '';
      assert.match((await fourth.open(good.href)).text, /Signed in as/);
      assert.equal(cookieOf(fourth, 'sign-in'), undefined);
      const again = new Visitor(world.url);
      again.cookies.set(name, kept);
      await notIn(again, await again.open(good.href));
    });

    it('say that it was cancelled where it was', async () => {
      const visitor = new Visitor(world.url);
      const back = await visitor.toTheProviderAndBack('ben', '/requests');
      const { searchParams } = back;
      searchParams.delete('code');
      searchParams.set('error', 'access_denied');
      await notIn(visitor, await visitor.open(back.href));
    });

    it('give a name that nobody knew before, and end the one that was there', async () => {
      const visitor = new Visitor(world.url);
      const name = [...ben.cookies.keys()].find((one) => one.endsWith('session')) ?? '';
      const planted = 'p'.repeat(43);
      visitor.cookies.set(name, planted);
      signedOut(await visitor.open('/requests'));
      await visitor.signIn('ben');
      const first = cookieOf(visitor, 'session') ?? '';
      assert.match(first, /^[A-Za-z0-9_-]{43}$/);
      assert.notEqual(first, planted);
      await visitor.signIn('eva');
      assert.notEqual(cookieOf(visitor, 'session'), first);
      for (const old of [planted, first]) {
        const other = new Visitor(world.url);
        other.cookies.set(name, old);
        signedOut(await other.open('/requests'));
      }
      const both = { cookie: `${name}=${planted}; ${name}=${cookieOf(visitor, 'session') ?? ''}` };
      signedOut(await new Visitor(world.url).open('/requests', { headers: both }));
    });

    it('keep the cookie from scripts and from other sites', async () => {
      const visitor = new Visitor(world.url);
      const back = await visitor.toTheProviderAndBack('ben', '/requests');
      const { headers } = await visitor.open(back.href, { follow: false });
      const [session = ''] = headers.getSetCookie().filter((line) => line.includes('session'));
      assert.match(session, /; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
      assert.ok(Number(/Max-Age=(\d+)/.exec(session)?.[1]) <= 300, 'no longer than the token');
    });

    it('hold no secret and no name in the database that the browser holds, and end at sign-out', async () => {
      const visitor = new Visitor(world.url);
      const page = await visitor.signIn('eva');
      const held = cookieOf(visitor, 'session') ?? '';
      const name = [...visitor.cookies.keys()].find((one) => one.endsWith('session')) ?? '';
      const rows = await inState(world, (client) =>
        client.query<{ all: string }>('select json_agg(s)::text as all from daypass.page_session s'),
      );
      const written = rows.rows[0]?.all ?? '';
      assert.match(written, /"subject": ?"eva"/);
      assert.ok(!written.includes(held) && !/eyJ/.test(written));
      const secret = await readFile(join(world.folder, 'pages.secret'), 'utf8');
      for (const kept of [held, secret, 'eyJ', 'code='])
        assert.ok(!world.log.some((line) => line.includes(kept)), kept);

      const form = formOf(page, 'sign-out');
      assert.equal((await visitor.send({ ...form, fields: {} })).status, 403);
      const out = await visitor.send(form);
      assert.match(out.text, /You are signed out/);
      assert.match(out.text, /again=1/);
      const other = new Visitor(world.url);
      other.cookies.set(name, held);
      signedOut(await other.open('/requests'));
    });

    it('a session that somebody else wrote into the database lets nobody in, and raises the alarm', async () => {
      const visitor = new Visitor(world.url);
      await visitor.signIn('dan');
      await inState(world, async (client) => {
        // As whoever can write there would: more groups, under a name that they hold.
        await client.query(
          `insert into daypass.page_session (id, person_id, holder, expires_at, mac)
           select encode(sha256('${'f'.repeat(43)}'), 'hex'), person_id,
                  jsonb_set(holder, '{groups}', '["payments-leads"]'), expires_at + interval '1 day', mac
           from daypass.page_session where holder ->> 'subject' = 'dan' limit 1`,
        );
      });
      const forged = new Visitor(world.url);
      const name = [...visitor.cookies.keys()].find((one) => one.endsWith('session')) ?? '';
      forged.cookies.set(name, 'f'.repeat(43));
      signedOut(await forged.open('/requests'));
      assert.ok(world.log.some((line) => line.includes('"record":"page session"')));
    });
  });

  describe('under a flood', () => {
    it('take no more calls of an address or of a person than the API does', async () => {
      const visitor = new Visitor(world.url);
      const eva = new Visitor(world.url);
      await eva.signIn('eva');
      for (const flood of [() => visitor.open('/requests/x'), () => eva.open('/requests/x')]) {
        const pages = await Promise.all(Array.from({ length: 440 }, flood));
        const late = pages.filter(({ status }) => status === 429);
        assert.ok(late.length > 0);
        assert.match(late[0]?.text ?? '', /Too many calls/);
        assert.match(late[0]?.headers.get('retry-after') ?? '', /^\d+$/);
      }
      // Revoking is let in still, as it is there: it gets as far as the look at the form.
      const revoke = { action: `/requests/${randomUUID()}/revoke`, fields: {} };
      const revoking = await Promise.all(Array.from({ length: 40 }, () => eva.send(revoke)));
      assert.deepEqual(new Set(revoking.map(({ status }) => status)), new Set([403]));
      assert.equal((await ben.open('/requests')).status, 200);
    });
  });
});
