import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

describe('Two windows of one person', () => {
  let broker: TestBroker;
  let provider: RunningProvider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let profile: BrowserSecrets;
  let windows: TestWindow[];

  const open = () => {
    const window = openWindow({ folder: folder.path, secrets: profile.window(), broker: broker.url });
    window.editor.browse = (url) => void browseAs('ana', url);
    windows.push(window);
    void window.account.settle();
    return window;
  };
  const isSignedIn = (window: TestWindow) => window.store.world.account.is === 'signed in';
  const files = async () =>
    Promise.all((await readdir(folder.path)).map((name) => readFile(join(folder.path, name), 'utf8')));

  beforeEach(async () => {
    broker = await TestBroker.start();
    provider = await startProvider({ resource: broker.url });
    broker.metadata['authorization_servers'] = [provider.issuer];
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

  it('signing in in one signs the other in, although its secret storage is stale', async () => {
    const [a, b] = [open(), open()];
    await b.account.settle();
    assert.equal(b.store.world.account.is, 'signed out');
    await a.account.ensureSignedIn();
    await until(() => isSignedIn(b), 'the other window is signed in');
    assert.equal(b.editor.pages.length, 0);
    assert.equal((await b.account.ensureSignedIn())?.person.name, 'Ana Lima');
  });

  it('both exchange their tokens at once, again and again, and stay signed in', async () => {
    const [a, b] = [open(), open()];
    await b.account.settle();
    await a.account.ensureSignedIn();
    await until(() => isSignedIn(b), 'the other window is signed in');
    for (let round = 1; round <= 5; round++) {
      const [mine, theirs] = await Promise.all([a.access(), b.access()]);
      const [next, other] = await Promise.all([a.access(mine), b.access(theirs)]);
      assert.equal(next.reveal(), other.reveal());
      assert.notEqual(next.reveal(), mine.reveal());
      assert.equal(a.refreshed.count + b.refreshed.count, round);
    }
    assert.ok(isSignedIn(a) && isSignedIn(b));
  });

  it('signing out in one removes every token in both, and at the provider', async () => {
    const [a, b] = [open(), open()];
    await a.account.ensureSignedIn();
    await until(() => isSignedIn(b), 'the other window is signed in');
    const refreshToken = (await a.keeper.look())!.refreshToken!.reveal();
    await b.account.signOut();
    await until(() => !isSignedIn(a), 'the first window is signed out');
    await assert.rejects(a.access(), { name: 'SignedOut' });
    assert.deepEqual(a.editor.said, []);
    assert.ok(!(await readdir(folder.path)).includes('sign-in'));
    const again = await fetch(`${provider.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: 'daypass-vscode',
        refresh_token: refreshToken,
      }),
    });
    assert.equal(again.status, 400);
  });

  it('a sign-in that came and went at once stays known to no window that has read it meanwhile', async () => {
    const [a, b] = [open(), open()];
    await a.account.ensureSignedIn();
    await until(() => isSignedIn(b), 'the other window is signed in');
    const file = join(folder.path, 'sign-in');
    const kept = await readFile(file, 'utf8');
    await a.keeper.remove();
    await until(() => !isSignedIn(b), 'the other window is signed out');
    await writeFile(file, kept);
    await b.account.settle();
    await rm(file);
    assert.ok(isSignedIn(b));
    await until(() => !isSignedIn(b), 'it is signed out again');
  });

  it('a reloaded window is signed in at once, also while the broker is away', async () => {
    const a = open();
    await a.account.ensureSignedIn();
    a.dispose();
    broker.intercept = (_request, response) => {
      response.destroy();
      return true;
    };
    const again = open();
    await again.account.settle();
    assert.ok(isSignedIn(again));
    await until(() => again.store.world.stream.is === 'disconnected', 'it says that the broker is away');
  });

  it('survives that the storage of another window overwrites the key', async () => {
    const [a, b] = [open(), open()];
    await b.account.settle();
    await a.account.ensureSignedIn();
    await until(() => isSignedIn(b), 'the other window is signed in');
    a.dispose();
    b.dispose();
    const later = open();
    await later.account.settle();
    assert.ok(isSignedIn(later));
  });

  it('signing in in both at once leaves both signed in', async () => {
    const [a, b] = [open(), open()];
    const both = await Promise.all([a.account.ensureSignedIn(), b.account.ensureSignedIn()]);
    assert.deepEqual(
      both.map((me) => me?.person.name),
      ['Ana Lima', 'Ana Lima'],
    );
    for (const window of [a, b, a]) {
      const token = await window.access();
      assert.notEqual((await window.access(token)).reveal(), token.reveal());
    }
    assert.ok(isSignedIn(a) && isSignedIn(b));
  });

  it('keeps no token on disk that could be read, in files that nobody else may open', async () => {
    const a = open();
    await a.account.ensureSignedIn();
    const { accessToken, refreshToken } = (await a.keeper.look())!;
    const all = (await files()).join('\n');
    assert.ok(all.length > 500);
    for (const secret of [
      accessToken.reveal(),
      refreshToken!.reveal(),
      'Ana Lima',
      profile.stored['daypass.key']!,
    ])
      assert.ok(!all.includes(secret));
    assert.ok(!a.logged.join('\n').includes(accessToken.reveal()));
    if (process.platform === 'win32') return;
    assert.equal((await stat(folder.path)).mode & 0o777, 0o700);
    for (const name of await readdir(folder.path))
      assert.equal((await stat(join(folder.path, name))).mode & 0o777, 0o600, name);
  });

  it('another client of the same machine gets nothing: neither key nor sign-in', async () => {
    const a = open();
    await a.account.ensureSignedIn();
    a.dispose();
    profile = new BrowserSecrets();
    const stranger = open();
    await stranger.account.settle();
    assert.equal(stranger.store.world.account.is, 'signed out');
  });

  it('a damaged sign-in counts as none, and signing in mends it', async () => {
    const a = open();
    await a.account.ensureSignedIn();
    const path = join(folder.path, 'sign-in');
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, 200));
    await until(() => a.store.world.account.is === 'signed out', 'it is signed out');
    assert.ok(await a.account.ensureSignedIn());
  });

  it('a lock left by a window that was killed is broken', async () => {
    const a = open();
    await a.account.ensureSignedIn();
    const { spawnSync } = await import('node:child_process');
    const { hostname } = await import('node:os');
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(join(folder.path, 'lock'), JSON.stringify({ nonce: 'x', pid, host: hostname() }));
    const token = await a.access();
    assert.notEqual((await a.access(token)).reveal(), token.reveal());
  });

  it('a provider that cannot be reached is no sign-out; the next exchange works', async () => {
    const a = open();
    await a.account.ensureSignedIn();
    const token = await a.access();
    const { port } = provider;
    await provider.close();
    await assert.rejects(a.access(token), { name: 'Unreachable' });
    assert.ok(isSignedIn(a));
    assert.ok((await readdir(folder.path)).includes('sign-in'));
    provider = await startProvider({ resource: broker.url, port });
    await assert.rejects(a.access(token), { name: 'SignedOut' }, 'a provider that forgot everything ends it');
    await until(() => !isSignedIn(a), 'it is signed out');
    assert.match(a.editor.said.join(), /come to its end/);
  });

  it('another broker in the settings ends the sign-in at the one before', async () => {
    const a = open();
    await a.account.ensureSignedIn();
    a.setBroker('http://127.0.0.1:9');
    await until(() => a.store.world.account.is === 'signed out', 'it is signed out');
    await until(async () => !(await readdir(folder.path)).includes('sign-in'), 'the sign-in is gone');
    a.setBroker(undefined);
    await until(() => a.store.world.account.is === 'no broker', 'there is no broker');
  });
});
