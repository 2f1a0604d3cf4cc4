import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { createVerifier, type Verifier } from '../../src/broker/identity/verifier.ts';
import type { SignIn } from '../../src/extension/account/sign-in.ts';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';
import { TestBroker } from './support/extension-broker.ts';
import {
  BrowserSecrets,
  browseAs,
  openWindow,
  temporaryFolder,
  until,
  type TestWindow,
} from './support/extension-window.ts';

describe('A sign-in that is bound to a key', () => {
  let broker: TestBroker;
  let provider: RunningProvider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let profile: BrowserSecrets;
  let windows: TestWindow[];

  const verifier = (): Verifier =>
    createVerifier({
      identity: {
        issuer: provider.issuer,
        audience: broker.url,
        clients: ['daypass-vscode'],
        deviceClient: 'daypass-device',
        groupsClaim: 'groups',
        nameClaim: 'name',
        scopes: [],
        algorithms: ['ES256'],
      },
      publicUrl: broker.url,
      now: () => new Date(Date.now() + broker.aheadMs),
    });
  const begin = async (options: { wantsNonces?: boolean } = {}) => {
    provider = await startProvider({ resource: broker.url, ...options });
    broker.metadata['authorization_servers'] = [provider.issuer];
    broker.verifier = verifier();
  };
  const open = (laterMs = 0) => {
    const window = openWindow({
      folder: folder.path,
      secrets: profile.window(),
      broker: broker.url,
      wall: () => Date.now() + laterMs,
    });
    window.editor.browse = (url) => void browseAs('ana', url);
    windows.push(window);
    return window;
  };
  const kept = async (window: TestWindow): Promise<SignIn> => {
    const signIn = await window.keeper.look();
    assert.ok(signIn);
    return signIn;
  };
  /** So many windows hear what happens. */
  const connected = (count: number) => until(() => broker.streams.size === count, 'the streams stand');
  const calls = (path: string) => broker.seen.filter((one) => one.path === path);

  beforeEach(async () => {
    broker = await TestBroker.start();
    broker.metadata['dpop_signing_alg_values_supported'] = ['ES256'];
    folder = await temporaryFolder();
    profile = new BrowserSecrets();
    windows = [];
  });
  afterEach(async () => {
    for (const window of windows) window.dispose();
    await provider.close();
    await broker.close();
    await folder.remove();
  });

  it('proves each call and the event stream, and is renewed', async () => {
    await begin();
    const window = open();
    assert.ok(await window.account.ensureSignedIn(), [...window.editor.said, ...window.logged].join('\n'));
    await connected(1);
    const { accessToken, proofKey, version } = await kept(window);
    assert.ok(proofKey);
    assert.equal(version, 2);
    const asked = window.editor.pages[0]!.searchParams.get('dpop_jkt');
    assert.deepEqual(decodeJwt(accessToken.reveal())['cnf'], { jkt: asked });
    const next = await window.access(accessToken);
    assert.notEqual(next.reveal(), accessToken.reveal());
    await window.api.call('me');
    await window.api.call('requests', { query: { which: 'open' } });
    for (const { headers, path } of broker.seen.filter((one) => !one.path.startsWith('/.well-known'))) {
      assert.match(headers.authorization ?? '', /^DPoP /, path);
      assert.ok(!('d' in (decodeProtectedHeader(String(headers['dpop'])).jwk ?? { d: '' })));
    }
    assert.equal(window.refreshed.count, 1, 'nothing was refused');
  });

  it('is one for all windows, whichever renews it', async () => {
    await begin();
    const [a, b] = [open(), open()];
    await b.account.settle();
    await a.account.ensureSignedIn();
    await connected(2);
    const [mine, theirs] = await Promise.all([a.access(), b.access()]);
    const next = await b.access(theirs);
    assert.equal((await a.access(mine)).reveal(), next.reveal());
    assert.equal(a.refreshed.count + b.refreshed.count, 1);
    assert.equal((await kept(a)).proofKey?.reveal(), (await kept(b)).proofKey?.reveal());
    await Promise.all([a.api.call('me'), b.api.call('me')]);
  });

  it('has a key of its own, which stands in no file, log or word', async () => {
    await begin();
    const window = open();
    await window.account.ensureSignedIn();
    const first = (await kept(window)).proofKey!;
    await window.account.signOut();
    await window.account.ensureSignedIn();
    const signIn = await kept(window);
    const { d } = JSON.parse(signIn.proofKey!.reveal()) as { d: string };
    assert.ok(!first.reveal().includes(d));
    const files = await Promise.all(
      (await readdir(folder.path)).map((name) => readFile(join(folder.path, name), 'utf8')),
    );
    const seen = JSON.stringify(broker.seen);
    for (const place of [...files, ...window.logged, seen, inspect(signIn, { depth: 9, showHidden: true })])
      assert.ok(!place.includes(d));
  });

  it('goes on where this machine’s clock is wrong', async () => {
    await begin();
    await open().account.ensureSignedIn();
    windows.pop()!.dispose();
    await connected(0);
    broker.aheadMs = 120_000;
    broker.seen.length = 0;
    const window = open();
    await window.account.settle();
    await connected(1);
    await window.api.call('me');
    assert.equal(window.refreshed.count, 0, 'and no token is exchanged for it');
    const nonces = calls('/v1/events').map(({ headers }) => decodeJwt(String(headers['dpop']))['nonce']);
    assert.equal(typeof nonces.at(-1), 'string');
  });

  it('is renewed with the broker’s time, also by a window that has not heard from it yet', async () => {
    await begin();
    await open().account.ensureSignedIn();
    windows.pop()!.dispose();
    await connected(0);
    broker.aheadMs = 120_000;
    const proofs: string[] = [];
    const { fetch } = globalThis;
    globalThis.fetch = (input, init) => {
      if ((input instanceof Request ? input.url : String(input)).endsWith('/token'))
        proofs.push(new Headers(init?.headers).get('dpop') ?? '');
      return fetch(input, init);
    };
    try {
      const window = open(7 * 3600_000);
      await window.account.settle();
      await connected(1);
    } finally {
      globalThis.fetch = fetch;
    }
    assert.ok(decodeJwt(proofs[0]!).iat! * 1000 > Date.now() + 100_000);
  });

  it('is had at a provider that wants nonces', async () => {
    await begin({ wantsNonces: true });
    const window = open();
    assert.ok(await window.account.ensureSignedIn(), [...window.editor.said, ...window.logged].join('\n'));
    assert.notEqual((await window.access(await window.access())).reveal(), '');
    assert.ok((await kept(window)).proofKey);
  });

  it('is a bearer token as ever where the broker does not say that it takes another', async () => {
    Reflect.deleteProperty(broker.metadata, 'dpop_signing_alg_values_supported');
    await begin();
    const window = open();
    await window.account.ensureSignedIn();
    const { proofKey, version } = await kept(window);
    assert.deepEqual([proofKey, version], [undefined, 1]);
    // The broker learns it; who signed in before goes on.
    broker.metadata['dpop_signing_alg_values_supported'] = ['ES256'];
    await window.access(await window.access());
    await window.api.call('me');
    assert.match(broker.seen.at(-1)?.headers.authorization ?? '', /^Bearer /);
    assert.equal(window.editor.pages.length, 1);
  });

  it('is no use to whoever copies its tokens without the key', async () => {
    await begin();
    const window = open();
    await window.account.ensureSignedIn();
    const { accessToken, refreshToken } = await kept(window);
    for (const scheme of ['Bearer', 'DPoP']) {
      const answer = await fetch(`${broker.url}/v1/me`, {
        headers: { authorization: `${scheme} ${accessToken.reveal()}` },
      });
      assert.equal(answer.status, 401);
    }
    // What it sent, once more.
    const { headers } = calls('/v1/me').find((one) => 'dpop' in one.headers)!;
    const again = { authorization: String(headers.authorization), dpop: String(headers['dpop']) };
    assert.equal((await fetch(`${broker.url}/v1/me`, { headers: again })).status, 401);
    const stolen = await fetch(`${provider.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: 'daypass-vscode',
        refresh_token: refreshToken!.reveal(),
      }),
    });
    assert.equal(((await stolen.json()) as { error: string }).error, 'invalid_grant');
    assert.notEqual((await window.access(accessToken)).reveal(), accessToken.reveal(), 'hers goes on');
  });
});
