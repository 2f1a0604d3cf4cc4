import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import pg from 'pg';
import * as z from 'zod';
import { eventually } from '../broker/support/eventually.ts';
import type { Editor } from './support/editor.ts';
import { answerSteps, askFor, useStage } from './support/stage.ts';
import { compare, peek } from './support/templates.ts';

/** Production terminals as VS Code has them: as a profile, several, over a reload, and for programs that are none. */
describe('production terminals', function () {
  this.timeout(120_000);
  this.bail(true);
  const stage = useStage({
    windows: ['ana', 'ben'],
    templates: { 'peek.yaml': peek, 'compare.yaml': compare },
  });
  let ana: Editor;
  let ben: Editor;
  let second: Editor;
  let copied: pg.ClientConfig = {};

  const prompt = /[#$%>] ?$/;
  const dialog = (editor: Editor) => editor.page.locator('.monaco-dialog-box');
  const approve = async () => {
    const waiting = ben.sidebar.getByText('Waiting for you');
    await waiting.waitFor();
    await ben.run('Daypass: Review Request');
    await ben.decide('Approve');
    await waiting.waitFor({ state: 'detached' });
  };
  const chooseProfile = async () => {
    const profile = ana.rows.filter({ hasText: 'Production access…' });
    await eventually(async () => {
      await ana.run('Create New Terminal (With Profile)');
      await ana.rows.filter({ hasText: 'bash' }).first().waitFor();
      if ((await profile.count()) > 0) return true;
      await ana.press('Escape');
      return undefined;
    }, 30_000);
    await profile.click();
    await ana.title(/1\//);
  };
  const closeTerminals = async () => {
    await ana.run('Terminal: Kill All Terminals');
    await ana.page.locator('.terminal-wrapper').first().waitFor({ state: 'detached' });
    await ana.run('Notifications: Clear All Notifications');
  };

  before(async function () {
    this.timeout(180_000);
    [ana, ben] = await Promise.all([stage.openSignedIn('ana'), stage.openSignedIn('ben')]);
    // Only when a terminal is made does VS Code look again for the profiles that extensions contribute.
    await ana.run('Terminal: Create New Terminal');
    await ana.terminalShows(prompt);
    await closeTerminals();
  });

  it('Escape in the profile’s flow leaves VS Code’s own word and nothing else', async () => {
    await chooseProfile();
    await ana.press('Escape');
    await ana.notification('Canceled').first().waitFor();
    const said = await ana.notification(/./).allInnerTexts();
    assert.equal(said.length, 1, said.join('\n'));
    assert.equal(await ana.page.locator('.terminal-wrapper').count(), 0);
    await ana.screenshot('27-profile-cancelled');
    await ana.run('Notifications: Clear All Notifications');
  });

  it('the profile’s terminal waits, says for whom, and becomes the production terminal', async () => {
    await chooseProfile();
    await answerSteps(ana, 'Fix one', { ticket: 'INC-2233' });
    await ana.terminalShows('Waiting for Ben Roth');
    await ana
      .statusBar(/waiting for Ben Roth/)
      .first()
      .waitFor();
    await ana.screenshot('28-terminal-waits');
    await approve();
    await ana.terminalShows('psql is ready');
    await ana.terminalShows(prompt);
    await ana.type('psql -c "select current_user"');
    assert.match(await ana.terminalShows(/\(1 row\)/), /daypass_[0-9a-f]{8}_/);
    assert.equal(await ana.page.locator('.terminal-wrapper').count(), 1);
    assert.equal(await ana.notification(/approved/).count(), 0);
    await ana.screenshot('29-the-same-terminal');
  });

  it('DAYPASS_EXPIRES_AT stands in it, and is when the login ends at the target', async () => {
    await ana.type('clear; echo "[$DAYPASS_EXPIRES_AT]"');
    const text = await ana.terminalShows(/\[\d{4}-\S+\]/);
    const [, expires = ''] = /\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)\]/.exec(text) ?? [];
    const [login] = await stage.query(
      'select extract(epoch from rolvaliduntil) * 1000 as until from pg_roles where rolname = $1',
      await stage.leaseLogins(),
    );
    assert.equal(Date.parse(expires), Math.round(Number(login?.['until'])));
    await ana.run('Daypass: End Production Access');
    await dialog(ana).getByRole('button', { name: 'End now' }).click();
    await ana.terminalShows(/nothing left behind/, 30_000);
    await closeTerminals();
  });

  it('a reload while a request waits loses nothing', async () => {
    await askFor(ana, 'Fix one', { ticket: 'INC-2234' });
    await ana
      .statusBar(/waiting for Ben Roth/)
      .first()
      .waitFor();
    await ana.reload();
    await ana
      .statusBar(/waiting for Ben Roth/)
      .first()
      .waitFor({ timeout: 30_000 });
    await approve();
    await ana.answer(/Ben Roth approved/, 'Open terminal');
    await ana.terminalShows('psql is ready');
    await ana.run('Daypass: End Production Access');
    await dialog(ana).getByRole('button', { name: 'End now' }).click();
    await ana.terminalShows(/nothing left behind/, 30_000);
    await closeTerminals();
  });

  it('several terminals under one access, and the cap said plainly', async () => {
    await askFor(ana, 'Compare');
    await ana.terminalShows('psql is ready');
    await ana.terminalShows(prompt);
    await ana.type('psql -c "select current_user"');
    await ana.terminalShows(/\(1 row\)/);
    const [first] = await stage.leaseLogins();
    await ana.run('Daypass: Open Production Terminal');
    await ana.terminalShows(/psql is ready[^]*[#$%>] ?$/);
    await eventually(async () => ((await stage.leaseLogins()).length === 2 ? true : undefined));
    await ana.run('Daypass: Open Production Terminal');
    await ana.notification('This access allows 2 terminals at once. Close one first.').first().waitFor();
    await ana.screenshot('30-two-terminals');

    await ana.run('Terminal: Kill the Active Terminal Instance');
    await eventually(async () => {
      const left = await stage.leaseLogins();
      return left.length === 1 && left[0] === first ? true : undefined;
    });
    await ana.type('psql -c "select 40 + 2 as answer"');
    await ana.terminalShows(/42/);
    await ana.run('Notifications: Clear All Notifications');
  });

  it('connection details: asks first, and what is on the clipboard then works', async () => {
    const { origin } = new URL(ana.page.url());
    await ana.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
    await ana.page.evaluate(`navigator.clipboard.writeText('nothing')`);
    const clipboard = async () => z.string().parse(await ana.page.evaluate('navigator.clipboard.readText()'));

    await ana.run('Daypass: Copy Connection Details');
    await ana.pick('Connection URI');
    await dialog(ana).waitFor();
    await ana.screenshot('31-copy-asks');
    await ana.press('Escape');
    await dialog(ana).waitFor({ state: 'detached' });
    assert.equal(await clipboard(), 'nothing');
    assert.equal((await stage.leaseLogins()).length, 1);

    await ana.run('Daypass: Copy Connection Details');
    await ana.pick('Connection URI');
    await dialog(ana).getByRole('button', { name: 'Copy with password' }).click();
    await ana
      .notification(/Copied\. It works until \d\d:\d\d/)
      .first()
      .waitFor();
    const { username, password, hostname, port, pathname, searchParams } = new URL(await clipboard());
    assert.equal(searchParams.get('sslmode'), 'verify-full');
    copied = {
      host: hostname,
      port: Number(port),
      database: pathname.slice(1),
      user: username,
      password: decodeURIComponent(password),
      // The file goes with the access.
      ssl: { ca: await readFile(searchParams.get('sslrootcert') ?? '', 'utf8') },
    };
    const client = new pg.Client({ connectionString: await clipboard() });
    await client.connect();
    const { rows } = await client.query<{ count: string }>('select count(*) from sales.orders');
    assert.ok(Number(rows[0]?.count) > 0);
    await client.end();
  });

  it('ended in one window is ended in all, for what was copied as well', async () => {
    second = await stage.open('ana', ana);
    await second.openSidebar();
    await second
      .statusBar(/\d+ min/)
      .first()
      .waitFor({ timeout: 30_000 });
    await second.run('Daypass: End Production Access');
    await dialog(second).getByRole('button', { name: 'End now' }).click();
    for (const editor of [ana, second])
      await editor
        .statusBar(/\d+ min/)
        .first()
        .waitFor({ state: 'detached' });
    await ana.terminalShows(/nothing left behind/, 30_000);
    const client = new pg.Client(copied);
    await assert.rejects(client.connect(), /password authentication failed|not permitted|does not exist/);
    await closeTerminals();
  });

  it('a threshold is told only in the window that is looked at, and the session view bars nobody', async () => {
    // As a real screen does: one page has the focus.
    for (const editor of [ana, second]) await focusIsReal(editor);
    await ana.page.bringToFront();
    await askFor(ana, 'Peek at orders');
    await ana.terminalShows('psql is ready');

    const frame = await ana.sessionFrame();
    await frame.locator('.ring').waitFor();
    for (const [theme, name] of [
      ['light', '32-accessible-light'],
      ['high contrast', '33-accessible-high-contrast'],
      ['dark', '34-accessible-dark'],
    ] as const) {
      await ana.theme(theme);
      await frame.locator(`body.vscode-${theme.replace(' ', '-')}`).waitFor();
      assert.deepEqual(await barriers(ana), [], theme);
      await ana.screenshot(name);
    }

    await ana
      .notification(/seconds left to/)
      .first()
      .waitFor({ timeout: 70_000 });
    await second.statusBar(/0:0\d/).first().waitFor();
    assert.equal(await second.notification(/left to/).count(), 0);
    await ana.terminalShows(/nothing left behind/, 40_000);
  });

  /** Lets a page know whether it has the focus, which playwright otherwise makes every page believe. */
  async function focusIsReal(editor: Editor): Promise<void> {
    const session = await editor.context.newCDPSession(editor.page);
    await session.send('Emulation.setFocusEmulationEnabled', { enabled: false });
  }

  /** What axe finds in the session view that is serious or worse. */
  async function barriers(editor: Editor): Promise<string[]> {
    const frame = await editor.sessionFrame();
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    await frame.evaluate(axe);
    // The view is transparent: what is behind it, axe cannot see.
    await frame.evaluate(`document.body.style.background = 'var(--vscode-sideBar-background)'`);
    const Found = z.object({
      passes: z.array(z.unknown()),
      violations: z.array(
        z.object({
          id: z.string(),
          impact: z.string().nullable(),
          nodes: z.array(z.object({ html: z.string(), failureSummary: z.string().optional() })),
        }),
      ),
    });
    const { passes, violations } = Found.parse(
      await frame.evaluate(`axe.run(document, { resultTypes: ['violations', 'passes'] })`),
    );
    assert.ok(passes.length > 5, 'axe has looked at nothing');
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary ?? ''}`).join('\n')}`,
      );
  }
});
