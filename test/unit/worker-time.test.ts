import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { pino } from 'pino';
import type { LeaseStore } from '../../src/broker/leases/lease-store.ts';
import type { OwedLease } from '../../src/broker/leases/settle.ts';
import { startWorker, type Worker } from '../../src/broker/leases/worker.ts';
import { isNear } from '../../src/broker/store/notify.ts';
import type { Target } from '../../src/broker/targets/target.ts';

const stepMs = 20;
const log = pino({ enabled: false });

describe('when a worker looks', () => {
  const begin = Date.parse('2026-03-01T02:14:00Z');
  const workers: Worker[] = [];
  let leases: OwedLease[];
  /** Issued, and never in an answer of the store. */
  let unread: OwedLease[];
  /** What the store does when it is read. */
  let reading: () => Promise<void>;
  /** What happens between its reading of the clock and its answer. */
  let answering: () => Promise<void>;
  /** A look at what is at the target. */
  let observing: () => Promise<[]>;
  /** Who cut what, how long after its due time. */
  let cuts: { worker: string; leaseId: string; lateMs: number }[];

  /** Whether another broker has reserved every end. */
  let heldElsewhere: boolean;
  let proven: string[];

  beforeEach(() => {
    heldElsewhere = false;
    proven = [];
    leases = [];
    unread = [];
    cuts = [];
    observing = () => Promise.resolve([]);
    reading = answering = () => Promise.resolve();
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: begin });
    mock.method(performance, 'now', () => Date.now() - begin);
  });
  afterEach(async () => {
    const stopped = Promise.all(workers.splice(0).map((one) => one.stop()));
    mock.timers.tick(10_000);
    await stopped;
    mock.timers.reset();
    mock.restoreAll();
  });

  /** Lets time pass, and whatever it brings about happen. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      mock.timers.tick(stepMs);
      for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const start = (worker: string) => {
    const store: Partial<LeaseStore> = {
      owed: async () => {
        await reading();
        const now = new Date();
        await answering();
        return { now, leases: [...leases] };
      },
      openRoles: () => Promise.resolve(new Set()),
      begin: () => Promise.resolve(),
      withEvidence: (of) => Promise.resolve([...of]),
      reserve: (ids) =>
        Promise.resolve({
          mine: new Set(heldElsewhere ? [] : ids),
          release: () => Promise.resolve(),
        }),
      confirm: (leaseId) => Promise.resolve(void proven.push(leaseId)),
    };
    const target: Partial<Target> = {
      id: 'shop',
      observe: () => observing(),
      cut: (cutting) => {
        for (const { leaseId } of cutting) {
          const due = [...leases, ...unread].find((one) => one.leaseId === leaseId)?.dueAt.getTime() ?? NaN;
          cuts.push({ worker, leaseId, lateMs: Date.now() - due });
        }
        return Promise.resolve([]);
      },
      close: (closing) =>
        Promise.resolve(
          closing.map(({ leaseId }) => ({ leaseId, outcome: 'absent', detail: 'gone' }) as const),
        ),
    };
    const one = startWorker({ target: target as Target, store: store as LeaseStore, log });
    workers.push(one);
    return one;
  };
  const lease = (leaseId: string, dueInMs: number): OwedLease => ({
    leaseId,
    role: leaseId,
    state: 'issued',
    createdAt: new Date(),
    issuedAt: new Date(),
    dueAt: new Date(Date.now() + dueInMs),
    templateId: 't',
    scope: {},
    evidence: undefined,
    authentic: true,
  });

  it('every broker ends in time what none of them was told of, since it was not near', async () => {
    start('one');
    await pass(11_340);
    start('another');
    for (const afterMs of [0, 7_000, 29_980]) {
      await pass(afterMs);
      const untold = lease(`after ${afterMs}`, 60_000);
      assert.equal(isNear(untold.dueAt, new Date()), false);
      leases.push(untold);
    }
    await pass(70_000);
    for (const { leaseId } of leases)
      for (const worker of ['one', 'another']) {
        const first = cuts.find((cut) => cut.leaseId === leaseId && cut.worker === worker);
        assert.ok(first, `${worker} never ended the one made ${leaseId}`);
        assert.ok(first.lateMs >= 0 && first.lateMs <= 2 * stepMs, `${worker}: ${first.lateMs} ms late`);
      }
    assert.equal(isNear(lease('near', 59_999).dueAt, new Date()), true, 'these are told of');
  });

  it('deadlines that are known are kept while the database does not answer at all', async () => {
    leases.push(lease('first', 2_000), lease('second', 9_000), lease('third', 14_000));
    start('one');
    await pass(1_000);
    reading = () => new Promise(() => undefined);
    await pass(15_000);
    assert.deepEqual(cuts.map(({ leaseId }) => leaseId).slice(0, 3), ['first', 'second', 'third']);
    assert.ok(cuts.every(({ lateMs }) => lateMs <= 2 * stepMs));
  });

  it('deadlines that are known are kept while the database refuses', async () => {
    leases.push(lease('first', 2_000), lease('second', 2_500));
    start('one');
    await pass(1_000);
    reading = () => Promise.reject(new Error('the database is shutting down'));
    await pass(3_000);
    const late = (id: string) => cuts.find(({ leaseId }) => leaseId === id)?.lateMs ?? Infinity;
    assert.ok(late('first') <= 2 * stepMs);
    assert.ok(late('second') <= 2 * stepMs);
  });

  describe('what is issued and in no answer of the database yet', () => {
    const silent = () => new Promise<void>(() => undefined);
    const issue = async (one: Worker, dueInMs: number) => {
      const issued = { ...lease('just issued', dueInMs), state: 'issuing', issuedAt: null } as const;
      unread.push(issued);
      await one.whileIssuing(issued, () => Promise.resolve({ evidence: {} }));
    };
    const assertEndedInTimeFor = async (dueInMs: number) => {
      await pass(dueInMs - stepMs);
      assert.deepEqual(cuts, [], 'nothing before its time');
      await pass(3 * stepMs);
      assert.deepEqual(
        cuts.map(({ leaseId, lateMs }) => [leaseId, lateMs <= 2 * stepMs]),
        [['just issued', true]],
      );
    };

    for (const [how, reads] of [
      ['does not answer any more', silent],
      ['refuses', () => Promise.reject(new Error('the database is shutting down'))],
    ] as const)
      for (const dueInMs of [600, 5_000, 70_000])
        it(`ends ${dueInMs / 1_000} s later although the database ${how}`, async () => {
          const one = start('one');
          await pass(1_000);
          reading = reads;
          await issue(one, dueInMs);
          await assertEndedInTimeFor(dueInMs);
        });

    it('ends in time although it was read as being issued, and then no more', async () => {
      const one = start('one');
      await pass(1_000);
      const issued = { ...lease('just issued', 70_000), state: 'issuing', issuedAt: null } as const;
      leases.push(issued);
      await one.whileIssuing(issued, async () => {
        one.wake();
        await pass(100);
        reading = silent;
        return { evidence: {} };
      });
      await assertEndedInTimeFor(70_000 - 100);
    });

    it('ends in time although a look that had begun before does not know of it', async () => {
      const one = start('one');
      await pass(1_000);
      let answer: () => void = () => undefined;
      answering = () => new Promise((resolve) => (answer = resolve));
      one.wake();
      await pass(100);
      await issue(one, 40_000);
      reading = silent;
      answer();
      await assertEndedInTimeFor(40_000);
    });

    it('does not end early although this machine’s clock is an hour ahead and the database was never read', async () => {
      reading = silent;
      const one = start('one');
      const now = Date.now() - 3_600_000;
      const issued = { ...lease('just issued', 0), createdAt: new Date(now), dueAt: new Date(now + 70_000) };
      unread.push(issued);
      await one.whileIssuing(issued, () => Promise.resolve({ evidence: {} }));
      await pass(70_000 - stepMs);
      assert.deepEqual(cuts, []);
      await pass(3 * stepMs);
      assert.equal(cuts.length, 1);
    });

    it('is known no more once the database says that it is over', async () => {
      const one = start('one');
      await pass(1_000);
      await issue(one, 5_000);
      await pass(10_000);
      assert.deepEqual(cuts, []);
    });
  });

  it('an end that is told of waits for no look at a target that hangs', async () => {
    observing = () => new Promise(() => undefined);
    leases.push(lease('only', 60_000));
    const one = start('one');
    await pass(1_000);
    leases = leases.map((each) => ({ ...each, state: 'closing' as const }));
    one.wake();
    await pass(stepMs);
    assert.equal(cuts.length, 1);
  });

  const slowly = (ms: number) => () => new Promise<void>((resolve) => setTimeout(resolve, ms));

  it('nothing ends early because the database was slow to be read', async () => {
    leases.push(lease('only', 9_000));
    reading = slowly(4_000);
    start('one');
    await pass(9_000 - stepMs);
    assert.deepEqual(cuts, []);
    await pass(2 * stepMs);
    assert.equal(cuts.length, 1);
  });

  it('nothing ends late because the database was slow to answer once', async () => {
    leases.push(lease('only', 9_000));
    answering = slowly(4_000);
    start('one');
    await pass(4_000);
    answering = () => Promise.resolve();
    await pass(5_000 - stepMs);
    assert.deepEqual(cuts, []);
    await pass(2 * stepMs);
    assert.equal(cuts.length, 1);
  });

  it('what another broker proves is cut all the same, and proven here if that one does not get on', async () => {
    leases.push(lease('only', 2_000));
    heldElsewhere = true;
    start('one');
    await pass(2_000 + 2 * stepMs);
    assert.equal(cuts.length, 1);
    leases = leases.map((each) => ({ ...each, state: 'closing' as const }));
    await pass(9_500);
    assert.deepEqual(proven, []);
    await pass(5_000);
    assert.deepEqual(proven.slice(0, 1), ['only']);
  });

  it('a lease that ended while it was being issued is ended again as soon as the issue has come back', async () => {
    const one = start('one');
    await pass(500);
    leases.push({ ...lease('ended', 600_000), state: 'issuing' });
    let comeBack: () => void = () => undefined;
    const issue = one.whileIssuing(leases[0]!, () =>
      new Promise<void>((resolve) => (comeBack = resolve)).then(() => {
        throw new Error('It ended meanwhile.');
      }),
    );
    const failed = assert.rejects(issue);
    leases = leases.map((each) => ({ ...each, state: 'closing' as const }));
    one.wake();
    await pass(12_000);
    const before = cuts.length;
    assert.ok(before > 0, 'it is cut meanwhile too');
    comeBack();
    await failed;
    await pass(2 * stepMs);
    assert.equal(cuts.length, before + 1);
  });
});
