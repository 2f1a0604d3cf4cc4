import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Cancelled, Unreachable } from '../../src/extension/client/call.ts';
import { LeaseBroker } from './support/lease-broker.ts';
import { unopened } from './support/samples.ts';
import { eventually } from './support/terminal.ts';
import { Window, placeWithLauncher } from './support/terminal-window.ts';

let place: string;
before(async function () {
  this.timeout(20_000);
  place = await placeWithLauncher();
});
after(() => rmSync(place, { recursive: true, force: true }));

describe('an attempt to open a terminal', function () {
  this.timeout(30_000);
  let broker: LeaseBroker;
  let window: Window;
  let release: () => void;
  beforeEach(() => {
    broker = new LeaseBroker();
    window = new Window(broker, place);
  });
  afterEach(() => window.dispose());

  const states = (): string[] => [...broker.leases.values()].map(({ state }) => state);
  const holdAnswers = (): void => {
    broker.until = new Promise((resolve) => (release = resolve));
  };
  const nothingLeft = () => eventually(() => window.left.length === 0 || undefined);

  describe('that is cancelled', () => {
    it('while the broker works on it is over at once, and its lease ends as soon as it is known', async () => {
      holdAnswers();
      const cancel = new AbortController();
      const opening = window.desk.prepare(broker.allow(), cancel.signal);
      await eventually(() => broker.leases.size === 1 || undefined);
      cancel.abort();
      await assert.rejects(opening, Cancelled);
      assert.deepEqual(states(), ['issued']);
      release();
      await eventually(() => states()[0] === 'closing' || undefined);
      await nothingLeft();
      assert.equal(broker.leases.size, 1);
    });

    it('while its folder is written ends the lease, and opens nothing', async () => {
      const cancel = new AbortController();
      const listening = broker.store.onDidChange(() => {
        if (broker.leases.size === 1) cancel.abort();
      });
      await assert.rejects(window.desk.prepare(broker.allow(), cancel.signal), Cancelled);
      await eventually(() => states()[0] === 'closing' || undefined);
      await nothingLeft();
      listening.dispose();
    });

    it('before anything was asked asks nothing', async () => {
      await assert.rejects(window.desk.prepare(broker.allow(), AbortSignal.abort()), Cancelled);
      await assert.rejects(window.desk.copy(broker.allow(), AbortSignal.abort()), Cancelled);
      await nothingLeft();
      assert.deepEqual(broker.calls, []);
    });

    it('and refused meanwhile leaves nothing', async () => {
      broker.refuses = 'too-many-terminals';
      const cancel = new AbortController();
      const opening = window.desk.prepare(broker.allow(), cancel.signal);
      cancel.abort();
      await assert.rejects(opening, Cancelled);
      await nothingLeft();
    });

    it('while the broker goes away ends as soon as the broker is back', async () => {
      holdAnswers();
      broker.loses = 1;
      const cancel = new AbortController();
      const opening = window.desk.prepare(broker.allow(), cancel.signal);
      await eventually(() => broker.leases.size === 1 || undefined);
      cancel.abort();
      await assert.rejects(opening, Cancelled);
      broker.down = true;
      release();
      const calls = broker.calls.length;
      await eventually(() => broker.calls.length > calls + 1 || undefined);
      assert.deepEqual(states(), ['issued']);
      assert.equal(window.records.length, 1, 'what tells of it stays');
      broker.down = false;
      await eventually(() => states()[0] === 'closing' || undefined);
      await nothingLeft();
      assert.equal(broker.leases.size, 1);
    });

    it('and whose window is killed then is ended by the next', async () => {
      holdAnswers();
      broker.loses = 1;
      const cancel = new AbortController();
      const opening = window.desk.prepare(broker.allow(), cancel.signal);
      await eventually(() => broker.leases.size === 1 || undefined);
      cancel.abort();
      await assert.rejects(opening, Cancelled);
      broker.down = true;
      release();
      const [name] = window.records;
      await eventually(
        () => /"unwanted":true/.test(readFileSync(window.recordFile(name!), 'utf8')) || undefined,
      );
      window.dispose();
      broker.down = false;
      const next = new Window(broker, place, window.storage);
      await next.keeper.look();
      assert.deepEqual(states(), ['closing']);
      next.dispose();
    });

    it('does not set an access going that had not begun', async () => {
      broker.down = true;
      holdAnswers();
      const grant = unopened({ activateBy: new Date(Date.now() + 600_000).toISOString() });
      broker.change(grant);
      const cancel = new AbortController();
      const opening = window.desk.prepare(grant, cancel.signal);
      await eventually(() => broker.calls.length === 1 || undefined);
      cancel.abort();
      await assert.rejects(opening, Cancelled);
      broker.down = false;
      release();
      await eventually(() => broker.calls.includes('grant') || undefined);
      await window.settled(() => window.left.length === 0);
      assert.equal(broker.leases.size, 0);
    });
  });

  describe('beside another', () => {
    it('for the same access becomes a terminal of its own', async () => {
      const grant = broker.allow();
      const [one, two, three] = await Promise.all([
        window.desk.prepare(grant),
        window.desk.prepare(grant),
        window.desk.copy(grant),
      ]);
      assert.notEqual(one.path, two.path);
      assert.equal(broker.leases.size, 3);
      const passwords = [one, two].map(({ path }) => readFileSync(join(path, 'pgpass'), 'utf8'));
      assert.notEqual(passwords[0], passwords[1]);
      assert.ok(!passwords.join().includes(three.password.reveal()));
    });

    it('pressed while the first waits for its answer becomes one, too', async () => {
      holdAnswers();
      const grant = broker.allow();
      const first = window.desk.prepare(grant);
      await eventually(() => broker.leases.size === 1 || undefined);
      const second = window.desk.prepare(grant);
      await eventually(() => broker.leases.size === 2 || undefined);
      release();
      assert.notEqual((await first).path, (await second).path);
      assert.deepEqual(states(), ['issued', 'issued']);
    });

    it('cancelled leaves the other alone', async () => {
      holdAnswers();
      const grant = broker.allow();
      const cancel = new AbortController();
      const first = window.desk.prepare(grant, cancel.signal);
      const second = window.desk.prepare(grant);
      await eventually(() => broker.leases.size === 2 || undefined);
      cancel.abort();
      await assert.rejects(first, Cancelled);
      release();
      const { path } = await second;
      await eventually(() => states().includes('closing') || undefined);
      assert.deepEqual(states().sort(), ['closing', 'issued']);
      assert.ok(existsSync(join(path, 'pgpass')));
    });

    it('takes up a lost answer once', async () => {
      const grant = broker.allow();
      broker.loses = 1;
      await assert.rejects(window.desk.prepare(grant), Unreachable);
      const [one, two] = await Promise.all([window.desk.prepare(grant), window.desk.prepare(grant)]);
      assert.notEqual(one.path, two.path);
      assert.equal(broker.leases.size, 2);
    });
  });

  it('taken up long after its answer was lost has time for its terminal to start', async () => {
    const grant = broker.allow();
    broker.loses = 1;
    await assert.rejects(window.desk.prepare(grant), Unreachable);
    const [name] = window.records;
    window.keeper.dispose();
    window.editRecord(name!, { createdAt: new Date(Date.now() - 290_000).toISOString() });
    const prepared = await window.desk.prepare(grant);
    assert.equal(prepared.name, name);
    const record = JSON.parse(readFileSync(window.recordFile(name!), 'utf8')) as { createdAt: string };
    assert.ok(Date.now() - Date.parse(record.createdAt) < 60_000);
  });
});
