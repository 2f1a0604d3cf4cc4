import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { Template } from '../../src/contract/templates.ts';
import { eventually } from '../broker/support/eventually.ts';
import { startReceiver, type Receiver } from '../broker/support/receivers.ts';
import { inState, newKey, startWorld, type World } from '../broker/support/world.ts';
import { launchBrowser } from './support/browser.ts';

const phone = { width: 360, height: 740 };
const widths = [phone, { width: 768, height: 1024 }, { width: 1280, height: 800 }];
const shots = 'dist/screenshots';

/** Ben is on call, and then somebody else. */
const telling = (url: string) => `
schedules:
  payments:
    zone: UTC
    people: { ben: ben }
    shifts: [{ who: ben, from: Monday 00:00, until: Monday 00:00 }]
channels:
  hook: { kind: webhook, title: Eva Lang, url: '${url}', secrets: [{ env: PAGES_HOOK }] }
`;
const steps = `notify:
  - tell: { on_call: payments, through: hook }
  - { after: PT30M, tell: hook }
  - { after: PT1H, call: '+49 30 1234' }
`;
const glass = `
template: glass
title: Read orders in an emergency
summary: Read orders.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT15M, longest: PT30M }
request: { by: [engineering], ticket: { pattern: 'INC-\\d+', required: true } }
approve: { by: [payments-leads] }
break_glass: { by: [oncall], longest: PT5M, acr: [pwd] }
`;

