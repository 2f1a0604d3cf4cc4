import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';
import { ana, ben, TestBroker } from './support/extension-broker.ts';
import {
  BrowserSecrets,
  browseAs,
  openWindow,
  temporaryFolder,
  until,
  type TestWindow,
} from './support/extension-window.ts';

describe('Signing out, and signing in as somebody else', () => {
  let broker: TestBroker;
  let provider: RunningProvider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let profile: BrowserSecrets;
  let windows: TestWindow[];

  const open = (person: string) => {
    const window = openWindow({ folder: folder.path, secrets: profile.window(), broker: broker.url });
    window.editor.browse = (url) => void browseAs(person, url).catch(() => undefined);
    windows.push(window);
    return window;
  };
  const who = (window: TestWindow) => {
    const { account } = window.store.world;
    return account.is === 'signed in' ? account.me.person.name : undefined;
  };

  before(async () => {
    broker = await TestBroker.start();
    broker.accepts = (token) => (decodeJwt(token).sub === 'ana' ? ana : ben);
    provider = await startProvider({ resource: broker.url });
  });
  after(async () => {
    await provider.close();
    await broker.close();
  });
  beforeEach(async () => {
    broker.metadata['authorization_servers'] = [provider.issuer];
    folder = await temporaryFolder();
    profile = new BrowserSecrets();
    windows = [];
  });
  afterEach(async () => {
    for (const window of windows) window.dispose();
    await folder.remove();
  });

  it('the browser is sent where the provider forgets the sign-in, if the person wants that', async () => {
    const window = open('ana');
    await window.account.ensureSignedIn();
    window.editor.browse = () => undefined;
    window.editor.answers = ['Sign out there too'];
    await window.account.signOut();
    await until(() => window.editor.pages.length === 2, 'the page to sign out at is opened');
    const page = window.editor.pages[1]!;
    assert.ok(page.href.startsWith(`${provider.issuer}/session/end?`));
    const asked = page.searchParams;
    assert.equal(asked.get('client_id'), 'daypass-vscode');
    assert.equal(decodeJwt(asked.get('id_token_hint') ?? '').sub, 'ana');
    assert.equal((await fetch(page)).status, 200);
    assert.match(
      window.editor.told.join(),
      /^You are signed out\. The browser may still be signed in at localhost/,
    );
    assert.deepEqual(window.editor.said, []);
  });

  it('or stays as it is, without another word', async () => {
    const window = open('ana');
    await window.account.ensureSignedIn();
    await window.account.signOut();
    await until(() => window.editor.told.length === 1, 'it is offered');
    assert.equal(window.editor.pages.length, 1);
  });

  it('nobody waits for a provider that is down: here it takes hold at once', async () => {
    const mute = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const window = open('ana');
    await window.account.ensureSignedIn();
    const signIn = (await window.keeper.look())!;
    await window.keeper.put({
      ...signIn,
      issuer: `http://127.0.0.1:${(mute.address() as AddressInfo).port}`,
    });
    const begun = performance.now();
    await window.account.signOut();
    assert.ok(performance.now() - begun < 4_000);
    assert.equal(window.store.world.account.is, 'signed out');
    assert.equal(await window.keeper.look(), undefined);
    mute.close();
    mute.closeAllConnections();
  });

  it('the next one is asked who it is, whoever the browser remembers, and every window is that person’s', async () => {
    const [a, b] = [open('ana'), open('ana')];
    await a.account.ensureSignedIn();
    assert.equal(a.editor.pages[0]!.searchParams.get('prompt'), null);
    await b.account.settle();
    await until(() => who(b) === ana.name, 'the other window is Ana’s');
    const before = { broker: broker.url, who: ana.id };
    await a.account.signOut();
    a.editor.browse = (url) => void browseAs('ben', url);
    await a.account.ensureSignedIn();
    assert.equal(a.editor.pages.at(-1)!.searchParams.get('prompt'), 'login');
    await until(() => who(a) === ben.name && who(b) === ben.name, 'both windows are Ben’s');
    for (const window of [a, b]) {
      await assert.rejects(window.keeper.access(before), { name: 'SignedOut' }, 'nothing is sent for Ana');
      assert.equal(decodeJwt((await window.access()).reveal()).sub, 'ben');
    }
  });

  it('is asked so in a window that was opened since, too, and once', async () => {
    const a = open('ana');
    await a.account.ensureSignedIn();
    await a.account.signOut();
    const later = open('ben');
    await later.account.ensureSignedIn();
    assert.equal(later.editor.pages.at(-1)!.searchParams.get('prompt'), 'login');
    assert.equal(who(later), ben.name);
    // An end of which nobody is the cause says nothing of who comes next.
    await later.vault.change(() => Promise.resolve({ next: undefined, result: undefined }));
    const last = open('ben');
    await last.account.ensureSignedIn();
    assert.equal(last.editor.pages.at(-1)!.searchParams.get('prompt'), null);
  });
});

