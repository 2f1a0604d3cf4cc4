import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { eventually } from '../broker/support/eventually.ts';
import type { Editor } from './support/editor.ts';
import { askFor, reason, useStage } from './support/stage.ts';

/** What people see of each other: an auditor, a withdrawal, two windows of one person, a template that changes. */
describe('several people, several windows', function () {
  this.timeout(180_000);
  this.bail(true);
  const stage = useStage({ windows: ['ana', 'ben', 'carol'] });
  let ana: Editor;
  let ben: Editor;
  let second: Editor;
  let carol: Editor;

  /** How often the broker has answered this read, whoever asked. */
  const reads = async (route: string): Promise<number> => {
    const file = await readFile(stage.sandbox.broker?.configuration ?? '', 'utf8');
    const { metrics } = parse(file) as { metrics: string };
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith('daypass_calls_total{'))
      .filter((line) => line.includes(`route="${route}"`) && line.includes('method="GET"'))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  const waiting = (editor: Editor) => editor.sidebar.getByText('Waiting for you');
  const dialog = (editor: Editor) => editor.page.locator('.monaco-dialog-box');
  const noNotifications = async (editor: Editor) => {
    await editor.run('Notifications: Clear All Notifications');
    await editor.notification(/./).first().waitFor({ state: 'detached' });
  };

  it('a sign-in that is cancelled is no error, and can be begun again', async () => {
    ana = await stage.open('ana');
    await ana.openSidebar();
    const button = ana.sidebar.getByRole('button', { name: 'Sign in' });
    const opened = ana.context.waitForEvent('page');
    await button.click();
    const page = await opened;
    await page.getByRole('button', { name: 'Cancel' }).click();
    await ana
      .notification(/Sign in at/)
      .first()
      .waitFor({ state: 'detached' });
    await page.close();
    assert.deepEqual(await ana.notification(/./).allInnerTexts(), []);

    const again = ana.context.waitForEvent('page');
    await ana.run('Daypass: Request Production Access');
    const other = await again;
    await ana.answer(/Sign in at/, 'Cancel');
    await ana.notification(/./).first().waitFor({ state: 'detached' });
    await other.close();
    assert.equal(await ana.quickInput.count(), 0);

    await ana.signInAs('Ana', () => button.click());
    await ana.sidebar.getByText('Templates').first().waitFor();
  });

  it('Ben, in two windows, sees a request by the event stream, and is told of it in one of them', async () => {
    const before = await reads('/v1/requests');
    [ben, carol] = await Promise.all([stage.openSignedIn('ben'), stage.openSignedIn('carol')]);
    second = await stage.open('ben', ben);
    await second.openSidebar();
    await second.sidebar.getByText('Nothing waits for you').waitFor();
    // Each of the three windows reads it once; the last of them may not have yet.
    const lists = await eventually(async () => {
      const now = await reads('/v1/requests');
      return now >= before + 3 ? now : undefined;
    });

    await askFor(ana, 'Fix one', { ticket: 'INC-2231' });
    const asked = Date.now();
    await Promise.race([waiting(ben).waitFor(), waiting(second).waitFor()]);
    console.log(`      Ben sees it ${Date.now() - asked} ms after the last key.`);
    await Promise.all([waiting(ben).waitFor(), waiting(second).waitFor()]);
    // Whoever polled would have read a list again.
    assert.equal(await reads('/v1/requests'), lists);

    const told = [ben, second].map((editor) => editor.notification(/Ana Lima asks to/));
    await Promise.race(told.map((one) => one.first().waitFor()));
    const both = async () => (await Promise.all(told.map((one) => one.count()))).reduce((a, b) => a + b);
    assert.equal(await both(), 1);
  });

  it('Carol, the auditor, reads what others ask for, and is offered nothing to request or decide', async () => {
    const text = await carol.sidebar.innerText();
    assert.match(text, /you are in auditors/);
    assert.match(text, /Ask Ben Roth or #platform/);
    await carol.sidebar.getByText('Requests of others').waitFor();
    await carol.sidebar.getByText(/fix one order.s status · Shop/).waitFor();
    assert.equal(await waiting(carol).count(), 0);
    assert.equal(await carol.notification(/./).count(), 0);
    for (const [command, words] of [
      ['Review Request', /No request waits for you/],
      ['Revoke Access', /no open access that you may revoke/],
      ['Request Production Access', /you are in auditors/],
    ] as const) {
      await carol.run(`Daypass: ${command}`);
      await carol.notification(words).first().waitFor();
    }
    assert.equal(await carol.page.getByText('Approve', { exact: true }).count(), 0);
    await carol.screenshot('22-carol');
    await carol.close();
  });

  it('what Ben decides in one window is gone in the other', async () => {
    await ben.run('Daypass: Review Request');
    await dialog(ben).waitFor();
    await second.run('Daypass: Review Request');
    await dialog(second).getByRole('button', { name: 'Deny' }).click();
    await second.title(/Deny/);
    await second.page.keyboard.type('use the replica instead');
    await second.press('Enter');
    await waiting(second).waitFor({ state: 'detached' });
    await waiting(ben).waitFor({ state: 'detached' });
    // The question was open here before: too late, and said so.
    await dialog(ben).getByRole('button', { name: 'Approve' }).click();
    await ben
      .notification(/denied|no longer|already/i)
      .first()
      .waitFor();
    await ben.screenshot('23-decided-elsewhere');
    await second.close();
    await noNotifications(ben);
    await noNotifications(ana);
  });

  it('Ana withdraws: gone for Ben at once, and an approval at that moment opens nothing and is told so', async () => {
    await askFor(ana, 'Fix one', { ticket: 'INC-2232' });
    await ben.answer(/Ana Lima asks to/, 'Review');
    await dialog(ben).waitFor();
    const lists = await reads('/v1/requests');
    await ana.run('Daypass: Withdraw Request');
    await waiting(ben).waitFor({ state: 'detached' });
    assert.equal(await reads('/v1/requests'), lists);
    await dialog(ben).getByRole('button', { name: 'Approve' }).click();
    await ben
      .notification(/withdrawn/i)
      .first()
      .waitFor();
    await ben.screenshot('24-withdrawn-meanwhile');
    await ana
      .statusBar(/waiting for/)
      .first()
      .waitFor({ state: 'detached' });
    await ana.sidebar.getByText('Nothing waits for you').waitFor();
    await ana.screenshot('25-ana-withdrew');
    assert.equal(await ana.notification(/approved/).count(), 0);
    await noNotifications(ben);
    await noNotifications(ana);
  });

  it('a template that changes between choice and sending is said, and what was typed is kept', async () => {
    const file = join(stage.sandbox.folder, 'templates', 'shop', 'refund-payment.yaml');
    const before = await readFile(file, 'utf8');
    await ana.run('Daypass: Request Production Access');
    await ana.pick('Refund');
    await ana.title(/2\//);
    await ana.pick('30 min');
    await ana.title(/3\//);
    await ana.page.keyboard.type(`${reason}, CASE-918`);
    await writeFile(file, before.replace('default: PT15M, longest: PT30M', 'default: PT10M, longest: PT10M'));
    await ana.sidebar.getByText(/up to 10/).waitFor();
    await ana.press('Enter');
    await ana.quickInput
      .getByText(/This template changed while you chose: longest is now 10 min \(was 30 min\)/)
      .first()
      .waitFor();
    await ana.screenshot('26-template-changed');
    await ana.title(/2\//);
    await ana.press('Enter');
    await ana.title(/3\//);
    assert.equal(await ana.input.inputValue(), `${reason}, CASE-918`);
    await ana.press('Enter');
    await ben.answer(/Ana Lima asks to refund a payment on Shop, 10 min/, 'Review');
    await dialog(ben).waitFor();
    await ben.press('Escape');
    await ana.run('Daypass: Withdraw Request');
    await waiting(ben).waitFor({ state: 'detached' });
  });

  it('Ben approves on his phone what Ana asked for in her editor, and both editors know at once', async () => {
    await askFor(ana, 'Fix one', { ticket: 'INC-2233' });
    await waiting(ben).waitFor();
    const context = await stage.browser.newContext({
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
      javaScriptEnabled: false,
    });
    const phone = await context.newPage();
    await phone.goto(`${stage.sandbox.broker?.url ?? ''}/requests`);
    assert.doesNotMatch(await phone.content(), /Ana|4711/);
    await phone.getByRole('link', { name: 'Sign in' }).tap();
    await phone.getByRole('button', { name: /Ben Roth/ }).tap();
    await phone.getByRole('link', { name: /Ana Lima: fix one order.s status on Shop/ }).tap();
    await phone.getByText(reason).waitFor();
    await phone.getByText('Signed in as Ben Roth').waitFor();
    await phone.screenshot({ path: 'dist/screenshots/27-phone.png' });
    await phone.getByRole('button', { name: /Approve/ }).tap();
    await phone.getByText('You approved it').waitFor();
    await phone.screenshot({ path: 'dist/screenshots/28-phone-approved.png' });
    await ana.answer(/Ben Roth approved: fix one order.*30 min/s, 'Open terminal');
    await ana.terminalShows('psql is ready');
    await waiting(ben).waitFor({ state: 'detached' });
    await context.close();
  });
});
