import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
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

const { fetch } = globalThis;

describe('A sign-in lives on', () => {
  let broker: TestBroker;
  let provider: RunningProvider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let profile: BrowserSecrets;
  let windows: TestWindow[];
  /** What this machine's clock is ahead of when the window was opened, ms. */
  let aheadMs: number;

  const begin = async (options: { reuseWithin?: number } = {}) => {
    provider = await startProvider({ resource: broker.url, ...options });
    broker.metadata['authorization_servers'] = [provider.issuer];
  };
  const open = () => {
    const window = openWindow({
      folder: folder.path,
      secrets: profile.window(),
      broker: broker.url,
      wall: () => Date.now() + aheadMs,
    });
    window.editor.browse = (url) => void browseAs('ana', url);
    windows.push(window);
    return window;
  };
  const isSignedIn = (window: TestWindow) => window.store.world.account.is === 'signed in';

  beforeEach(async () => {
    broker = await TestBroker.start();
    folder = await temporaryFolder();
    profile = new BrowserSecrets();
    windows = [];
    aheadMs = 0;
  });
  afterEach(async () => {
    globalThis.fetch = fetch;
    for (const window of windows) window.dispose();
    await provider.close();
    await broker.close();
    await folder.remove();
  });

  /** Another window of the same person, killed in the middle of a renewal, with the lock in its hands. */
  const killedWhileRenewing = async (where: 'before' | 'after') => {
    const script = new URL('./support/extension-window-stuck.ts', import.meta.url);
    const child = fork(script, [folder.path, broker.url, JSON.stringify(profile.stored), where], {
      execArgv: ['--import', 'tsx'],
    });
    const gone = once(child, 'exit');
    await once(child, 'message');
    assert.ok((await readdir(folder.path)).includes('lock'), 'it holds the lock');
    child.kill('SIGKILL');
    await gone;
    assert.ok((await readdir(folder.path)).includes('lock'), 'the lock is left');
  };

  it('when a window is killed that was about to renew it', async () => {
    await begin();
    const window = open();
    await window.account.ensureSignedIn();
    const before = await window.access();
    await killedWhileRenewing('before');
    assert.notEqual((await window.access(before)).reveal(), before.reveal());
    assert.ok(isSignedIn(window));
    assert.deepEqual(window.editor.said, []);
  });

  it('when a window is killed after the provider has answered, where a token may be used again within seconds', async () => {
    await begin({ reuseWithin: 30 });
    const window = open();
    await window.account.ensureSignedIn();
    const before = await window.access();
    await killedWhileRenewing('after');
    assert.notEqual((await window.access(before)).reveal(), before.reveal());
    assert.ok(isSignedIn(window));
    assert.deepEqual([window.editor.said, window.editor.pages.length], [[], 1]);
  });

  it('or ends with one question, where a provider takes the lost answer for a theft', async () => {
    await begin();
    const window = open();
    await window.account.ensureSignedIn();
    const before = await window.access();
    await killedWhileRenewing('after');
    window.editor.answers = ['Sign in'];
    await assert.rejects(window.access(before), { name: 'SignedOut' });
    await until(() => window.editor.pages.length === 2 && isSignedIn(window), 'signed in again');
    assert.equal(window.editor.said.length, 1);
    assert.match(window.editor.said.join(), /come to its end. What is open stays open until its time/);
  });

  it('after a night asleep and a minute without network', async () => {
    await begin();
    const window = open();
    await window.account.ensureSignedIn();
    await until(() => window.store.world.stream.is === 'connected', 'its stream stands');
    const before = await window.access();
    // What there is when a laptop wakes up before its network does.
    broker.intercept = (_request, response) => {
      response.destroy();
      return true;
    };
    globalThis.fetch = () =>
      Promise.reject(
        new TypeError('fetch failed', {
          cause: Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' }),
        }),
      );
    aheadMs = 7 * 3600_000;
    broker.cutStreams();
    await until(() => window.store.world.stream.is === 'disconnected', 'it says that nobody answers');
    await assert.rejects(window.access(), { name: 'Unreachable' });
    assert.ok(isSignedIn(window));

    globalThis.fetch = fetch;
    broker.intercept = undefined;
    await until(() => window.store.world.stream.is === 'connected', 'its stream stands again');
    assert.notEqual((await window.access()).reveal(), before.reveal());
    assert.ok(isSignedIn(window));
    assert.deepEqual([window.editor.said, window.editor.pages.length], [[], 1]);
  });
});
