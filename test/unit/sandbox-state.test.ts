import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { cacheFolder, stateFolder } from '../../src/sandbox/folders.ts';
import { identify, isAlive } from '../../src/sandbox/processes.ts';
import { keptKey, takePlace } from '../../src/sandbox/state.ts';

/** Takes a place, starts one recorded process and one that only carries the mark, and waits to be killed. */
const holder = `
  import { spawn } from 'node:child_process';
  import { writeFileSync } from 'node:fs';
  import { takePlace } from ${JSON.stringify(new URL('../../src/sandbox/state.ts', import.meta.url).href)};
  const place = await takePlace(process.argv[1]);
  const sleeper = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'],
    { detached: true, stdio: 'ignore', env: { ...process.env, ...place.mark } });
  const recorded = sleeper();
  const marked = sleeper();
  await place.record(recorded.pid);
  writeFileSync(place.folder + '/something', 'x');
  console.log(JSON.stringify({ folder: place.folder, number: place.number, pids: [recorded.pid, marked.pid] }));
  process.stdin.once('data', () => { throw new Error('Something went wrong.'); });
  setInterval(() => {}, 1000);
`;

describe('a sandbox’s place on the machine', function () {
  this.timeout(60_000);
  let root: string;
  let started: ChildProcess[] = [];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'daypass-test-'));
  });
  afterEach(async () => {
    for (const child of started) child.kill('SIGKILL');
    started = [];
    await rm(root, { recursive: true, force: true });
  });

  async function holdPlace() {
    const words = [
      '--import',
      pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href,
      '--input-type=module',
      '-e',
      holder,
      root,
    ];
    const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'ignore'] });
    started.push(child);
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const held = JSON.parse(line) as { folder: string; number: number; pids: number[] };
    return { child, ...held };
  }
  const kill = async (child: ChildProcess) => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };

  it('is private, and gone when it is left', async () => {
    const place = await takePlace(root);
    const ofOthers = (await stat(place.folder)).mode & 0o066;
    assert.equal(ofOthers, 0);
    assert.equal((await stat(root)).mode & 0o777, 0o700);
    const sleeper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      env: { ...process.env, ...place.mark },
    });
    started.push(sleeper);
    await once(sleeper, 'spawn');
    const ended = once(sleeper, 'exit');
    await place.record(sleeper.pid ?? 0);
    await place.leave();
    await ended;
    assert.ok(!existsSync(place.folder));
  });

  it('is another one for a second sandbox, which leaves the first alone', async () => {
    const first = await holdPlace();
    const second = await takePlace(root);
    assert.deepEqual([first.number, second.number], [1, 2]);
    assert.ok(existsSync(first.folder));
    for (const pid of first.pids) assert.ok(await identify(pid));
    await second.leave();
    await kill(first.child);
    await (await takePlace(root)).leave();
    assert.ok(!existsSync(first.folder));
  });

  it('is cleaned up after a sandbox that was killed', async function () {
    if (process.platform !== 'linux') this.skip();
    const killed = await holdPlace();
    const left = await Promise.all(killed.pids.map(identify));
    await kill(killed.child);
    for (const one of left) assert.ok(one && (await isAlive(one)));
    const next = await takePlace(root);
    assert.equal(next.number, 1);
    for (const one of left) assert.ok(one && !(await isAlive(one)));
    assert.ok(!existsSync(killed.folder));
    await next.leave();
  });

  it('is cleaned up at once after a sandbox that failed', async function () {
    if (process.platform !== 'linux') this.skip();
    const failed = await holdPlace();
    const left = await Promise.all(failed.pids.map(identify));
    failed.child.stdin.write('now');
    await once(failed.child, 'exit');
    const deadline = Date.now() + 30_000;
    const isLeft = async () => {
      for (const one of left) if (one && (await isAlive(one))) return true;
      return existsSync(failed.folder);
    };
    while ((await isLeft()) && Date.now() < deadline) await sleep(50);
    assert.equal(await isLeft(), false);
  });

  it('never ends a process that merely has the number of one that was recorded', async () => {
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    started.push(stranger);
    await once(stranger, 'spawn');
    const outside = join(root, 'not-a-run-folder');
    await mkdir(outside);
    await mkdir(join(root, 'sandbox-1'));
    const processes = [{ pid: stranger.pid, started: 'another time' }];
    await writeFile(
      join(root, 'sandbox-1', 'running.json'),
      JSON.stringify({ id: 'of-somebody-else', folder: outside, processes }),
    );
    const place = await takePlace(root);
    assert.equal(stranger.exitCode ?? stranger.signalCode, null);
    assert.ok(existsSync(outside));
    await place.leave();
    assert.equal(stranger.exitCode ?? stranger.signalCode, null);
  });

  it('keeps its keys', async () => {
    const place = await takePlace(root);
    const key = await keptKey(place.kept, 'ana.key', 32);
    await place.leave();
    const again = await takePlace(root);
    assert.deepEqual(await keptKey(again.kept, 'ana.key', 32), key);
    assert.equal((await stat(join(again.kept, 'ana.key'))).mode & 0o777, 0o600);
    await again.leave();
  });
});

describe('the sandbox’s folders', () => {
  const table: [NodeJS.Platform, Record<string, string>, string, string][] = [
    ['linux', {}, '/home/ana/.cache/daypass', '/home/ana/.local/state/daypass'],
    ['linux', { XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' }, '/c/daypass', '/s/daypass'],
    [
      'linux',
      { XDG_CACHE_HOME: 'c', XDG_STATE_HOME: '' },
      '/home/ana/.cache/daypass',
      '/home/ana/.local/state/daypass',
    ],
    ['darwin', {}, '/home/ana/Library/Caches/daypass', '/home/ana/Library/Application Support/daypass'],
  ];
  for (const [platform, environment, cache, state] of table)
    it(`are where ${platform} has them ${JSON.stringify(environment)}`, () => {
      const machine = { platform, home: '/home/ana', environment };
      assert.equal(cacheFolder(machine), cache);
      assert.equal(stateFolder(machine), state);
    });
});
