import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import type { Frame } from 'playwright-core';
import { parse } from 'yaml';
import { eventually } from '../broker/support/eventually.ts';
import type { Editor } from './support/editor.ts';
import { askFor, reason, useStage } from './support/stage.ts';
import { stop } from './support/templates.ts';

/** What people see of each other: an auditor, a withdrawal, two windows of one person, a template that changes. */
describe('several people, several windows', function () {
  this.timeout(180_000);
  this.bail(true);
  const stage = useStage({ windows: ['ana', 'ben', 'carol'], templates: { 'stop.yaml': stop } });
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
  /** Light, dark, high contrast. */
  const pictures = async (editor: Editor, name: string) => {
    if (!process.env['DAYPASS_PICTURES']) return;
    for (const theme of ['light', 'high contrast', 'dark'] as const) {
      await editor.theme(theme);
      await editor.screenshot(`review-${name}-${theme.replace(' ', '-')}`);
    }
  };
  const inThemes = async (editor: Editor, name: string) => {
    await editor.screenshot(name);
    if (!process.env['DAYPASS_PICTURES']) return;
    for (const theme of ['light', 'high contrast'] as const) {
      await editor.theme(theme);
      await editor.screenshot(`${name}-${theme.replace(' ', '-')}`);
    }
    await editor.theme('dark');
  };
  /** What axe-core finds in a page, as it stands. */
  const violations = async (frame: Frame): Promise<string[]> => {
    await frame.evaluate(
      await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'),
    );
    return frame.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const { violations: found } = await axe.run();
      return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    });
  };
  /** Ready to sign in to the broker's pages. */
  const aPhone = async () => {
    const context = await stage.browser.newContext({
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
      javaScriptEnabled: false,
    });
    const phone = await context.newPage();
    await phone.goto(`${stage.sandbox.broker?.url ?? ''}/requests`);
    return { phone, close: () => context.close() };
  };
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
  });

  it('what Ben decides in one window is gone in the other', async () => {
    await ben.run('Daypass: Review Request');
    const open = await ben.review();
    await second.run('Daypass: Review Request');
    const review = await second.review();
    await review.getByRole('button', { name: 'Deny…' }).click();
    await second.page.keyboard.type('use the replica instead');
    await second.press('Enter');
    await waiting(second).waitFor({ state: 'detached' });
    await waiting(ben).waitFor({ state: 'detached' });
    // It was open here before: it says what came of it, and there is nothing left to press.
    await open.locator('main').getByText('Denied. Nothing was opened.').waitFor();
    await open
      .locator('main')
      .getByText(/You denied at \d\d:\d\d: “use the replica instead”/)
      .waitFor();
    assert.equal(await open.locator('footer button:visible').count(), 0);
    await ben.screenshot('23-decided-elsewhere');
    await ben.run('View: Close All Editors');
    await second.close();
    await noNotifications(ben);
    await noNotifications(ana);
  });

  it('Ben asks back and claims it, Ana answers, Carol sees both, and Ben approves less time', async () => {
    await askFor(ana, 'Fix one', { ticket: 'INC-2240' });
    await ben.answer(/Ana Lima asks to/, 'Review');
    const review = await ben.review();
    await review.locator('button:focus[data-do="approve"]').waitFor();
    await pictures(ben, 'review');
    assert.deepEqual(await violations(review), []);
    await review.locator('button[data-do="approve"]').first().focus();

    // By keyboard alone: Approve has the focus; the others follow it.
    for (const name of ['Deny…', 'Shorten…', 'Ask…']) {
      await ben.press('Tab');
      await review.locator('button:focus', { hasText: name }).waitFor();
    }
    await ben.press('Enter');
    await review.locator('textarea:focus').waitFor();
    await ben.page.keyboard.type('Which customer is it?');
    await ben.press('Enter');
    await review.getByRole('heading', { name: 'Questions and answers' }).waitFor();
    await review.locator('button:focus', { hasText: 'Ask…' }).waitFor();
    await ben.press('Tab');
    await ben.press('Enter');
    await review
      .locator('main')
      .getByText(/^You are looking, since \d\d:\d\d$/)
      .waitFor();
    await review.locator('button:focus', { hasText: 'Stop looking' }).waitFor();

    // Carol audits, and sees it in her sidebar.
    await carol.sidebar
      .getByText(/Ben Roth is looking/)
      .first()
      .waitFor();
    await carol.sidebar
      .getByText(/Ana Lima/)
      .first()
      .click();
    const read = await carol.review();
    await read
      .locator('main')
      .getByText(/^Ben Roth is looking, since/)
      .waitFor();
    assert.equal(await read.locator('footer button:visible').count(), 0);
    await carol.screenshot('27-carol-reads');

    await ana.statusBar(/Ben Roth asks/).waitFor();
    await ana.screenshot('28-ana-is-asked');
    await ana.answer(/Ben Roth asks: “Which customer is it\?”/, 'Answer');
    const mine = await ana.review();
    await mine.locator('textarea:focus').waitFor();
    await ana.page.keyboard.type('Mia, order 4711');
    await pictures(ana, 'answer');
    await mine.locator('textarea:visible').press('Enter');
    await mine.locator('main').getByText('Mia, order 4711').first().waitFor();
    await read.locator('main').getByText('Mia, order 4711').first().waitFor();
    await review.locator('#said', { hasText: 'Ana Lima: Mia, order 4711' }).waitFor({ state: 'attached' });
    await review.locator('main').getByText('Mia, order 4711').first().waitFor();
    assert.equal(await ben.notification(/Ana Lima answers: “Mia, order 4711”/).count(), 1);

    await review.getByRole('button', { name: 'Shorten…' }).click();
    await review.locator('button:focus', { hasText: '15 min' }).waitFor();
    await pictures(ben, 'shorten');
    assert.deepEqual(await violations(review), []);
    await review.getByRole('button', { name: 'Approve 15 min instead of 30 min' }).press('Enter');
    await ben
      .notification(/Approved\. Ana Lima has been told/)
      .first()
      .waitFor();
    await ana
      .notification(/Ben Roth approved 15 min instead of 30 min: fix one order/)
      .first()
      .waitFor();
    await mine
      .locator('main')
      .getByText(/Ben Roth approved 15 min at/)
      .waitFor();
    await ana.screenshot('29-shortened');
    await ana.run('Daypass: End Production Access');
    await ana.page.getByText('approved, not opened yet').first().waitFor({ state: 'detached' });
    await carol.close();
    for (const editor of [ana, ben]) {
      await editor.run('View: Close All Editors');
      await noNotifications(editor);
    }
  });

  it('Ana withdraws: gone for Ben at once, and whoever looked at it reads so', async () => {
    await askFor(ana, 'Fix one', { ticket: 'INC-2232' });
    await ben.answer(/Ana Lima asks to/, 'Review');
    const open = await ben.review();
    const lists = await reads('/v1/requests');
    await ana.run('Daypass: Withdraw Request');
    await waiting(ben).waitFor({ state: 'detached' });
    assert.equal(await reads('/v1/requests'), lists);
    await open.locator('main').getByText('Withdrawn. Nothing needs to be decided any more.').waitFor();
    assert.equal(await open.locator('footer button:visible').count(), 0);
    await ben.screenshot('24-withdrawn-meanwhile');
    await ben.run('View: Close All Editors');
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
    const review = await ben.review();
    await review.getByRole('heading', { name: /Ana Lima asks to refund a payment/ }).waitFor();
    // And once more, while Ben looks at it: he reads what is different before he can go on.
    await writeFile(file, before);
    await review.getByRole('heading', { name: 'This template changed since' }).waitFor();
    await review.locator('main').getByText('Longest: 30 min (was 10 min)').last().waitFor();
    await review
      .locator('main')
      .getByText('Approving gives what was asked for, as it stands below.')
      .waitFor();
    await pictures(ben, 'changed');
    await ben.screenshot('26-template-changed-review');
    assert.deepEqual(await violations(review), []);

    // A freeze that begins meanwhile keeps it from being approved; what is seen of the same reload says that it holds.
    const policy = join(stage.sandbox.folder, 'templates', 'policy.yaml');
    await writeFile(
      policy,
      'freezes: [{ reason: The year is being closed, from: 2026-01-01T00:00Z, until: 2099-01-01T00:00Z }]\n',
    );
    await writeFile(file, before.replace('longest: PT30M', 'longest: PT20M'));
    await review.locator('main').getByText('Longest: 20 min (was 10 min)').last().waitFor();
    await review.getByRole('button', { name: /^Approve/ }).click();
    await ben
      .notification(/Frozen until .*The year is being closed.*nothing was approved.*deny it, with a word/s)
      .first()
      .waitFor();
    await inThemes(ben, '26-frozen-meanwhile');
    await waiting(ben).waitFor();
    await rm(policy);
    await writeFile(file, before);
    await review.locator('main').getByText('Longest: 30 min (was 10 min)').last().waitFor();
    await ben.run('View: Close All Editors');
    await ana.run('Daypass: Withdraw Request');
    await waiting(ben).waitFor({ state: 'detached' });
    await noNotifications(ben);
  });

  it('Ben approves on his phone what Ana asked for in her editor, and both editors know at once', async () => {
    await askFor(ana, 'Fix one', { ticket: 'INC-2233' });
    await waiting(ben).waitFor();
    const { phone, close } = await aPhone();
    assert.doesNotMatch(await phone.content(), /Ana|4711/);
    await phone.getByRole('link', { name: 'Sign in' }).tap();
    await phone.getByRole('button', { name: /Ben Roth/ }).tap();
    // Of what was asked for before, there is more below.
    await phone
      .getByRole('link', { name: /Ana Lima: fix one order.s status on Shop/ })
      .first()
      .tap();
    await phone.getByText(reason).waitFor();
    await phone.getByText('Signed in as Ben Roth').waitFor();
    await phone.screenshot({ path: 'dist/screenshots/27-phone.png' });
    await phone.getByRole('button', { name: /Approve/ }).tap();
    await phone.getByText('You approved it').waitFor();
    await phone.screenshot({ path: 'dist/screenshots/28-phone-approved.png' });
    await ana.answer(/Ben Roth approved: fix one order.*30 min/s, 'Open terminal');
    await ana.terminalShows('psql is ready');
    await waiting(ben).waitFor({ state: 'detached' });
    await close();
  });

  it('Ana ends it on her phone: over in her editor, too', async () => {
    const { phone, close } = await aPhone();
    await phone.getByRole('link', { name: 'Sign in' }).tap();
    await phone.getByRole('button', { name: /Ana Lima/ }).tap();
    await phone
      .getByRole('link', { name: /You: fix one order.s status on Shop/ })
      .first()
      .tap();
    const end = phone.getByRole('button', { name: /End access/ });
    await end.waitFor();
    await phone.screenshot({ path: 'dist/screenshots/28-phone-end.png' });
    await end.tap();
    await phone.getByText(/You ended it/).waitFor();
    await ana.terminalShows(/nothing left behind/, 30_000);
    await ana.run('Terminal: Kill the Active Terminal Instance');
    await close();
  });

  it('Ana breaks the glass with a second factor, everybody knows, and Ben signs it off afterwards', async () => {
    await noNotifications(ana);
    await askFor(ana, 'Stop the checkout');
    await waiting(ben).waitFor();
    await (await ana.sessionFrame()).getByRole('button', { name: /^Break the glass/ }).click();
    await ana.title(/Break the glass: stop the checkout on Shop/);
    await ana.page.keyboard.type('Checkout charges twice, and nobody answers');
    await ana.press('Enter');
    await ana.title(/2\/2/);
    await ana.screenshot('33-break-glass-sure');
    await ana.signInWithCode('Ana', () => ana.pick('Break the glass'), '34-second-factor');

    await ana.terminalShows(/BREAK GLASS: stop the checkout on Shop/);
    await ana.terminalShows('Nobody approved this.');
    await ana.statusBar(/break glass (9|10) min/).waitFor();
    await (await ana.sessionFrame()).getByText('Break glass: not approved').waitFor();
    await ben
      .notification(/Ana Lima broke the glass to stop the checkout on Shop.*charges twice/)
      .first()
      .waitFor();
    await inThemes(ana, '35-broken-glass');
    await ben.screenshot('36-broken-glass-ben');

    await (await ana.sessionFrame()).getByRole('button', { name: /^End now: Stop the checkout/ }).click();
    await ana.page.getByRole('button', { name: 'End now' }).last().click();
    await ana.terminalShows(/Login closed/i);
    await ben.sidebar.getByText('To sign off').waitFor();
    await ana.sidebar.getByText(/glass broken, over since/).waitFor();
    await inThemes(ben, '37-to-sign-off');
    await ben.run('Daypass: Sign Off Access Without Approval');
    await ben.title(/Sign off: Ana Lima broke the glass/);
    await ben.page.keyboard.type('The outage was real, two orders were changed');
    await ben.press('Enter');
    await ben.sidebar.getByText('To sign off').waitFor({ state: 'detached' });
    await ana
      .notification(/Ben Roth signed off: .*outage was real/)
      .first()
      .waitFor();
    await ana.sidebar.getByText(/glass broken, over since/).waitFor({ state: 'detached' });
  });
});
