import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { offered } from '../../src/extension/account/offered.ts';
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

describe('A sign-in whose folder or provider is in trouble', () => {
  let broker: TestBroker;
  let provider: RunningProvider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let profile: BrowserSecrets;
  let windows: TestWindow[];
  /** What this machine's clock is ahead, ms. */
  let aheadMs: number;

  const open = (secrets = profile.window()) => {
    const window = openWindow({
      folder: folder.path,
      secrets,
      broker: broker.url,
      wall: () => Date.now() + aheadMs,
    });
    window.editor.browse = (url) => void browseAs('ana', url);
    windows.push(window);
    return window;
  };
  const signedIn = async () => {
    const window = open();
    assert.ok(await window.account.ensureSignedIn());
    return window;
  };
  const isSignedIn = (window: TestWindow) => window.store.world.account.is === 'signed in';
  const stored = () => readFile(join(folder.path, 'sign-in'), 'utf8');
  const complaints = (window: TestWindow) =>
    window.logged.filter((line) => line.includes('cannot be stored'));

  beforeEach(async () => {
    broker = await TestBroker.start();
    provider = await startProvider({ resource: broker.url });
    broker.metadata['authorization_servers'] = [provider.issuer];
    folder = await temporaryFolder();
    profile = new BrowserSecrets();
    windows = [];
    aheadMs = 0;
  });
  afterEach(async () => {
    for (const window of windows) window.dispose();
    await provider.close();
    await broker.close();
    await folder.remove();
  });

  describe('when what was renewed cannot be stored', () => {
    it('goes on with it, renews it again, and stores it once there is room', async () => {
      const window = await signedIn();
      const before = await stored();
      window.disk.full = true;
      let token = await window.access();
      for (let round = 0; round < 3; round++) {
        const next = await window.access(token);
        assert.notEqual(next.reveal(), token.reveal());
        assert.equal((await window.access()).reveal(), next.reveal());
        token = next;
      }
      assert.equal(await stored(), before);
      assert.ok(isSignedIn(window));
      assert.equal(complaints(window).length, 1, window.logged.join('\n'));

      window.disk.full = false;
      const asked = window.refreshed.count;
      aheadMs += 31_000;
      assert.equal((await window.access()).reveal(), token.reveal());
      await until(async () => (await stored()) !== before, 'it is stored');
      assert.equal(window.refreshed.count, asked, 'nothing is exchanged for it');
      window.dispose();
      const next = open();
      await next.account.settle();
      assert.notEqual((await next.access(await next.access())).reveal(), token.reveal());
      assert.deepEqual(next.editor.said, []);
    });

    it('is signed out all the same, here and at the provider', async () => {
      const window = await signedIn();
      window.disk.full = true;
      await window.access(await window.access());
      const { refreshToken } = (await window.keeper.look())!;
      await window.account.signOut();
      assert.equal(window.store.world.account.is, 'signed out');
      assert.ok(!(await readdir(folder.path)).includes('sign-in'));
      const again = await fetch(`${provider.issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: 'daypass-vscode',
          refresh_token: refreshToken!.reveal(),
        }),
      });
      assert.equal(again.status, 400);
      window.disk.full = false;
      await window.account.settle();
      assert.equal(window.store.world.account.is, 'signed out');
    });

    it('gives way to what another window signed in with meanwhile', async () => {
      const window = await signedIn();
      window.disk.full = true;
      await window.access(await window.access());
      const other = open();
      await other.account.settle();
      await other.account.signOut();
      await until(() => !isSignedIn(window), 'it is signed out here too');
      assert.ok(await other.account.ensureSignedIn());
      await until(() => isSignedIn(window), 'it is signed in here too');
      assert.equal((await window.access()).reveal(), (await other.access()).reveal());
    });
  });

  describe('when it cannot be read for a moment', () => {
    it('stands as it was', async () => {
      const window = await signedIn();
      window.disk.unreadable = true;
      await window.account.settle();
      assert.ok(isSignedIn(window));
      window.disk.unreadable = false;
      await window.keeper.remove();
      await until(() => !isSignedIn(window), 'it looks again by itself');
    });

    it('is not known at the start, and found as soon as it can be read', async () => {
      (await signedIn()).dispose();
      const window = open();
      window.disk.unreadable = true;
      await window.account.settle();
      assert.equal(window.store.world.account.is, 'starting');
      window.disk.unreadable = false;
      await until(() => isSignedIn(window), 'it is signed in');
      assert.equal(window.logged.filter((line) => line.includes('could not be read')).length, 1);
    });

    it('can be replaced where it stays unreadable', async () => {
      (await signedIn()).dispose();
      const window = open();
      window.disk.unreadable = true;
      await window.account.settle();
      await until(() => window.store.world.account.is === 'signed out', 'signing in is offered');
      window.disk.unreadable = false;
      await until(() => isSignedIn(window), 'it is found all the same');
    });

    it('is not taken for one at another broker', async () => {
      const window = await signedIn();
      window.disk.unreadable = true;
      window.setBroker('http://127.0.0.1:9');
      await until(() => !isSignedIn(window), 'nothing is known of that one');
    });

    it('waits for the secret storage of VS Code as well', async () => {
      (await signedIn()).dispose();
      const works = profile.window();
      let fails = true;
      const window = open({
        get: (name) => (fails ? Promise.reject(new Error('The keyring is locked.')) : works.get(name)),
        store: (name, value) => works.store(name, value),
      });
      await window.account.settle();
      assert.equal(window.store.world.account.is, 'starting');
      fails = false;
      await until(() => isSignedIn(window), 'it is signed in');
    }).timeout(20_000);
  });

  describe('when another extension asks for it', () => {
    it('is renewed before it is handed out', async () => {
      const window = await signedIn();
      const first = (await offered(window))!.accessToken.reveal();
      assert.equal((await offered(window))!.accessToken.reveal(), first);
      aheadMs = 24 * 3600_000;
      assert.notEqual((await offered(window))!.accessToken.reveal(), first);
      assert.equal(window.refreshed.count, 1);
    });

    it('is handed out as it is while the provider cannot be reached', async () => {
      const window = await signedIn();
      const first = (await offered(window))!.accessToken.reveal();
      aheadMs = 24 * 3600_000;
      const { port } = provider;
      await provider.close();
      assert.equal((await offered(window))?.accessToken.reveal(), first);
      provider = await startProvider({ resource: broker.url, port });
      assert.equal(await offered(window), undefined, 'a provider that forgot everything ends it');
      assert.equal(windows[0]!.editor.pages.length, 1, 'nobody was asked to sign in');
    });
  });

  it('gives no token to another broker, nor for another person', async () => {
    const window = await signedIn();
    const { account } = window.store.world;
    assert.ok(account.is === 'signed in');
    const mine = { broker: account.broker, who: account.me.person.id };
    assert.ok((await window.keeper.access(mine)).token.reveal());
    for (const other of [
      { ...mine, broker: 'https://evil.example' },
      { ...mine, who: 'somebody else' },
    ])
      await assert.rejects(window.keeper.access(other), { name: 'SignedOut' });
    window.setBroker('http://127.0.0.1:9');
    await assert.rejects(window.keeper.access({ ...mine, broker: 'http://127.0.0.1:9' }), {
      name: 'SignedOut',
    });
  });
});
