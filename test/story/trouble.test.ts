import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { familyOf } from '../../src/sandbox/processes.ts';
import { eventually } from '../broker/support/eventually.ts';
import { hostileWorkspace } from '../vscode/hostile-workspace.ts';
import type { Editor } from './support/editor.ts';
import { filesCalled } from './support/places.ts';
import { Program } from './support/program.ts';
import { askFor, useStage } from './support/stage.ts';
import { peek, watch } from './support/templates.ts';
import { putClockWrong } from './support/wrong-clock.ts';

const hourMs = 3600_000;

/**
 * A night on which nothing works: Ana's clock is an hour ahead and her workspace is somebody else's, Ben's VS Code is
 * killed, the broker goes away for a while, and the shop's database is down when it is time.
 */
describe('trouble, as people see it', function () {
  this.timeout(180_000);
  this.bail(true);
  const stage = useStage({
    windows: ['ana', 'ben', 'carol'],
    templates: { 'peek.yaml': peek, 'watch.yaml': watch },
  });
  let ana: Editor;
  let ben: Editor;
  let bensVsCode: Program;
  let database: Program;
  let carol: Editor;
  let bensLogin = '';
  let anasLogin = '';
  let anasEnd = 0;

  const prompt = /[#$%>] ?$/;
  const secondsIn = (figure: string) => {
    const [, minutes, seconds] = /(\d+):(\d\d)/.exec(figure) ?? [];
    return Number(minutes) * 60 + Number(seconds);
  };
  const statusFigure = async () =>
    secondsIn(
      await ana
        .statusBar(/\d:\d\d/)
        .first()
        .innerText(),
    );
  const credentials = () => filesCalled(stage.window('ben').userData, 'pgpass');
  const disconnected = () => ana.page.locator('.statusbar-item .codicon-debug-disconnect');

  before(async function () {
    this.timeout(180_000);
    const { workspace } = stage.window('ana');
    hostileWorkspace(workspace);
    const file = join(workspace, '.vscode', 'settings.json');
    const shell = { path: '/bin/false', args: ['evil'], env: { EVIL: 'yes' } };
    await writeFile(
      file,
      JSON.stringify({
        ...(JSON.parse(await readFile(file, 'utf8')) as object),
        'task.allowAutomaticTasks': 'on',
        'terminal.integrated.automationProfile.linux': shell,
        'terminal.integrated.profiles.linux': { evil: shell },
        'terminal.integrated.defaultProfile.linux': 'evil',
      }),
    );
    await putClockWrong(stage.window('ana'), hourMs);
    [ana, ben] = await Promise.all([stage.openSignedIn('ana'), stage.openSignedIn('ben')]);
  });

  it('Ben’s VS Code is killed in the middle of a session', async () => {
    await askFor(ben, 'Peek at orders');
    await ben.terminalShows('psql is ready');
    await ben.terminalShows(prompt);
    await ben.type('psql');
    await ben.terminalShows('shop=>');
    [bensLogin = ''] = await stage.leaseLogins();
    bensVsCode = await Program.of(stage.window('ben').pid);
    const family = await familyOf([bensVsCode.pid]);
    await ben.close();
    // The youngest first, so that nobody has the time to clean up.
    for (const { pid } of family.reverse())
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended with its child.
      }
    assert.equal((await credentials()).length, 1);
    assert.deepEqual(await stage.leaseLogins(), [bensLogin]);
  });

  it('a hostile workspace changes nothing', async () => {
    await askFor(ana, 'Watch orders');
    await ana.terminalShows('psql is ready');
    await ana.terminalShows(prompt);
    await ana.screenshot('35-hostile-workspace');
    await ana.type('psql -Atc "select current_user"; env | grep -ci evil');
    const text = await ana.terminalShows(/^(daypass_[0-9a-f]{8}_\w+)\n0$/m);
    [, anasLogin = ''] = /^(daypass_[0-9a-f]{8}_\w+)$/m.exec(text) ?? [];
    assert.ok((await stage.leaseLogins()).includes(anasLogin));
  });

  it('with a clock that is an hour ahead, the figure is right everywhere', async () => {
    const [login] = await stage.query(
      'select extract(epoch from rolvaliduntil) * 1000 as until from pg_roles where rolname = $1',
      [anasLogin],
    );
    anasEnd = Number(login?.['until']);
    const frame = await ana.sessionFrame();
    const left = () => (anasEnd - Date.now()) / 1000;
    const before = left();
    const figures = [await statusFigure(), secondsIn(await frame.locator('.figure').first().innerText())];
    const after = left();
    for (const figure of figures)
      assert.ok(
        figure < before + 5 && figure > after - 5,
        `${figure} s are shown, ${before} to ${after} are left`,
      );
    const local = new Date(anasEnd + hourMs);
    const until = `${String(local.getHours()).padStart(2, '0')}:${String(local.getMinutes()).padStart(2, '0')}`;
    await frame.getByText(`until ${until}`).first().waitFor();
  });

  it('the broker goes away: said in the status bar, which counts on; and comes back', async () => {
    const { broker } = stage.sandbox;
    assert.ok(broker);
    const program = await Program.of(broker.child.pid);
    await program.stop();
    await disconnected().waitFor();
    const before = await statusFigure();
    await eventually(async () => ((await statusFigure()) < before ? true : undefined));
    const frame = await ana.sessionFrame();
    await frame.getByText(/The broker cannot be reached \(since \d\d:\d\d\)/).waitFor();
    await ana.screenshot('36-broker-away');
    await program.startAgain();
    stage.atTheEnd(() => program.stop());
    await disconnected().waitFor({ state: 'detached', timeout: 40_000 });
    await frame.getByText('The broker cannot be reached').waitFor({ state: 'hidden' });
  });

  it('what Ben had is gone at the target when it is time, although nobody was there', async () => {
    await eventually(
      async () => ((await stage.leaseLogins()).includes(bensLogin) ? undefined : true),
      60_000,
    );
    assert.deepEqual(await stage.leaseLogins(), [anasLogin]);
  });

  it('the target is down when it is time: the terminal ends then, and people read that nothing is proven', async () => {
    const { shop } = stage.sandbox;
    assert.ok(shop);
    database = await Program.of(shop.server.pid);
    // Fast shutdown: connections are ended.
    await database.stop('SIGINT');
    assert.ok(Date.now() < anasEnd, 'the database was stopped too late');
    await ana.terminalShows(/Ended at \d\d:\d\d, as planned/, 120_000);
    assert.ok(Date.now() >= anasEnd - 1000, 'it ended too early');
    await ana.terminalShows(/Shop has not confirmed the end yet/, 30_000);
    await ana.statusBar('not confirmed').first().waitFor();
    const frame = await ana.sessionFrame();
    await frame
      .getByText(/has not confirmed the end yet \(since \d\d:\d\d\)\. What stands in the way: /)
      .first()
      .waitFor();
    await ana.screenshot('37-not-confirmed');
  });

  it('Ben’s next start wipes what his killed VS Code left', async () => {
    assert.equal((await credentials()).length, 1);
    const socket = join(stage.window('ben').folder, 'server.sock');
    await rm(socket);
    await bensVsCode.startAgain();
    stage.atTheEnd(() => bensVsCode.stop());
    await eventually(
      () =>
        new Promise<true | undefined>((resolve) => {
          const trying = connect(socket, () => {
            trying.destroy();
            resolve(true);
          });
          trying.once('error', () => resolve(undefined));
        }),
      60_000,
    );
    ben = await stage.open('ben', ben);
    await eventually(async () => ((await credentials()).length === 0 ? true : undefined), 40_000);
    await ben.openSidebar();
    const frame = await ben.sessionFrame();
    await frame.getByText('nothing left behind').first().waitFor();
    await ben.screenshot('39-after-a-kill');
  });

  it('meanwhile whoever may revoke it, and the auditor, read what is not proven, and why', async () => {
    carol = await stage.openSignedIn('carol');
    for (const { sidebar } of [ben, carol]) {
      await sidebar.getByText('Open access of others').waitFor();
      await sidebar
        .getByText(/^not confirmed since \d\d:\d\d · over since \d\d:\d\d · watch orders · Shop/)
        .waitFor();
      await sidebar.getByText(/nothing listens at$/).waitFor();
      await sidebar.getByText('No new login can begin there').waitFor();
    }
    for (const theme of ['light', 'dark'] as const)
      for (const [name, editor] of [
        ['ben', ben],
        ['carol', carol],
      ] as const) {
        await editor.theme(theme);
        await editor.screenshot(`39-not-confirmed-${name}-${theme}`);
      }
    await ana.screenshot('39-not-confirmed-ana');
  });

  it('the target is back: confirmed after all, for everybody', async () => {
    const frame = await ana.sessionFrame();
    await database.startAgain();
    stage.atTheEnd(() => database.stop('SIGINT'));
    await ana.terminalShows(/nothing left behind/, 60_000);
    await frame.getByText('nothing left behind').first().waitFor();
    await ana.statusBar('not confirmed').first().waitFor({ state: 'detached' });
    assert.deepEqual(await stage.leaseLogins(), []);
    for (const { sidebar } of [ben, carol]) {
      await sidebar.getByText('Ana Lima').first().waitFor({ state: 'detached' });
      assert.equal(await sidebar.getByText('not confirmed').count(), 0);
    }
    await ana.screenshot('38-confirmed-after-all');
  });
});
