import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../broker/support/eventually.ts';
import type { Editor } from './support/editor.ts';
import { askFor, reason, running, useStage } from './support/stage.ts';
import { peek } from './support/templates.ts';

/** Every sentence of the main job, by four people, in the product as it is packaged. */
describe('the main job, as people see it', function () {
  this.timeout(120_000);
  this.bail(true);
  const stage = useStage({ windows: ['ana', 'ben', 'dan'], templates: { 'peek.yaml': peek } });
  let ana: Editor;
  let ben: Editor;
  let dan: Editor;

  it('first look: without a broker one sentence and one button, and a bad address is said plainly', async () => {
    const file = join(stage.window('dan').userData, 'User', 'settings.json');
    const { 'daypass.broker': broker, ...settings } = JSON.parse(await readFile(file, 'utf8')) as Record<
      string,
      unknown
    >;
    await writeFile(file, JSON.stringify(settings));
    dan = await stage.open('dan');
    await dan.openSidebar();
    const connect = dan.sidebar.getByRole('button', { name: 'Connect to your organisation' });
    await connect.waitFor();
    await dan.screenshot('01-first-look');
    await connect.click();
    for (const [typed, words] of [
      ['no-such-host.invalid', /no-such-host.invalid cannot be found/],
      [stage.sandbox.provider.issuer, /not a Daypass broker|no Daypass/i],
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
  });

  it('Ana is signed in on the way, without a question that adds nothing, and stands in the Accounts menu', async () => {
    ana = await stage.open('ana');
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
    assert.deepEqual(await stage.leaseLogins(), []);
    await ana.screenshot('11-ended');
    await ana.run('Terminal: Kill the Active Terminal Instance');
  });

  it('Ben sees a request within a second, once, and approves exactly that', async () => {
    ben = await stage.open('ben');
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
    const waits = await ana.sessionFrame();
    for (const piece of [/^Ben Roth told just now$/, /^Eva Lang in 3 min$/, /^or call \+49 30/])
      await waits.locator('.waiting').getByText(piece).waitFor();
    await ana.screenshot('13-ana-waits');
    await ben.answer(/Ana Lima asks to/, 'Review');
    const review = await ben.review();
    await review.locator('button:focus[data-do="approve"][aria-disabled="false"]').waitFor();
    await ben.screenshot('14-review');
    // Two interactions in all: it was opened, and this is what stands first.
    await ben.press('Enter');
    await ana.answer(/Ben Roth approved: fix one order.*30 min/s, 'Open terminal');
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
    await ben
      .notification(/Revoked: Ana Lima, fix one order.s status on Shop\. Login closed.*nothing left behind/s)
      .first()
      .waitFor();
    await ben.screenshot('18-ben-revoked');
    await ana.run('Terminal: Kill the Active Terminal Instance');
  });

  it('Ben denies with a comment, and Ana reads it', async () => {
    await askFor(ana, 'Fix one', { ticket: 'INC-2232' });
    await ben.answer(/Ana Lima asks to.*INC-2232/s, 'Review');
    const review = await ben.review();
    await review.getByRole('button', { name: 'Deny…' }).click();
    await review.locator('textarea:focus').waitFor();
    await ben.page.keyboard.type('use the replica instead');
    await ben.press('Enter');
    await ana
      .notification(/Ben Roth denied: fix one order.*use the replica instead/s)
      .first()
      .waitFor();
    await ben.notification('Denied. Ana Lima reads your words.').first().waitFor();
    await ana.screenshot('19-denied');
  });

  it('a migration takes her second factor: one visit, and the request goes on where it stood', async () => {
    await ana.run('Notifications: Clear All Notifications');
    const pages = ana.context.pages().length;
    await ana.run('Daypass: Request Production Access');
    await ana.pick('Apply a catalog migration');
    await ana.title(/2\//);
    await ana.press('Enter');
    await ana.title(/3\//);
    await ana.page.keyboard.type(reason);
    await ana.signInWithCode('Ana', () => ana.press('Enter'), '38-migration-second-factor');
    // Nothing is asked twice: what was typed was sent with the better sign-in.
    await (await ana.sessionFrame()).locator('.waiting').getByText('Ben Roth told just now').waitFor();
    assert.equal(ana.context.pages().length, pages);
    await ben.answer(/Ana Lima asks to apply a catalog migration on Shop, 30 min/, 'Review');
    const review = await ben.review();
    await review.locator('main').getByText(reason).first().waitFor();
    await ben.screenshot('39-migration-review');
    await ana.run('Daypass: Withdraw Request');
    await review.locator('main').getByText('Withdrawn. Nothing needs to be decided any more.').waitFor();
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
    assert.deepEqual(await stage.leaseLogins(), []);
    await ana.screenshot('21-gone-at-zero');
  });

  it('signing out removes it in every window', async () => {
    const second = await stage.open('ana', ana);
    await second.openSidebar();
    await second.sidebar.getByText('Templates').first().waitFor();
    await ana.run('Daypass: Sign Out');
    await second.sidebar.getByRole('button', { name: 'Sign in' }).waitFor({ timeout: 30_000 });
    await second.close();
  });
});
