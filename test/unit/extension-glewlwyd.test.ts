import assert from 'node:assert/strict';
import { createVerifier } from '../../src/broker/identity/verifier.ts';
import { freePort } from '../broker/support/postgres.ts';
import { TestBroker } from './support/extension-broker.ts';
import {
  BrowserSecrets,
  openWindow,
  temporaryFolder,
  until,
  type TestWindow,
} from './support/extension-window.ts';
import { isThere, startGlewlwyd, type Glewlwyd } from './support/glewlwyd.ts';

/** The same ways in as at our own provider, at one that others have written. */
describe('Signing in at Glewlwyd', function () {
  this.timeout(30_000);
  let broker: TestBroker;
  let provider: Glewlwyd;
  let resource: string;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let window: TestWindow;
  let port: number;

  before(async function () {
    if (!isThere()) {
      console.log('\n!! Missing: glewlwyd, a second identity provider. Install it (Debian: glewlwyd).\n');
      this.skip();
    }
    broker = await TestBroker.start();
    // It takes resources at https or at localhost only, and redirects to addresses that it knows to the letter.
    resource = `http://localhost:${broker.port}`;
    port = await freePort();
    provider = await startGlewlwyd({ resource, redirectUris: [`http://127.0.0.1:${port}/callback`] });
    Object.assign(broker.metadata, {
      resource,
      authorization_servers: [provider.issuer],
      daypass_scopes: ['openid', 'daypass'],
      daypass_loopback_ports: [port],
    });
  });
  after(async () => {
    await (provider as Glewlwyd | undefined)?.close();
    await (broker as TestBroker | undefined)?.close();
  });
  beforeEach(async () => {
    folder = await temporaryFolder();
    window = openWindow({ folder: folder.path, secrets: new BrowserSecrets().window(), broker: resource });
  });
  afterEach(async () => {
    window.dispose();
    await folder.remove();
  });

  /** Whoever signs in, as the broker would see it. */
  const seen = async () => {
    const verifier = createVerifier({
      identity: {
        issuer: provider.issuer,
        audience: resource,
        clients: ['daypass-vscode'],
        deviceClient: 'daypass-device',
        groupsClaim: 'groups',
        // It sends several values of a property as one text.
        groupsSeparator: ',',
        nameClaim: 'name',
        scopes: ['openid', 'daypass'],
        algorithms: ['ES256'],
      },
      publicUrl: resource,
    });
    return verifier.verify(`Bearer ${(await window.access()).reveal()}`);
  };
  const browsing = () => {
    window.editor.browse = (page) => void provider.browse(page);
  };

  it('through the browser, with tokens that the broker takes, and renews them', async () => {
    browsing();
    assert.ok(await window.account.ensureSignedIn(), window.editor.said.join() + window.logged.join('\n'));
    const { name, groups, mayDecide } = await seen();
    assert.deepEqual([name, groups, mayDecide], ['Ana Lima', ['engineering', 'oncall'], true]);
    const token = await window.access();
    assert.notEqual((await window.access(token)).reveal(), token.reveal());
    assert.equal((await seen()).name, 'Ana Lima');
  });

  it('with a code where the browser cannot come back; such a sign-in decides nothing', async () => {
    window.editor.reach = () => Promise.resolve(new URL('https://box-40001.app.github.dev/callback'));
    Object.assign(window.editor, { window: { node: true, ui: 'web', remote: true } });
    browsing();
    assert.ok(await window.account.ensureSignedIn(), window.editor.said.join() + window.logged.join('\n'));
    const { name, mayDecide, clientId } = await seen();
    assert.deepEqual([name, mayDecide, clientId], ['Ana Lima', false, 'daypass-device']);
  });

  it('signing out ends the sign-in there too', async () => {
    browsing();
    await window.account.ensureSignedIn();
    const refreshToken = (await window.keeper.look())!.refreshToken!.reveal();
    await window.account.signOut();
    const again = () =>
      fetch(`${provider.issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: 'daypass-vscode',
          refresh_token: refreshToken,
        }),
      });
    await until(async () => (await again()).status === 400, 'its refresh token is good for nothing');
  });
});
