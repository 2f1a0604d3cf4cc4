import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { familyOf } from '../../src/sandbox/processes.ts';
import { eventually } from '../broker/support/eventually.ts';
import type { Editor } from './support/editor.ts';
import { Network, unusedPort } from './support/network.ts';
import { filesCalled } from './support/places.ts';
import { Program } from './support/program.ts';
import { askFor, running, useStage } from './support/stage.ts';
import { compare, peek, watch } from './support/templates.ts';

/** How long after its time a login may be seen at the target, on a machine that has other things to do as well. */
const lateMs = 5000;

/**
 * The person's side fails while production is open. The target is looked at from outside, processes in `/proc`, files
 * on the disk, and what people read in the page. The network is gone, an extension host hangs, or a laptop sleeps for
 * seconds instead of minutes, but over the deadline: what counts is on which side of it they come back. A laptop asleep
 * is every process of its VS Code and terminals stopped at once, so that all their timers have one gap; its clock is not
 * set. VS Code killed, and started again: `trouble.test.ts`. Two windows: `terminals.test.ts`.
 */
describe('faults on the person’s side', function () {
  this.timeout(150_000);
  this.bail(true);
  const stage = useStage({
    windows: ['ana', 'ben'],
    templates: { 'peek.yaml': peek, 'watch.yaml': watch, 'compare.yaml': compare },
  });
  let ana: Editor;
  let ben: Editor;
  let network: Network;

  const prompt = /[#$%>] ?$/;
  const asPlanned = /Ended at \d\d:\d\d, as planned/;
  const disconnected = () => ana.page.locator('.statusbar-item .codicon-debug-disconnect');
  const secondsLeft = async (editor: Editor) => {
    const figure = await editor
      .statusBar(/\d:\d\d/)
      .first()
      .innerText();
    const [, minutes, seconds] = /(\d+):(\d\d)/.exec(figure) ?? [];
    return Number(minutes) * 60 + Number(seconds);
  };
  /** Asks for it, and has the terminal start something that runs on; returns the login and when it ends, ms. */
  const open = async (editor: Editor, template: string, sleep: string) => {
    await askFor(editor, template);
    await editor.terminalShows(/psql is ready[^]*[#$%>] ?$/, 40_000);
    await editor.type(`${sleep} & psql -Atc "select current_user"`);
    const text = await editor.terminalShows(/^daypass_[0-9a-f]{8}_\w+$/m, 40_000);
    const [login = ''] = /^daypass_[0-9a-f]{8}_\w+$/m.exec(text) ?? [];
    assert.equal(await running(sleep), 1);
    const [row] = await stage.query(
      'select extract(epoch from rolvaliduntil) * 1000 as until from pg_roles where rolname = $1',
      [login],
    );
    return { login, end: Number(row?.['until']) };
  };
  /** Waits until a login is gone at the target, which is neither before its end nor long after. */
  const goneOnTime = async ({ login, end }: { login: string; end: number }) => {
    await eventually(
      async () => ((await stage.leaseLogins()).includes(login) ? undefined : true),
      end - Date.now() + lateMs,
    );
    assert.ok(Date.now() >= end - 1000, 'the login was gone too early');
  };
  const stopped = async (sleep: string, withinMs: number) =>
    eventually(async () => ((await running(sleep)) === 0 ? true : undefined), withinMs);
  const until = async (moment: number) => {
    await new Promise((resolve) => setTimeout(resolve, moment - Date.now()));
  };
  /** Those processes of a person's VS Code and terminals whose command line holds these words. */
  const processesOf = async (person: string, words = '') => {
    const family = await familyOf([stage.window(person).pid]);
    const commands = await Promise.all(
      family.map(async ({ pid }) => ({
        pid,
        command: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' '),
      })),
    );
    const found = commands.filter(({ command }) => command.includes(words)).map(({ pid }) => pid);
    assert.ok(found.length > 0, `no process of ${person} has ${words}`);
    return found;
  };
  const signal = (pids: readonly number[], name: NodeJS.Signals) => {
    for (const pid of pids)
      try {
        process.kill(pid, name);
      } catch {
        // It ended meanwhile.
      }
  };
  const forget = async (editor: Editor) => {
    await editor.run('Terminal: Kill All Terminals');
    await editor.page.locator('.terminal-wrapper').first().waitFor({ state: 'detached' });
    await editor.run('Notifications: Clear All Notifications');
  };

  before(async function () {
    this.timeout(180_000);
    const { broker } = stage.sandbox;
    assert.ok(broker);
    // People reach it where they always did, over a network that can be cut.
    const { port } = new URL(broker.url);
    const behind = await unusedPort();
    const settings = await readFile(broker.configuration, 'utf8');
    await writeFile(
      broker.configuration,
      settings.replace(`listen: 127.0.0.1:${port}`, `listen: 127.0.0.1:${behind}`),
    );
    const program = await Program.of(broker.child.pid);
    await program.stop();
    await program.startAgain();
    stage.atTheEnd(() => program.stop());
    network = await Network.between(Number(port), behind);
    stage.atTheEnd(() => network.cut());
    await eventually(
      async () => (await fetch(`${broker.url}/readyz`).catch(() => undefined))?.ok || undefined,
      60_000,
    );
    [ana, ben] = await Promise.all([stage.openSignedIn('ana'), stage.openSignedIn('ben')]);
  });

  const anas = 'sleep 71001';
  const bens = 'sleep 71002';
  let anasAccess: { login: string; end: number };
  let bensAccess: { login: string; end: number };

  it('the network is gone, and elsewhere the extension host hangs: the window says since when, and counts on', async () => {
    [anasAccess, bensAccess] = await Promise.all([
      open(ana, 'Watch orders', anas),
      open(ben, 'Watch orders', bens),
    ]);
    signal(await processesOf('ben', '--type=extensionHost'), 'SIGSTOP');
    await network.cut();
    await disconnected().waitFor();
    await ana.openSidebar();
    const frame = await ana.sessionFrame();
    await frame.getByText(/The broker cannot be reached \(since \d\d:\d\d\)/).waitFor();
    const before = await secondsLeft(ana);
    await eventually(async () => ((await secondsLeft(ana)) < before ? true : undefined));
    const figure = async () => frame.locator('.figure').first().innerText();
    const shown = await figure();
    await eventually(async () => ((await figure()) !== shown ? true : undefined));
    await ana.screenshot('40-network-gone');
  });

  it('at the deadline both terminals end by themselves and both logins are gone, although nobody hears of it', async () => {
    assert.ok(Date.now() < anasAccess.end, 'the network was cut too late');
    await Promise.all([goneOnTime(anasAccess), goneOnTime(bensAccess)]);
    await Promise.all([
      stopped(anas, anasAccess.end - Date.now() + lateMs),
      stopped(bens, bensAccess.end - Date.now() + lateMs),
      ana.terminalShows(asPlanned),
      ben.terminalShows(asPlanned),
    ]);
    for (const person of ['ana', 'ben'])
      assert.deepEqual(await filesCalled(stage.window(person).userData, 'pgpass'), []);
    const frame = await ana.sessionFrame();
    await frame.getByText('Not known here yet whether Shop has confirmed').waitFor();
    await ana.statusBar('not confirmed').first().waitFor();
    await frame.getByText(/The broker cannot be reached \(since/).waitFor();
    assert.equal(await frame.getByText('nothing left behind').count(), 0);
    assert.equal(await ana.statusBar(/\d:\d\d/).count(), 0);
    for (const theme of ['light', 'high contrast', 'dark'] as const) {
      await ana.theme(theme);
      await ana.screenshot(`41-over-while-offline-${theme.replace(' ', '-')}`);
    }
  });

  it('back again, both read what became of it', async () => {
    await network.mend();
    signal(await processesOf('ben', '--type=extensionHost'), 'SIGCONT');
    await disconnected().waitFor({ state: 'detached', timeout: 40_000 });
    for (const editor of [ana, ben]) {
      await editor.openSidebar();
      const frame = await editor.sessionFrame();
      await frame.getByText('nothing left behind').first().waitFor({ timeout: 40_000 });
      await editor.terminalShows(/nothing left behind/);
      assert.equal(await editor.statusBar(/\d:\d\d/).count(), 0);
      await forget(editor);
    }
  });

  it('a window is reloaded while its terminal lives: the terminal goes on, and so does the countdown', async () => {
    bensAccess = await open(ben, 'Compare orders', bens);
    await ben.reload();
    await ben
      .statusBar(/\d+ min/)
      .first()
      .waitFor();
    await ben.showPanel();
    await ben.terminalShows(prompt);
    await ben.type('psql -Atc "select 40 + 2"');
    await ben.terminalShows(/^42$/m);
    assert.equal(await running(bens), 1);
  });

  it('a launcher is killed: what ran in its terminal stops, its folder and its login go', async () => {
    signal(await processesOf('ben', 'launcher.cjs'), 'SIGKILL');
    await stopped(bens, 10_000);
    await eventually(async () =>
      (await filesCalled(stage.window('ben').userData, 'pgpass')).length === 0 ? true : undefined,
    );
    await eventually(async () => ((await stage.leaseLogins()).includes(bensAccess.login) ? undefined : true));
    // The access itself goes on: another terminal can be opened.
    await ben
      .statusBar(/\d+ min/)
      .first()
      .waitFor();
  });

  it('a laptop sleeps over the deadline: gone at the target meanwhile, and true as soon as it wakes', async () => {
    anasAccess = await open(ana, 'Peek at orders', anas);
    await until(anasAccess.end - 6000);
    assert.ok(Date.now() < anasAccess.end - 1000, 'it is too late to fall asleep');
    const everything = await processesOf('ana');
    signal(everything, 'SIGSTOP');
    await goneOnTime(anasAccess);
    await until(anasAccess.end + 2000);
    assert.equal(await running(anas), 1, 'nothing was asleep');
    signal(everything, 'SIGCONT');
    await stopped(anas, lateMs);
    await ana.terminalShows(asPlanned);
    await ana.terminalShows(/nothing left behind/, 40_000);
    const frame = await ana.sessionFrame();
    await frame.getByText('nothing left behind').first().waitFor();
    assert.equal(await ana.statusBar(/\d:\d\d/).count(), 0);
    assert.deepEqual(await filesCalled(stage.window('ana').userData, 'pgpass'), []);
    await ana.screenshot('42-after-sleep');
  });
});
