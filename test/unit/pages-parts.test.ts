import assert from 'node:assert/strict';
import type { IdentityConfig } from '../../src/broker/config/config.ts';
import { NotSignedIn, ProviderUnavailable } from '../../src/broker/identity/failures.ts';
import { Cookies } from '../../src/broker/pages/cookies.ts';
import { fieldsOf } from '../../src/broker/pages/forms.ts';
import { markup } from '../../src/broker/pages/html.ts';
import { SignInProvider } from '../../src/broker/pages/provider.ts';
import { asked, begin, bondsOf, ownPage, read, wayTo, written } from '../../src/broker/pages/sign-in.ts';
import { listPage } from '../../src/broker/pages/list-page.ts';
import { requestPage } from '../../src/broker/pages/request-page.ts';
import { fromNow } from '../../src/broker/pages/words.ts';
import { startProvider } from '../../src/sandbox/provider/provider.ts';
import { Visitor } from '../broker/support/visitor.ts';
import { ben, inMs, minutes, now, request } from './support/samples.ts';

describe('Parts of the pages', () => {
  it('a cookie over TLS is this host’s alone; without it, on loopback, this port’s', () => {
    const encrypted = new Cookies('https://access.shop.example');
    assert.equal(
      encrypted.set('session', 'x', 60),
      '__Host-daypass-session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure',
    );
    assert.equal(encrypted.read({ cookie: 'a=b; __Host-daypass-session=y' }, 'session'), 'y');
    // What a neighbour, or somebody on the way without TLS, could have set.
    for (const cookie of ['daypass-session=y', 'daypass-443-session=y', ' __host-daypass-session=y'])
      assert.equal(encrypted.read({ cookie }, 'session'), undefined);
    const plain = new Cookies('http://127.0.0.1:7420');
    assert.match(plain.set('session', 'x', 60), /^daypass-7420-session=x; .*SameSite=Lax$/);
    assert.match(plain.clear('sign-in'), /^daypass-7420-sign-in=; .*Max-Age=0/);
  });

  it('a cookie or a field that came twice counts as none', () => {
    const cookies = new Cookies('https://access.shop.example');
    const cookie = '__Host-daypass-session=one; __Host-daypass-session=two';
    assert.equal(cookies.read({ cookie }, 'session'), undefined);
    assert.deepEqual(fieldsOf('a=1&b=2&a=3'), { b: '2' });
    assert.deepEqual(fieldsOf('__proto__=x&constructor=y'), { ['__proto__']: 'x', constructor: 'y' });
  });

  it('only a page of the broker is gone back to', () => {
    const id = '0b6f1c1e-8a1c-4c9e-9d55-1f0f4a3c2b11';
    assert.equal(ownPage(`/requests/${id}`), `/requests/${id}`);
    for (const other of [
      `//evil/requests/${id}`,
      `/requests/${id}/approve`,
      `/requests/${id}?x`,
      'x',
      1,
      undefined,
    ])
      assert.equal(ownPage(other), '/requests');
    const begun = begin(`/requests/${id}`);
    assert.deepEqual(read(written(begun)), begun);
    const elsewhere = Buffer.from('https://evil.example').toString('base64url');
    assert.equal(read(`${begun.secret}.${elsewhere}`)?.to, '/requests');
    for (const cookie of ['', 'x', begun.secret, `${begun.secret}.`, `${begun.secret}.x.y`])
      assert.equal(read(cookie), undefined);
  });

  it('what a sign-in must be is asked of the provider, and what makes no sense is not', () => {
    const to = '/requests/0b6f1c1e-8a1c-4c9e-9d55-1f0f4a3c2b11';
    const wishes = { again: false, stepUp: { acrValues: ['urn:shop:mfa', 'phr'], maxAge: 900 } };
    const query = Object.fromEntries(new URL(wayTo(to, wishes), 'http://x').searchParams);
    assert.deepEqual(asked(query), { to, ...wishes });
    for (const [name, value] of [
      ['acr', 'a"b'],
      ['acr', ['a', 'b']],
      ['age', '-1'],
      ['age', '1e9'],
      ['again', 'yes'],
    ] as const)
      assert.deepEqual(asked({ to, [name]: value }), {
        to,
        again: false,
        stepUp: { acrValues: undefined, maxAge: undefined },
      });
  });

  it('a page that was refused for how somebody signed in leads through one sign-in and back, and decides nothing', () => {
    const one = request({ may: { decide: true, approve: true, withdraw: false, write: true } });
    const page = requestPage({
      request: one,
      terms: ['SELECT ON sales.orders'],
      viewer: { ...ben, session: 's'.repeat(43) },
      now: new Date(now),
      refused: {
        action: 'approve',
        words: 'This needs a sign-in with a second factor.',
        given: {},
        stepUp: { acrValues: ['mfa'], maxAge: 900 },
      },
    }).text;
    assert.match(page, /role="alert".*This needs a sign-in with a second factor\./s);
    assert.ok(page.includes(`href="/sign-in?to=%2Frequests%2F${one.id}&#38;acr=mfa&#38;age=900"`));
    assert.match(page, /nothing is done before you press the button/);
  });

  it('a ticket is a link where the template gives one, and no page is told where its reader came from', () => {
    const shown = (more: Parameters<typeof request>[0]) =>
      requestPage({
        request: request(more),
        terms: [],
        viewer: { ...ben, session: 's'.repeat(43) },
        now: new Date(now),
      }).text;
    const ticketLink = 'https://tickets.shop.example/INC-2231?a=1&b="';
    assert.match(
      shown({ ticket: 'INC-2231', ticketLink }),
      /<a href="https:\/\/tickets\.shop\.example\/INC-2231\?a=1&#38;b=&#34;" rel="noreferrer noopener">/,
    );
    assert.doesNotMatch(shown({ ticket: 'INC-2231' }), /tickets\.shop/);
    assert.match(shown({ templateNow: { is: 'gone' } }), /The template is gone/);
    assert.doesNotMatch(
      shown({
        templateNow: { is: 'gone' },
        may: { decide: true, approve: true, withdraw: false, write: true },
      }),
      /\/(approve|shorten)"/,
    );
  });

  it('whoever would add nothing is not asked to approve, and can deny', () => {
    const one = request({
      askedOf: ['Eva Lang'],
      may: { decide: true, approve: false, withdraw: false, write: true },
    });
    const viewer = { ...ben, session: 's'.repeat(43) };
    const page = requestPage({ request: one, terms: [], viewer, now: new Date(now) }).text;
    assert.match(page, /Waits for Eva Lang.*Your approval would add nothing\. You can deny it\./s);
    assert.match(page, /\/deny"/);
    assert.doesNotMatch(page, /\/(approve|shorten|claim)"/);
    const list = listPage({ requests: [one], owed: [], viewer, now: new Date(now) }).text;
    assert.match(list, /Nothing waits for you\..*Waiting for others/s);
  });

  it('who was told, who is next and whom to call is read by whoever asked, and by whoever decides', () => {
    const told = [
      { is: 'told', who: 'Ben <b>', at: inMs(-minutes(2)) },
      { is: 'next', who: 'Eva', at: inMs(minutes(3)) },
      { is: 'call', number: '+49 30 1234', at: inMs(minutes(8)) },
    ] as const;
    const { requester } = request();
    const may = (decide: boolean) => ({ may: { decide, approve: decide, withdraw: false, write: true } });
    const shown = (viewer: typeof ben, more: Parameters<typeof request>[0] = {}) =>
      requestPage({
        request: request({ told: [...told], ...more }),
        terms: [],
        viewer: { ...viewer, session: 's'.repeat(43) },
        now: new Date(now),
      }).text;
    const pieces = /Ben &#60;b&#62; told 2 min ago<.*>Eva in 3 min<.*>or call \+49 30 1234</s;
    assert.match(shown(ben, may(true)), new RegExp(`Who is told<.*${pieces.source}`, 's'));
    const asked = shown({ ...ben, ...requester }, may(false));
    assert.match(asked, new RegExp(`class="state wait".*Waits for .*${pieces.source}`, 's'));
    assert.doesNotMatch(asked, /Who is told/);
    assert.doesNotMatch(shown(ben, { state: 'denied' }), /told 2 min ago/);
  });

  it('what goes through the provider says nothing of the secret, and is another each time', () => {
    const [one, two] = [begin('/'), begin('/')];
    const all = [one, two].map(bondsOf).flatMap(({ verifier, state, nonce }) => [verifier, state, nonce]);
    assert.equal(new Set(all).size, 6);
    for (const bond of all) assert.match(bond, /^[A-Za-z0-9_-]{43}$/);
    assert.ok(!all.includes(one.secret));
  });

  describe('The way through the provider', () => {
    const broker = 'http://127.0.0.1:1';
    const identity = (issuer: string) =>
      ({ issuer, scopes: ['openid', 'offline_access'] }) as unknown as IdentityConfig;

    it('works for a client without a secret, asks for no longer sign-in, and holds for what it began', async () => {
      const running = await startProvider({ resource: broker });
      try {
        const provider = new SignInProvider(identity(running.issuer), { id: 'daypass-pages' }, broker);
        const back = async () => {
          const begun = begin('/requests');
          const page = await provider.page(bondsOf(begun), { again: false });
          assert.equal(page.searchParams.get('scope'), 'openid');
          assert.ok(!page.searchParams.has('acr_values') && !page.searchParams.has('max_age'));
          const query = (await new Visitor(broker).through(page, 'ben')).search.slice(1);
          return { begun, query };
        };
        const { begun, query } = await back();
        assert.match(await provider.redeem(query, bondsOf(begun)), /^ey/);
        for (const wrong of ['verifier', 'state', 'nonce']) {
          const other = await back();
          const bonds = { ...bondsOf(other.begun), [wrong]: 'x'.repeat(43) };
          await assert.rejects(provider.redeem(other.query, bonds), NotSignedIn, wrong);
        }
        const again = await provider.page(bondsOf(begun), { again: true });
        assert.equal(again.searchParams.get('prompt'), 'login');
        const stronger = await provider.page(bondsOf(begun), {
          again: false,
          stepUp: { acrValues: ['a', 'b'], maxAge: 0 },
        });
        assert.equal(stronger.searchParams.get('acr_values'), 'a b');
        assert.equal(stronger.searchParams.get('max_age'), '0');
      } finally {
        await running.close();
      }
    });

    it('says that the provider cannot be reached where it cannot', async () => {
      const provider = new SignInProvider(identity('http://127.0.0.1:1'), { id: 'x' }, broker);
      await assert.rejects(provider.page(bondsOf(begin('/')), { again: false }), ProviderUnavailable);
    });
  });

  it('what comes from elsewhere is text, also in attributes and lists', () => {
    const bad = `"'><b>\`&`;
    assert.equal(
      markup`<a title="${bad}">${[bad, markup`<i>${bad}</i>`, undefined, false]}</a>`.text,
      '<a title="&#34;&#39;&#62;&#60;b&#62;&#96;&#38;">&#34;&#39;&#62;&#60;b&#62;&#96;&#38;<i>&#34;&#39;&#62;&#60;b&#62;&#96;&#38;</i></a>',
    );
  });

  it('says how long ago, or how soon', () => {
    const then = new Date('2026-03-01T02:14:00Z');
    const said = (seconds: number) => fromNow(new Date(then.getTime() + seconds * 1000), then);
    assert.deepEqual([0, -29, -60, -89 * 60, -90 * 60, -40 * 3600, 20, 61, 12 * 3600].map(said), [
      'just now',
      'just now',
      '1 min ago',
      '89 min ago',
      '2 h ago',
      '2 days ago',
      'in less than a minute',
      'in 1 min',
      'in 12 h',
    ]);
  });
});
