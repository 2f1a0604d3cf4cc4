import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { decodeJwt } from 'jose';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import * as z from 'zod';
import { listenOnLoopback, type LoopbackServer } from '../../src/sandbox/loopback.ts';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';
import { launchBrowser } from '../story/support/browser.ts';

const verifier = 'a-verifier-that-is-as-long-as-it-must-be-which-is-43';
const shots = 'dist/screenshots';

/** A real provider and a real browser, whose authenticator is the browser's own virtual one. */
describe('passkeys at the sandbox’s identity provider', function () {
  this.timeout(60_000);
  let provider: RunningProvider;
  let editor: LoopbackServer;
  let callback: string;
  let browser: Browser;
  let axe: string;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];
  let elapsedMs = 0;

  before(async () => {
    mkdirSync(shots, { recursive: true });
    [editor, provider, browser, axe] = await Promise.all([
      listenOnLoopback((_request, response) => response.end('Back in VS Code.')),
      startProvider({
        resource: 'http://127.0.0.1:7420',
        now: () => new Date(Date.now() + elapsedMs),
      }),
      launchBrowser(),
      readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'),
    ]);
    callback = `http://127.0.0.1:${editor.port}/callback`;
  });
  after(async () => {
    await browser.close();
    await Promise.all([provider.close(), editor.close()]);
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 760, height: 640 } });
    page = await context.newPage();
    complaints = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(
      complaints,
      [],
      'the browser complains of nothing, its content security policy included',
    );
  });

  /** A phone or key that is there and agrees to everything. */
  const plugIn = async () => {
    const devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
  };
  /** The page for the second factor, for whoever is clicked. */
  const begin = async (name: string) => {
    const query = new URLSearchParams({
      client_id: 'daypass-vscode',
      response_type: 'code',
      redirect_uri: callback,
      scope: 'openid',
      acr_values: 'mfa',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    await page.goto(`${provider.issuer}/auth?${query.toString()}`);
    await page.getByRole('button', { name }).click();
    await page.getByRole('heading', { name: 'Now your second factor' }).waitFor();
  };
  const typeCode = async () => page.getByLabel('Code').fill(await page.locator('output').innerText());
  /** The page where one is added, for whoever has none yet or has another one. */
  const toAdding = async (name: string) => {
    await begin(name);
    await typeCode();
    await button('Continue and add a passkey').click();
    await page.getByRole('heading', { name: 'Add a passkey' }).waitFor();
  };
  /** Sends this in place of what the browser says. */
  const submit = (passkey: string) =>
    page.evaluate(
      `{ const [form] = document.forms; form.elements.passkey.value = ${JSON.stringify(passkey)}; form.submit(); }`,
    );
  /** What the access token says of the sign-in that has just ended. */
  const signedIn = async () => {
    await page.waitForURL(`${callback}**`);
    const code = new URL(page.url()).searchParams.get('code');
    assert.ok(code !== null, page.url());
    const answer = await fetch(`${provider.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: 'daypass-vscode',
        redirect_uri: callback,
        code,
        code_verifier: verifier,
      }),
    });
    const { access_token: token } = z.object({ access_token: z.string() }).parse(await answer.json());
    const { sub, acr, amr } = decodeJwt(token);
    return { sub, acr, amr };
  };
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  /** Holds the page as it stands against axe, light and dark, and leaves a picture of each. */
  const look = async (name: string) => {
    await page.evaluate(axe);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png` });
      const { violations } = await page.evaluate<{ violations: { id: string }[] }>('axe.run(document)');
      assert.deepEqual(violations, [], `${name}, ${colorScheme}`);
    }
  };

  it('are added after a code, then stand for it, for nobody else and once each', async () => {
    await plugIn();
    await toAdding('Ana Lima');
    await look('passkey-add');
    await button('Add a passkey').click();
    assert.deepEqual(await signedIn(), { sub: 'ana', acr: 'mfa', amr: ['pwd', 'otp', 'mfa'] });

    await begin('Ana Lima');
    await look('passkey-use');
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    await button('Use your passkey').click();
    assert.deepEqual(await signedIn(), { sub: 'ana', acr: 'mfa', amr: ['pwd', 'hwk', 'user', 'mfa'] });
    const used = new URLSearchParams((await sent).postData() ?? '').get('passkey') ?? '';

    // Each answer belongs to the question that it was given to.
    await begin('Ana Lima');
    await submit(used);
    await page.getByText('That passkey did not count.').waitFor();
    await button('Use your passkey').click();
    assert.equal((await signedIn()).sub, 'ana');

    await begin('Ben Roth');
    assert.equal(await button('Use your passkey').count(), 0);
    await typeCode();
    await button('Continue').click();
    assert.deepEqual(await signedIn(), { sub: 'ben', acr: 'mfa', amr: ['pwd', 'otp', 'mfa'] });
  });

  it('are not needed, and are added once for each device', async () => {
    await plugIn();
    for (const press of ['Continue without it', 'Add a passkey']) {
      await toAdding('Carol Weiss');
      await button(press).click();
      assert.deepEqual((await signedIn()).amr, ['pwd', 'otp', 'mfa']);
      // Codes count once, and only two are at hand at a time.
      elapsedMs += 60_000;
    }
    await toAdding('Carol Weiss');
    await button('Add a passkey').click();
    await page.getByText('This device has one already.').waitFor();
    await button('Continue without it').click();
    assert.equal((await signedIn()).sub, 'carol');
  });

  it('cannot be added without a code', async () => {
    await begin('Dan Okoye');
    await submit('{"id":"x"}');
    await page.getByText('That passkey did not count. Try again, or enter the code.').waitFor();
  });
});
