import assert from 'node:assert/strict';
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Browser } from 'playwright-core';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { eventually } from '../broker/support/eventually.ts';
import { launchBrowser } from './support/browser.ts';
import { Editor } from './support/editor.ts';

const brief = `
template: shop-read-briefly
title: Peek at orders
summary: Look at orders for a minute. Change nothing.
target: shop
documentation: https://docs.shop.example/runbooks/peek
scope:
  privileges: [select on sales.orders]
duration: { default: PT1M, longest: PT1M }
terminals: 2
request: { by: [engineering] }
approve: nobody
revoke: { by: [payments-leads] }
`;
const reason = 'Order 4711 is stuck after a payment retry';

/** Every sentence of the main job, by four people, in the product as it is packaged. */
describe('the main job, as people see it', function () {
  this.timeout(120_000);
  this.bail(true);
  let state: string;
  let sandbox: Sandbox;
  let browser: Browser;
  let ana: Editor;
  let ben: Editor;
  let dan: Editor;
  const editors = new Map<string, Editor>();
  const ends: (() => Promise<unknown>)[] = [];

  const urlOf = (name: string) => sandbox.windows.get(name)?.url ?? '';
  const leaseLogins = async () => {
    const client = new pg.Client({ connectionString: sandbox.superuser?.reveal() });
    await client.connect();
    const { rows } = await client.query<{ rolname: string }>(
      "select rolname from pg_roles where rolname ~ '^daypass_[0-9a-f]{8}_'",
    );
    await client.end();
    return rows;
  };
  /** How many processes of this machine were started with these words. */
  const running = async (words: string) => {
    const commands = (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
    return (await Promise.all(commands)).filter((line) => line.replaceAll('\0', ' ').startsWith(words))
      .length;
  };
  const askFor = async (
    editor: Editor,
    template: string,
    more: { ticket?: string; duration?: string } = {},
  ) => {
    await editor.run('Daypass: Request Production Access');
    await editor.pick(template);
    await editor.title(/2\//);
    if (more.duration === undefined) await editor.press('Enter');
    else await editor.pick(more.duration);
    await editor.title(/3\//);
    await editor.page.keyboard.type(reason);
    await editor.press('Enter');
    if (more.ticket === undefined) return;
    await editor.title(/4\//);
    await editor.page.keyboard.type(more.ticket);
    await editor.press('Enter');
  };

  before(async function () {
    this.timeout(300_000);
    await rm('dist/screenshots', { recursive: true, force: true });
    state = await mkdtemp(join(tmpdir(), 'daypass-story-'));
    ends.push(() => rm(state, { recursive: true, force: true }));
    // As root, databases run as an account of their own, which must be able to pass through.
    await chmod(state, 0o711);
    const templates = join(state, 'templates');
    await cp('src/sandbox/templates', templates, { recursive: true });
    await writeFile(join(templates, 'shop', 'read-briefly.yaml'), brief);
    sandbox = await startSandbox({
      state: join(state, 'sandbox'),
      templates,
      windows: ['ana', 'ben', 'dan'],
      settings: {
        'terminal.integrated.gpuAcceleration': 'off',
        'workbench.colorTheme': 'Default Dark Modern',
      },
    });
    ends.push(() => sandbox.close());
    browser = await launchBrowser();
    ends.push(() => browser.close());
  });
  after(async function () {
    this.timeout(60_000);
    for (let end = ends.pop(); end; end = ends.pop()) await end();
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    for (const [name, editor] of editors) await editor.screenshot(`failed-${name}`).catch(() => undefined);
  });

  it('first look: without a broker one sentence and one button, and a bad address is said plainly', async () => {
    const window = sandbox.windows.get('dan');
    assert.ok(window);
    const file = join(window.userData, 'User', 'settings.json');
    const { 'daypass.broker': broker, ...settings } = JSON.parse(await readFile(file, 'utf8')) as Record<
      string,
      unknown
    >;
    await writeFile(file, JSON.stringify(settings));
    dan = await Editor.open(browser, urlOf('dan'));
    editors.set('dan', dan);
    await dan.openSidebar();
    const connect = dan.sidebar.getByRole('button', { name: 'Connect to your organisation' });
    await connect.waitFor();
    await dan.screenshot('01-first-look');
    await connect.click();
    for (const [typed, words] of [
      ['no-such-host.invalid', /no-such-host.invalid cannot be found/],
      [sandbox.provider.issuer, /not a Daypass broker|no Daypass/i],
    ] as const) {
      await dan.input.fill(typed);
      await dan.press('Enter');
      await dan.quickInput.getByText(words).waitFor();
    }
    await dan.screenshot('02-not-a-broker');
    await dan.input.fill(String(broker));
    await dan.press('Enter');
    await dan.sidebar.getByRole('button', { name: 'Sign in' }).waitFor();
  });

  it('Dan signs in and reads why there is nothing for him and whom to ask', async () => {
    await dan.signInAs('Dan', () => dan.sidebar.getByRole('button', { name: 'Sign in' }).click());
    await dan.sidebar
      .getByText(/you are in/i)
      .first()
      .waitFor();
    const text = await dan.sidebar.innerText();
    assert.match(text, /newcomers/);
    assert.match(text, /Ask /);
    await dan.screenshot('03-dan-nothing-yet');
    await dan.close();
    editors.delete('dan');
  });

  it('Ana is signed in on the way, without a question that adds nothing, and stands in the Accounts menu', async () => {
    ana = await Editor.open(browser, urlOf('ana'));
    editors.set('ana', ana);
    await ana.openSidebar();
    await ana.screenshot('04-signed-out');
    await ana.signInAs('Ana', () => ana.run('Daypass: Request Production Access'));
    await ana.rows.first().waitFor();
    assert.equal(await ana.page.getByText('wants to sign in using').count(), 0);
    await ana.screenshot('05-templates');
    await ana.press('Escape');
    await ana.page.locator('.activitybar [aria-label^="Accounts"]').first().click();
    await ana.page
      .getByText(/Ana Lima/)
      .first()
      .waitFor();
    await ana.screenshot('06-accounts');
    await ana.press('Escape');
  });

  it('Escape leaves nothing behind, Back keeps what was typed, and a bad reason is said while typing', async () => {
    await ana.run('Daypass: Request Production Access');
    await ana.pick('Fix one');
    await ana.title(/2\//);
    await ana.screenshot('07-duration');
    await ana.press('Enter');
    await ana.title(/3\//);
    await ana.page.keyboard.type('short');
    await ana.quickInput
      .locator('.quick-input-message')
      .getByText(/at least|more/i)
      .waitFor();
    await ana.input.fill(reason);
    await ana.press('Enter');
    await ana.title(/4\//);
    await ana.page.keyboard.type('nothing');
    await ana.quickInput.getByText(/INC/).first().waitFor();
    await ana.screenshot('08-ticket');
    await ana.quickInput.getByRole('button', { name: 'Back' }).click();
    await ana.title(/3\//);
    assert.equal(await ana.input.inputValue(), reason);
    await ana.press('Escape');
    await ana.quickInput.waitFor({ state: 'hidden' });
    assert.equal(await ana.notification(/./).count(), 0);
  });

  it('without approval: a production terminal, psql is in, what is not allowed is refused', async () => {
    await askFor(ana, 'Read orders');
    const heading = await ana.terminalShows('psql is ready');
    assert.match(heading, /Until \d\d:\d\d/);
    await ana.terminalShows(/[#$%>] ?$/);
    await ana.type('psql');
    await ana.terminalShows('shop=>');
    await ana.type('select count(*) from sales.orders;');
    await ana.terminalShows(/\(1 row\)/);
    await ana.type("begin read write; update sales.orders set status = 'x'; rollback;");
    await ana.terminalShows(/permission denied/);
    const frame = await ana.sessionFrame();
    await frame.getByText(/psql/).first().waitFor();
    await ana
      .statusBar(/\d+ min/)
      .first()
      .waitFor();
    await ana.screenshot('09-session-dark');
  });

  it('other terminals are given nothing', async () => {
    await ana.run('Terminal: Create New Terminal');
    await ana.terminalShows(/[#$%>] ?$/);
    await ana.type('env | grep -c -E "^PG|DAYPASS_(EXPIRES|SESSION)"');
    await ana.terminalShows(/^0$/m);
    await ana.run('Terminal: Kill the Active Terminal Instance');
    await ana.terminalShows(/shop=>/);
  });

  it('a reload brings the countdown and the terminal back', async () => {
    await ana.reload();
    await ana
      .statusBar(/\d+ min/)
      .first()
      .waitFor({ timeout: 30_000 });
    await ana.openSidebar();
    await ana.terminalShows(/shop=>/, 40_000);
    await ana.type('select 41 + 1 as answer;');
    await ana.terminalShows(/42/);
    await ana.screenshot('10-after-reload');
  });

  it('End: everything started there stops, the text stays, and one line says what happened', async () => {
    await ana.type('\\! setsid sleep 86399 & nohup sleep 86398 >/dev/null 2>&1 &');
    await eventually(async () => ((await running('sleep 8639')) === 2 ? true : undefined));
    await ana.run('Daypass: End Production Access');
    await ana.page.getByRole('button', { name: 'End now' }).last().click();
    await ana.terminalShows(/nothing left behind/, 30_000);
    const text = await ana.terminalShows('This text stays until you close the terminal');
    assert.match(text, /Stopped here: .*psql/);
    assert.equal(await running('sleep 8639'), 0);
    await ana
      .statusBar(/\d+ min/)
      .first()
      .waitFor({ state: 'detached' });
    assert.deepEqual(await leaseLogins(), []);
    await ana.screenshot('11-ended');
    await ana.run('Terminal: Kill the Active Terminal Instance');
  });

  it('Ben sees a request within a second, once, and approves exactly that', async () => {
    ben = await Editor.open(browser, urlOf('ben'));
    editors.set('ben', ben);
    await ben.openSidebar();
    await ben.signInAs('Ben', () => ben.sidebar.getByRole('button', { name: 'Sign in' }).click());
    await ben.sidebar.getByText('Requests').first().waitFor();
    await askFor(ana, 'Fix one', { ticket: 'INC-2231' });
    const asked = ben.notification(/Ana Lima asks to/);
    await asked.first().waitFor();
    assert.equal(await asked.count(), 1);
    assert.match(await asked.first().innerText(), /fix one order.s status.*30 min.*4711.*INC-2231/is);
    await ben.sidebar.getByText('Waiting for you').waitFor();
    await ben.screenshot('12-ben-is-asked');
    await ana.screenshot('13-ana-waits');
    await ben.answer(/Ana Lima asks to/, 'Review');
    const dialog = ben.page.locator('.monaco-dialog-box');
    await dialog.waitFor();
    await ben.screenshot('14-review');
    await dialog.getByRole('button', { name: 'Approve' }).click();
    await ana.answer(/Ben Roth approved/, 'Open terminal');
    await ana.terminalShows('psql is ready');
    await ana.terminalShows(/[#$%>] ?$/);
    await ana.type('psql');
    await ana.terminalShows('shop=>');
    await ana.type("update sales.orders set status = 'paid' where id = 7;");
    await ana.terminalShows('UPDATE 1');
    await ana.type('update sales.orders set total_cents = 0 where id = 7;');
    await ana.terminalShows(/permission denied/);
    await ana.screenshot('15-approved-session');
  });

  it('looks right in light and in high contrast', async () => {
    await ana.theme('light');
    await ana.screenshot('16-session-light');
    await ana.theme('high contrast');
    await ana.screenshot('17-session-high-contrast');
    await ana.theme('dark');
  });

  it('Ben revokes: it is gone for Ana, and she reads who and why', async () => {
    await ben.run('Daypass: Revoke Access');
    await ben.input.waitFor();
    if (await ben.rows.filter({ hasText: 'Ana Lima' }).count()) await ben.press('Enter');
    await ben.title(/Revoke/);
    await ben.page.keyboard.type('The incident is over');
    await ben.press('Enter');
    await ana.terminalShows(/Ben Roth/, 30_000);
    await ana.terminalShows(/nothing left behind/, 30_000);
    await ana.screenshot('18-revoked');
    await ana.run('Terminal: Kill the Active Terminal Instance');
  });

  it('Ben denies with a comment, and Ana reads it', async () => {
    await askFor(ana, 'Fix one', { ticket: 'INC-2232' });
    await ben.answer(/Ana Lima asks to.*INC-2232/s, 'Review');
    await ben.page.locator('.monaco-dialog-box').getByRole('button', { name: 'Deny' }).click();
    await ben.title(/Deny/);
    await ben.page.keyboard.type('use the replica instead');
    await ben.press('Enter');
    await ana
      .notification(/Ben Roth denied it.*use the replica instead/s)
      .first()
      .waitFor();
    await ana.screenshot('19-denied');
  });

  it('at zero it is gone by itself, with a warning before', async () => {
    await ana.run('Notifications: Clear All Notifications');
    await askFor(ana, 'Peek at orders');
    await ana.terminalShows('psql is ready');
    await ana.terminalShows(/[#$%>] ?$/);
    await ana.type('psql');
    await ana.terminalShows('shop=>');
    await ana
      .notification(/left to/)
      .first()
      .waitFor({ timeout: 70_000 });
    await ana.screenshot('20-ending-soon');
    await ana.terminalShows(/as planned/, 30_000);
    await ana.terminalShows(/nothing left behind/, 30_000);
    assert.deepEqual(await leaseLogins(), []);
    await ana.screenshot('21-gone-at-zero');
  });

  it('signing out removes it in every window', async () => {
    const second = await Editor.open(browser, urlOf('ana'), ana);
    await second.openSidebar();
    await second.sidebar.getByText('Templates').first().waitFor();
    await ana.run('Daypass: Sign Out');
    await second.sidebar.getByRole('button', { name: 'Sign in' }).waitFor({ timeout: 30_000 });
    await second.close();
  });
});
