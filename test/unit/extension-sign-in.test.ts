import assert from 'node:assert/strict';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';
import { ana, TestBroker } from './support/extension-broker.ts';
import {
  BrowserSecrets,
  browseAs,
  openWindow,
  temporaryFolder,
  until,
  type TestWindow,
} from './support/extension-window.ts';

describe('Signing in', () => {
  let broker: TestBroker;
  let provider: RunningProvider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const windows: TestWindow[] = [];
  const open = (secrets = new BrowserSecrets().window()) => {
    const window = openWindow({ folder: folder.path, secrets, broker: broker.url });
    windows.push(window);
    return window;
  };

  beforeEach(async () => {
    broker = await TestBroker.start();
    provider = await startProvider({ resource: broker.url });
    broker.metadata['authorization_servers'] = [provider.issuer];
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    for (const window of windows.splice(0)) window.dispose();
    await provider.close();
    await broker.close();
    await folder.remove();
  });

  it('goes through the browser and back, and the page says so', async () => {
    const window = open();
    let page = Promise.resolve('');
    window.editor.browse = (url) => {
      page = browseAs('ana', url);
    };
    const me = await window.account.ensureSignedIn();
    assert.equal(me?.person.name, 'Ana Lima');
    assert.match(await page, /You are signed in/);
    assert.equal(window.store.world.account.is, 'signed in');
    const asked = window.editor.pages[0]!.searchParams;
    assert.equal(asked.get('resource'), broker.url);
    assert.equal(asked.get('code_challenge_method'), 'S256');
    await until(() => window.store.world.templates !== undefined, 'the templates are there');
    void ana;
  });
});