describe('Attacks on signing in', () => {
  let broker: TestBroker;
  let provider: RunningProvider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let window: TestWindow;

  beforeEach(async () => {
    broker = await TestBroker.start();
    provider = await startProvider({ resource: broker.url });
    broker.metadata['authorization_servers'] = [provider.issuer];
    folder = await temporaryFolder();
    window = openWindow({ folder: folder.path, secrets: new BrowserSecrets().window(), broker: broker.url });
  });
  afterEach(async () => {
    window.dispose();
    await provider.close();
    await broker.close();
    await folder.remove();
  });

  /** Goes through the provider's pages up to the address that leads back, and no further. */
  const wayBack = async (person: string, page: URL): Promise<URL> => {
    const held = new URL(page);
    const stop = createServer((request, response) => {
      heard = new URL(request.url ?? '', held.searchParams.get('redirect_uri') ?? '');
      response.end();
    });
    let heard: URL | undefined;
    stop.listen(0, '127.0.0.1');
    await once(stop, 'listening');
    const own = `http://127.0.0.1:${(stop.address() as AddressInfo).port}/callback`;
    held.searchParams.set('redirect_uri', own);
    await browseAs(person, held);
    stop.close();
    assert.ok(heard);
    return heard;
  };
  const signInWith = async (answer: (page: URL) => Promise<URL>) => {
    let page = '';
    window.editor.browse = (url) =>
      void answer(url)
        .then((to) => fetch(to))
        .then(async (response) => (page = await response.text()));
    const me = await window.account.ensureSignedIn();
    return { me, page: () => page };
  };
  const refusedAndRecorded = (words: RegExp) => {
    assert.match(window.editor.said.join(), words);
    assert.ok(window.logged.some((line) => line.startsWith('Signing in failed.')));
    assert.equal(window.store.world.account.is, 'signed out');
  };

  it('a code of another sign-in, put in under the right state, is worth nothing', async () => {
    const { me } = await signInWith(async (page) => {
      const thief = new URL(page);
      thief.searchParams.set('code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
      const stolen = await wayBack('ben', thief);
      const callback = new URL(page.searchParams.get('redirect_uri') ?? '');
      callback.search = stolen.search;
      return callback;
    });
    assert.equal(me, undefined);
    refusedAndRecorded(/come to its end|makes no sense/);
  });

  it('an answer that does not name its provider, where the provider says that it always does (RFC 9207)', async () => {
    const { me } = await signInWith(async (page) => {
      const callback = new URL(page.searchParams.get('redirect_uri') ?? '');
      callback.search = new URLSearchParams({
        code: 'x',
        state: page.searchParams.get('state') ?? '',
      }).toString();
      return Promise.resolve(callback);
    });
    assert.equal(me, undefined);
    refusedAndRecorded(/makes no sense for a sign-in/);
  });

  it('a code that was used is refused the second time, and takes what it gave along', async () => {
    let used: URL | undefined;
    const token = globalThis.fetch;
    let exchanged: URLSearchParams | undefined;
    globalThis.fetch = (input, init) => {
      const address = input instanceof Request ? input.url : String(input);
      if (address.endsWith('/token') && init?.body instanceof URLSearchParams) exchanged ??= init.body;
      return token(input, init);
    };
    try {
      window.editor.browse = (url) => void browseAs('ana', (used = url));
      assert.ok(await window.account.ensureSignedIn());
    } finally {
      globalThis.fetch = token;
    }
    assert.ok(used && exchanged);
    const again = await fetch(`${provider.issuer}/token`, { method: 'POST', body: exchanged });
    assert.equal(again.status, 400);
    await assert.rejects(window.access(await window.access()), { name: 'SignedOut' });
  });

  it('states of two sign-ins at once are not exchanged for one another', async () => {
    const other = openWindow({
      folder: folder.path,
      secrets: new BrowserSecrets().window(),
      broker: broker.url,
    });
    try {
      const first = new Promise<URL>((resolve) => (window.editor.browse = resolve));
      const second = new Promise<URL>((resolve) => (other.editor.browse = resolve));
      const both = [window.account.ensureSignedIn(), other.account.ensureSignedIn()];
      const [one, two] = await Promise.all([first, second]);
      const swapped = new URL(one.searchParams.get('redirect_uri') ?? '');
      swapped.search = new URLSearchParams({
        code: 'x',
        state: two.searchParams.get('state') ?? '',
      }).toString();
      const answer = await fetch(swapped);
      assert.deepEqual([answer.status, /belongs to no sign-in/.test(await answer.text())], [400, true]);
      window.editor.cancel();
      other.editor.cancel();
      assert.deepEqual(await Promise.all(both), [undefined, undefined]);
    } finally {
      other.dispose();
    }
  });

  it('a stolen refresh token: used by the thief, it ends for both, and the person is told', async () => {
    window.editor.browse = (url) => void browseAs('ana', url);
    await window.account.ensureSignedIn();
    const { refreshToken } = (await window.keeper.look())!;
    const stolen = { grant_type: 'refresh_token', client_id: 'daypass-vscode' };
    const use = (token: string) =>
      fetch(`${provider.issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({ ...stolen, refresh_token: token }),
      });
    const { refresh_token: theirs } = (await (await use(refreshToken!.reveal())).json()) as {
      refresh_token: string;
    };
    await assert.rejects(window.access(await window.access()), { name: 'SignedOut' });
    assert.equal((await use(theirs)).status, 400);
    await until(() => window.editor.said.length === 1, 'it is said');
    assert.match(window.editor.said.join(), /Your sign-in has come to its end/);
    assert.ok(window.logged.some((line) => /has ended the sign-in/.test(line)));
  });

  it('a token for another audience signs nobody in', async () => {
    broker.accepts = (token) => (decodeJwt(token).aud === broker.url ? ana : undefined);
    await provider.close();
    provider = await startProvider({ resource: 'https://elsewhere.example', otherResources: [broker.url] });
    broker.metadata['authorization_servers'] = [provider.issuer];
    broker.metadata['daypass_audience'] = { parameter: 'none', value: broker.url };
    window.editor.browse = (url) => void browseAs('ana', url);
    assert.equal(await window.account.ensureSignedIn(), undefined);
    refusedAndRecorded(/The broker does not accept this sign-in/);
  });
});