/** The broker's pages in a real browser, without scripts, on every width, light and dark. */
describe('the pages of the broker, as people see them', function () {
  this.timeout(120_000);
  let world: World;
  let receiver: Receiver;
  let browser: Browser;
  let axe: string;
  let evil: Server | undefined;
  before(async () => {
    mkdirSync(shots, { recursive: true });
    receiver = await startReceiver();
    process.env['PAGES_HOOK'] = `whsec_${randomBytes(32).toString('base64')}`;
    [world, browser, axe] = await Promise.all([
      startWorld({
        pages: true,
        configuration: telling(receiver.url),
        templates: { 'glass.yaml': glass },
      }),
      launchBrowser(),
      readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'),
    ]);
    await world.call('ben', 'GET', '/v1/me');
    const file = join(world.templates, 'fix-status.yaml');
    await writeFile(file, `${await readFile(file, 'utf8')}${steps}`);
    await eventually(async () => {
      const { templates } = (await world.call<{ templates: Template[] }>('ana', 'GET', '/v1/templates')).body;
      return templates.find(({ notify }) => notify);
    });
  });
  after(async () => {
    evil?.close();
    await receiver.close();
    await browser.close();
    await world.stop();
  });

  const ask = async (reason = 'Order 4711 is stuck after a payment retry', template = 'fix-status') => {
    const { templates } = (await world.call<{ templates: Template[] }>('ana', 'GET', '/v1/templates')).body;
    const { digest } = templates.find(({ id }) => id === template)!;
    const made = await world.call<AccessRequest>('ana', 'POST', '/v1/requests', {
      body: {
        template,
        templateDigest: digest,
        duration: 'PT30M',
        reason,
        ticket: 'INC-2231',
      },
      key: newKey(),
    });
    return made.body.id;
  };
  const breakGlass = async (id: string) => {
    const { digest } = (await world.call<AccessRequest>('ana', 'GET', `/v1/requests/${id}`)).body;
    const body = { digest, reason: 'Checkout is down and nobody answers' };
    const broken = await world.call('ana', 'POST', `/v1/requests/${id}/break-glass`, { body, key: newKey() });
    assert.equal(broken.status, 201);
  };
  const stateOf = async (id: string) =>
    (await world.call<AccessRequest>('ana', 'GET', `/v1/requests/${id}`)).body.state;
  const withdraw = (id: string) => world.call('ana', 'POST', `/v1/requests/${id}/withdraw`);

  /** A phone, whose browser runs no scripts; only axe itself needs them. */
  const open = ({ scripts = false } = {}): Promise<BrowserContext> =>
    browser.newContext({ viewport: phone, hasTouch: true, isMobile: true, javaScriptEnabled: scripts });
  const signIn = async (page: Page, address: string, person: RegExp = /Ben Roth/) => {
    await page.goto(`${world.url}${address}`);
    await page.getByRole('link', { name: 'Sign in' }).tap();
    await page.getByRole('button', { name: person }).tap();
    await page.waitForURL(`${world.url}${address}`);
  };
  const picture = (page: Page, name: string) => page.screenshot({ path: `${shots}/${name}.png` });

  /** Looks at what stands there on every width, light and dark. */
  const look = async (page: Page, name: string) => {
    await page.evaluate(axe);
    for (const size of widths) {
      await page.setViewportSize(size);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        const where = `${name}, ${size.width} px, ${colorScheme}`;
        const { violations, passes } = await page.evaluate<{
          violations: { id: string; help: string; nodes: { html: string }[] }[];
          passes: unknown[];
        }>(`axe.run(document, { rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] })`);
        assert.deepEqual(
          violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
          [],
          where,
        );
        assert.ok(passes.length > 5, `axe has looked at nothing: ${where}`);
        const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        assert.ok(Number(over) <= 0, `it is wider than the screen: ${where}`);
        await picture(page, `pages-${name}-${size.width}-${colorScheme}`);
      }
    }
    await page.setViewportSize(phone);
  };

  it('have nothing that axe finds, at 360, 768 and 1280 px, light and dark', async () => {
    const id = await ask();
    const context = await open({ scripts: true });
    const page = await context.newPage();
    await page.goto(`${world.url}/requests/${id}`);
    await look(page, 'signed-out');
    await signIn(page, `/requests/${id}`);
    await eventually(async () => {
      await page.reload();
      return (await page.getByText('Ben Roth told just now').count()) || undefined;
    });
    await page.getByText(/^Eva Lang in \d\d min$/).waitFor();
    await page.getByText('or call +49 30 1234').waitFor();
    await look(page, 'request');
    await page.getByText('Ask…').tap();
    await page.getByRole('textbox').fill('Which of the two 4711?');
    await page.getByRole('button', { name: 'Ask' }).tap();
    await page.getByRole('button', { name: 'I’m looking' }).tap();
    await page.getByText('Deny…').tap();
    await page.getByText('own terms').tap();
    await look(page, 'request-open');
    await page.goto(`${world.url}/requests`);
    await look(page, 'list');
    const file = join(world.templates, 'fix-status.yaml');
    const template = await readFile(file, 'utf8');
    await writeFile(file, template.replace('longest: PT1H', 'longest: PT45M'));
    await eventually(async () => {
      await page.goto(`${world.url}/requests/${id}`);
      return (await page.getByText('The template changed since').count()) || undefined;
    });
    await look(page, 'template-changed');
    await withdraw(id);
    await page.getByRole('button', { name: /Approve/ }).tap();
    await page.getByRole('alert').waitFor();
    await look(page, 'too-late');
    const denied = await ask(`Order ${'4711'.repeat(100)} <b>now</b>`);
    await page.goto(`${world.url}/requests/${denied}`);
    await page.getByText('Deny…').tap();
    await page.getByRole('textbox').fill('use the replica instead');
    await page.getByRole('button', { name: 'Deny' }).tap();
    await page.getByText('Denied', { exact: true }).waitFor();
    await look(page, 'denied');
    const broken = await ask(undefined, 'glass');
    await breakGlass(broken);
    await page.goto(`${world.url}/requests`);
    await look(page, 'list-glass');
    await page.getByText('open still').tap();
    await page.getByText('Revoke…').tap();
    await page.getByRole('textbox').fill('The replica does');
    await look(page, 'glass-broken');
    await page.getByRole('button', { name: 'Revoke' }).tap();
    await page.getByText('You revoked it').waitFor();
    await page.getByText('Sign off…').tap();
    await page.getByRole('textbox').fill('I read along, nothing was changed');
    await page.getByRole('button', { name: 'Sign off' }).tap();
    await page.getByText('You signed it off').waitFor();
    await look(page, 'glass-signed-off');
    await page.goto(`${world.url}/requests/nothing`);
    await look(page, 'not-found');
    await page.goto(`${world.url}/requests`);
    await page.getByRole('button', { name: /Sign out/ }).tap();
    await page.getByText('You are signed out').waitFor();
    await look(page, 'signed-out-now');
    await context.close();
  });

  it('are worked with by keyboard alone', async () => {
    const id = await ask();
    const context = await open();
    const page = await context.newPage();
    await signIn(page, `/requests/${id}`);
    const focused = () => page.evaluate<string>('document.activeElement.textContent');
    for (let tabs = 0; tabs < 12 && !/^Approve/.test(await focused()); tabs++)
      await page.keyboard.press('Tab');
    assert.match(await focused(), /^Approve/);
    await picture(page, 'pages-focus');
    await page.keyboard.press('Enter');
    await page.getByText('You approved it').waitFor();
    assert.equal(await stateOf(id), 'approved');
    await context.close();
  });

  it('decide once where a thumb presses twice', async () => {
    const id = await ask();
    const context = await open();
    const page = await context.newPage();
    await signIn(page, `/requests/${id}`);
    await page.getByRole('button', { name: /Approve/ }).dblclick();
    await page.getByText('You approved it').waitFor();
    const decided = await inState(world, (client) =>
      client.query('select from daypass.decision where request_id = $1', [id]),
    );
    assert.equal(decided.rowCount, 1);
    await context.close();
  });

  it('do nothing for another site: not by a form that it sends, not in a frame, not by being fetched', async () => {
    const id = await ask();
    const context = await browser.newContext({ viewport: phone });
    const page = await context.newPage();
    await page.goto(`${world.url}/requests/${id}`);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: /Ben Roth/ }).click();
    await page.waitForURL(`${world.url}/requests/${id}`);
    const fields = await page.evaluate<[string, string][]>(
      `[...document.querySelectorAll('form[action$="/approve"] input')].map(({ name, value }) => [name, value])`,
    );
    const action = `${world.url}/requests/${id}/approve`;
    // Whatever the other site has come to know, the browser says where the form comes from.
    const html = `<!doctype html><form method="post" action="${action}">${fields
      .map(([name, value]) => `<input name="${name}" value="${value}">`)
      .join('')}<button>Win</button></form><iframe src="${world.url}/requests/${id}"></iframe>
      <script>fetch('${action}', { method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams(new FormData(document.forms[0])) }).finally(() => { document.title = 'sent' })</script>`;
    const server = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end(html),
    );
    evil = server;
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    for (const host of ['localhost', '127.0.0.1']) {
      const other = await context.newPage();
      await other.goto(`http://${host}:${port}/`);
      await other.waitForFunction('document.title === "sent"');
      const frame = other.frames().find((one) => one !== other.mainFrame());
      assert.doesNotMatch((await frame?.content()) ?? '', /4711|Approve|Sign in/);
      await other.getByRole('button', { name: 'Win' }).click();
      await other.getByText('nothing was done').waitFor();
      assert.equal(await stateOf(id), 'pending', host);
      await other.close();
    }
    await context.close();
  });
});
