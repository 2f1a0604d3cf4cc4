import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isLauncher } from '../../src/extension/terminal/launcherProcess.ts';
import { LeaseBroker } from './support/lease-broker.ts';
import { eventually, running } from './support/terminal.ts';
import { Window, placeWithLauncher } from './support/terminal-window.ts';

let place: string;
before(async function () {
  this.timeout(20_000);
  place = await placeWithLauncher();
});
after(() => rmSync(place, { recursive: true, force: true }));

describe('what is kept of a terminal', function () {
  this.timeout(30_000);
  let broker: LeaseBroker;
  let window: Window;
  beforeEach(() => {
    broker = new LeaseBroker();
    window = new Window(broker, place);
  });
  afterEach(() => window.dispose());

  const theLease = () => [...broker.leases.values()][0]!;
  /** A terminal in which somebody works. */
  const working = async () => {
    const prepared = await window.desk.prepare(broker.allow());
    const terminal = await window.terminal(prepared);
    await terminal.see(/psql is ready/);
    terminal.type('echo started"-"here\n');
    await terminal.see(/started-here/);
    const file = join(prepared.path, 'launcher.json');
    await eventually(() => readFileSync(file, 'utf8').includes('"shell"') || undefined);
    return { prepared, terminal };
  };
  const goesOn = (path: string): void => {
    assert.equal(theLease().state, 'issued');
    assert.ok(existsSync(join(path, 'pgpass')));
  };
  /** Makes a file unreadable for a while, for root too: its name leads in a circle (ELOOP). */
  const unreadable = async (file: string, work: () => Promise<void>): Promise<void> => {
    renameSync(file, `${file}.away`);
    symlinkSync(file, file);
    await work();
    rmSync(file);
    renameSync(`${file}.away`, file);
  };

  it('and cannot be read for a moment is no sign that nobody is there', async () => {
    const { prepared, terminal } = await working();
    window.editRecord(prepared.name, { createdAt: new Date(Date.now() - 3600_000).toISOString() });
    for (const file of [
      window.recordFile(prepared.name),
      join(prepared.path, 'launcher.json'),
      join(prepared.path, 'session.json'),
    ])
      await unreadable(file, async () => {
        await window.keeper.look();
        await window.keeper.look();
        goesOn(prepared.path);
      });
    await window.keeper.look();
    goesOn(prepared.path);
    assert.equal(terminal.ended, false);
    assert.ok(window.log.length > 0, 'said in the log');
    assert.equal(new Set(window.log).size, window.log.length, 'once each');
  });

  it('by a newer version is left to that', async () => {
    const { prepared } = await working();
    for (const file of [window.recordFile(prepared.name), join(prepared.path, 'launcher.json')]) {
      const before = readFileSync(file, 'utf8');
      const newer = JSON.stringify({ version: 2, something: 'else' });
      writeFileSync(file, newer);
      await window.keeper.look();
      await window.keeper.look();
      goesOn(prepared.path);
      assert.equal(readFileSync(file, 'utf8'), newer);
      writeFileSync(file, before);
    }
    const old = '22222222-2222-4222-8222-222222222222';
    mkdirSync(join(window.storage, 'terminals', old));
    writeFileSync(window.recordFile(old), '{"version":2}');
    await window.keeper.look();
    assert.ok(existsSync(join(window.storage, 'terminals', old)));
  });

  it('by another machine that shares the home folder is left to that', async () => {
    const { prepared, terminal } = await working();
    // One that is under way has read the record as it was.
    await window.keeper.look();
    window.editRecord(prepared.name, { machine: 'another', host: spawnSync('true').pid });
    const file = join(prepared.path, 'launcher.json');
    const told = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...told, pid: spawnSync('true').pid }));
    await window.keeper.look();
    await window.keeper.look();
    goesOn(prepared.path);
    assert.equal(terminal.ended, false);
  });

  it('and is broken, or of no version, belongs to nothing and is removed', async () => {
    const names = ['1', '2', '3'].map((n) => `${n}1111111-1111-4111-8111-111111111111`);
    for (const [i, text] of ['{"version":', '{"version":1,"use":"terminal"}', '[]'].entries()) {
      mkdirSync(join(window.storage, 'terminals', names[i]!), { recursive: true });
      writeFileSync(join(window.storage, 'terminals', names[i]!, 'pgpass'), 'secret');
      writeFileSync(window.recordFile(names[i]!), text);
    }
    await window.keeper.look();
    assert.deepEqual(window.left, []);
  });

  it('and whose launcher was killed: what it left running is stopped, and its lease ended', async () => {
    const { prepared, terminal } = await working();
    const sign = String(1_000_000 + Math.floor(Math.random() * 8_000_000));
    terminal.type(
      `nohup sleep ${sign} >/dev/null 2>&1 & setsid sleep ${sign} & (env -i sleep ${sign} </dev/null >/dev/null 2>&1 &)\n`,
    );
    await eventually(() => running(sign).length === 3 || undefined);
    const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
    try {
      process.kill(terminal.pid, 'SIGKILL');
      await eventually(() => running(prepared.path).length === 0 || undefined);
      await window.settled(() => theLease().state === 'closing');
      await window.settled(() => window.left.length === 0);
      assert.deepEqual(running(sign), []);
      assert.equal(bystander.exitCode ?? bystander.signalCode, null);
      assert.match(window.log.join('\n'), /Stopped in a terminal whose launcher was killed: .*sleep/);
    } finally {
      bystander.kill('SIGKILL');
    }
  });

  it('is told to the broker at once when the shell ends and when the launcher refuses', async () => {
    const { terminal } = await working();
    const shell = running('/bin/sh').find(({ parent }) => parent === terminal.pid);
    process.kill(shell!.pid, 'SIGKILL');
    await terminal.see(/Ended: the shell was stopped by SIGKILL/);
    await eventually(() => theLease().state === 'closing' || undefined);
    assert.equal(terminal.ended, false, 'the screen is held');
    window.dispose();

    const second = new LeaseBroker();
    window = new Window(second, place);
    const prepared = await window.desk.prepare(second.allow());
    rmSync(join(prepared.path, 'shell.json'));
    const refused = await window.terminal(prepared);
    await refused.see(/Daypass left this terminal no environment/);
    await eventually(() => [...second.leases.values()][0]!.state === 'closing' || undefined);
  });

  describe('is a launcher only', () => {
    const spawned: ChildProcess[] = [];
    const sleep = (...names: string[]): number => {
      const script = 'setTimeout(() => {}, 600000)';
      const child = spawn(process.execPath, ['-e', script, ...names], { stdio: 'ignore' });
      spawned.push(child);
      return child.pid!;
    };
    afterEach(() => {
      for (const child of spawned.splice(0)) child.kill('SIGKILL');
    });

    it('while it lives and names its folder: a process id is given out again', async () => {
      const folder = join(mkdtempSync(join(tmpdir(), 'daypass-x-')), 'a-folder');
      assert.equal(await isLauncher(sleep(folder), 'a-folder'), true);
      assert.equal(await isLauncher(sleep('/another'), 'a-folder'), false);
      assert.equal(await isLauncher(spawnSync('true').pid, 'a-folder'), false);
      rmSync(join(folder, '..'), { recursive: true });
    });

    it('and not what has its process id today', async () => {
      const { prepared, terminal } = await working();
      const file = join(prepared.path, 'launcher.json');
      const told = JSON.parse(readFileSync(file, 'utf8')) as object;
      process.kill(terminal.pid, 'SIGKILL');
      await eventually(() => running(prepared.path).length === 0 || undefined);
      const stranger = sleep();
      writeFileSync(file, JSON.stringify({ ...told, pid: stranger }));
      await window.settled(() => theLease().state === 'closing');
      await window.settled(() => window.left.length === 0);
      assert.equal(
        running().some(({ pid }) => pid === stranger),
        true,
        'and it is left alone',
      );
    });
  });
});
