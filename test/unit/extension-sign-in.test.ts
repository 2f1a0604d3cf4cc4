import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';
import { freePort } from '../broker/support/postgres.ts';
import { TestBroker } from './support/extension-broker.ts';
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
  let window: TestWindow;

  beforeEach(async () => {
    broker = await TestBroker.start();
    provider = await startProvider({ resource: broker.url });
    broker.metadata['authorization_servers'] = [provider.issuer];
    folder = await temporaryFolder();
    window = openWindow({
      folder: folder.path,
      secrets: new BrowserSecrets().window(),
      broker: broker.url,
    });
  });
  afterEach(async () => {
    window.dispose();
    await provider.close();
    await broker.close();
    await folder.remove();
  });

  const kept = async () => (await readdir(folder.path)).includes('sign-in');
  /** The page that the browser ends on, once it has been sent somewhere. */
  const browsing = (person: string) => {
    const last: { page: Promise<string> | undefined } = { page: undefined };
    window.editor.browse = (url) => {
      last.page = browseAs(person, url);
    };
    return last;
  };

  it('goes through the browser and back, and the page says so', async () => {
    const browser = browsing('ana');
    const me = await window.account.ensureSignedIn();
    assert.equal(me?.person.name, 'Ana Lima');
    assert.match((await browser.page) ?? '', /You are signed in/);
    const asked = window.editor.pages[0]!.searchParams;
    assert.equal(asked.get('resource'), broker.url);
    assert.equal(asked.get('code_challenge_method'), 'S256');
    assert.match(asked.get('redirect_uri') ?? '', /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    await until(() => window.store.world.templates !== undefined, 'the templates are there');
  });

  it('happens once, whoever asks for it meanwhile, and not again afterwards', async () => {
    browsing('ana');
    const [one, two] = await Promise.all([window.account.ensureSignedIn(), window.account.ensureSignedIn()]);
    assert.deepEqual(one, two);
    await window.account.ensureSignedIn();
    assert.equal(window.editor.pages.length, 1);
  });

  it('cancelled on the provider’s page is no error', async () => {
    const browser = browsing('cancel');
    assert.equal(await window.account.ensureSignedIn(), undefined);
    assert.match((await browser.page) ?? '', /You are not signed in/);
    assert.deepEqual(window.editor.said, []);
    assert.equal(window.store.world.account.is, 'signed out');
  });

  it('cancelled in the window is no error, and the browser’s late return changes nothing', async () => {
    window.editor.browse = () => setImmediate(() => window.editor.cancel());
    assert.equal(await window.account.ensureSignedIn(), undefined);
    assert.deepEqual(window.editor.said, []);
    const late = await browseAs('ana', window.editor.pages[0]!).catch(() => 'nobody listens');
    assert.match(late, /nobody listens|belongs to no sign-in/);
    assert.equal(window.store.world.account.is, 'signed out');
    browsing('ana');
    assert.ok(await window.account.ensureSignedIn(), 'the next attempt works');
  });

  it('a page that was refused to be opened is a cancel', async () => {
    window.editor.open = () => Promise.resolve(false);
    assert.equal(await window.account.ensureSignedIn(), undefined);
    assert.deepEqual(window.editor.said, []);
  });

  it('what others bring to the loopback page changes nothing', async () => {
    const pages: Promise<Response>[] = [];
    window.editor.browse = (url) => {
      const callback = url.searchParams.get('redirect_uri') ?? '';
      const state = url.searchParams.get('state') ?? '';
      const strangers = [
        fetch(`${callback}?code=stolen&state=wrong`),
        fetch(`${callback}?code=stolen`),
        fetch(callback.replace('/callback', '/favicon.ico')),
        fetch(`${callback}?code=stolen&state=${state}`, { method: 'POST' }),
      ];
      pages.push(...strangers);
      void Promise.all(strangers).then(() => browseAs('ana', url));
    };
    assert.ok(await window.account.ensureSignedIn());
    for (const page of await Promise.all(pages)) {
      assert.ok(page.status === 400 || page.status === 404);
      assert.match(await page.text(), /belongs to no sign-in/);
    }
  });

  it('an answer in the name of another provider is refused', async () => {
    window.editor.browse = (url) => {
      const callback = new URL(url.searchParams.get('redirect_uri') ?? '');
      callback.search = new URLSearchParams({
        code: 'from-elsewhere',
        state: url.searchParams.get('state') ?? '',
        iss: 'https://evil.example.com',
      }).toString();
      void fetch(callback);
    };
    assert.equal(await window.account.ensureSignedIn(), undefined);
    assert.match(window.editor.said.join(), /makes no sense for a sign-in/);
    assert.equal(await kept(), false);
  });

  it('comes back to one of the ports that the provider knows, if it knows no others', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const busy = (taken.address() as AddressInfo).port;
    try {
      broker.metadata['daypass_loopback_ports'] = [busy];
      delete broker.metadata['daypass_device_client_id'];
      assert.equal(await window.account.ensureSignedIn(), undefined);
      assert.match(
        window.editor.said.join(),
        new RegExp(`Another program has the only ports .* \\(${busy}\\)`),
      );
      const free = await freePort();
      broker.metadata['daypass_loopback_ports'] = [busy, free];
      browsing('ana');
      assert.ok(await window.account.ensureSignedIn());
      const asked = window.editor.pages.at(-1)!.searchParams.get('redirect_uri');
      assert.equal(asked, `http://127.0.0.1:${free}/callback`);
    } finally {
      taken.close();
    }
  });

  it('comes back through a port that VS Code forwards from elsewhere', async () => {
    // SSH, a container, WSL: the window's machine has another port, which leads to where we listen.
    let behind = 0;
    const forwarder = createServer((socket) => {
      const inner = connect(behind, '127.0.0.1');
      socket.on('error', () => inner.destroy()).pipe(inner);
      inner.on('error', () => socket.destroy()).pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(forwarder, 'listening');
    const outer = (forwarder.address() as AddressInfo).port;
    Object.assign(window.editor, { window: { node: true, ui: 'desktop', remote: true } });
    window.editor.reach = (listening) => {
      behind = Number(listening.port);
      return Promise.resolve(new URL(`http://localhost:${outer}/callback`));
    };
    const browser = browsing('ana');
    assert.ok(await window.account.ensureSignedIn(), window.editor.said.join());
    assert.match((await browser.page) ?? '', /You are signed in/);
    const asked = window.editor.pages[0]!.searchParams.get('redirect_uri');
    assert.equal(asked, `http://127.0.0.1:${outer}/callback`);
    assert.equal((await window.keeper.look())?.way, 'browser');
    forwarder.close();
  });

  it('uses a code where the browser cannot come back, bound to a key like any other sign-in', async () => {
    broker.metadata['dpop_signing_alg_values_supported'] = ['ES256'];
    window.editor.reach = () => Promise.resolve(new URL('https://box-40001.app.github.dev/callback'));
    Object.assign(window.editor, { window: { node: true, ui: 'web', remote: true } });
    const shown: string[] = [];
    window.editor.showCode = (code) => {
      shown.push(code);
      return Promise.resolve(true);
    };
    browsing('ana');
    assert.equal((await window.account.ensureSignedIn())?.person.name, 'Ana Lima');
    assert.match(shown[0] ?? '', /^\w{4}-\w{4}$/);
    const { clientId, way, proofKey } = (await window.keeper.look())!;
    assert.deepEqual([clientId, way, proofKey !== undefined], ['daypass-device', 'device', true]);
  });

  it('a code that nobody wants to enter is a cancel', async () => {
    window.editor.reach = () => Promise.resolve(new URL('https://box-40001.app.github.dev/callback'));
    Object.assign(window.editor, { window: { node: true, ui: 'web', remote: true } });
    window.editor.showCode = () => Promise.resolve(false);
    assert.equal(await window.account.ensureSignedIn(), undefined);
    assert.deepEqual([window.editor.said, window.editor.pages], [[], []]);
  });

  it('says so where there is no way in', async () => {
    window.editor.reach = () => Promise.resolve(new URL('https://box-40001.app.github.dev/callback'));
    Object.assign(window.editor, { window: { node: true, ui: 'web', remote: true } });
    delete broker.metadata['daypass_device_client_id'];
    assert.equal(await window.account.ensureSignedIn(), undefined);
    assert.match(window.editor.said.join(), /cannot come back to this window/);
  });

  it('a broker that does not accept the sign-in: its words, and nothing is kept', async () => {
    browsing('ana');
    broker.accepts = () => undefined;
    assert.equal(await window.account.ensureSignedIn(), undefined);
    assert.match(window.editor.said.join(), /does not accept this sign-in: The token is at its end/);
    assert.equal(await kept(), false);
    assert.equal(window.store.world.account.is, 'signed out');
  });

  it('a broker that is away: said, and tried again when the person says so', async () => {
    browsing('ana');
    let away = true;
    broker.intercept = (_request, response) => {
      if (away) response.destroy();
      return away;
    };
    window.editor.say = (message, ...actions) => {
      away = false;
      window.editor.said.push(message);
      return Promise.resolve(actions[0]);
    };
    assert.ok(await window.account.ensureSignedIn());
    assert.match(window.editor.said.join(), /broke the connection off/);
  });

  for (const hours of [-1, 1])
    it(`works with a local clock that is ${hours < 0 ? 'an hour ahead' : 'an hour behind'}`, async () => {
      const script = new URL('./support/extension-provider-ahead.ts', import.meta.url);
      broker.aheadMs = hours * 3_600_000;
      const child = fork(script, [broker.url, String(broker.aheadMs)], { execArgv: ['--import', 'tsx'] });
      try {
        const [issuer] = (await once(child, 'message')) as [string];
        broker.metadata['authorization_servers'] = [issuer];
        browsing('ana');
        assert.ok(await window.account.ensureSignedIn(), window.editor.said.join());
      } finally {
        const gone = once(child, 'exit');
        child.disconnect();
        await gone;
      }
    });

  it('without a broker asks for one first, and goes on', async () => {
    window.setBroker(undefined);
    browsing('ana');
    window.editor.connect = () => {
      window.setBroker(broker.url);
      return Promise.resolve(true);
    };
    assert.ok(await window.account.ensureSignedIn());
    await window.account.signOut();
    window.setBroker(undefined);
    window.editor.connect = () => Promise.resolve(false);
    assert.equal(await window.account.ensureSignedIn(), undefined);
    assert.deepEqual(window.editor.said, []);
  });
});
