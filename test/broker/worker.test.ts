import assert from 'node:assert/strict';
import { pino } from 'pino';
import type { Receipt } from '../../src/contract/receipts.ts';
import type { LeaseStore } from '../../src/broker/leases/lease-store.ts';
import type { OwedLease } from '../../src/broker/leases/settle.ts';
import { startWorker, type Worker } from '../../src/broker/leases/worker.ts';
import type { Reserved } from '../../src/broker/store/lease-reserve.ts';
import {
  IssueFailed,
  type Closed,
  type ClosingLease,
  type InTheWay,
} from '../../src/broker/targets/target.ts';
import { eventually } from './support/eventually.ts';
import { openShop, type Shop, type TestLease } from './support/shop.ts';

/** Leases in memory: a database that can be away, and that can refuse what it is told. */
class MemoryStore implements LeaseStore {
  away = false;
  /** How many more ends it fails to store. */
  refusals = 0;
  readonly recorded: string[] = [];
  readonly ends: { leaseId: string; end: { receipt: Receipt } | { absent: string } }[] = [];
  readonly obstacles: string[] = [];
  /** Evidence in the order in which it was stored. */
  readonly kept: { cut?: { at: string } }[] = [];
  readonly removed: string[] = [];
  readonly #leases = new Map<string, OwedLease>();

  issued(lease: TestLease, dueAt = lease.intent.expiresAt): void {
    this.#add(lease, { state: 'issued', issuedAt: new Date(), dueAt });
  }
  /** Its intent was stored so long ago, and more is not known of it. */
  issuing(lease: TestLease, forMs = 0): void {
    this.#add(lease, { state: 'issuing', createdAt: new Date(Date.now() - forMs) });
  }
  end(leaseId: string): void {
    this.#change(leaseId, { state: 'closing' });
  }
  owed(): Promise<{ now: Date; leases: OwedLease[] }> {
    return this.#answer(() => ({ now: new Date(), leases: [...this.#leases.values()] }));
  }
  openRoles(): Promise<Set<string>> {
    return this.#answer(() => new Set([...this.#leases.values()].map(({ role }) => role)));
  }
  begin(closing: readonly { leaseId: string }[]): Promise<void> {
    return this.#answer(() => {
      for (const { leaseId } of closing) {
        this.recorded.push(leaseId);
        this.end(leaseId);
      }
    });
  }
  keepEvidence(evidence: ReadonlyMap<string, unknown>): Promise<ReadonlyMap<string, unknown>> {
    return this.#answer(() => {
      for (const [leaseId, what] of evidence) {
        this.kept.push(what as { cut?: { at: string } });
        this.#change(leaseId, { evidence: JSON.parse(JSON.stringify(what)) as unknown });
      }
      return evidence;
    });
  }
  withEvidence(of: readonly OwedLease[]): Promise<OwedLease[]> {
    return this.#answer(() => of.map((one) => this.#leases.get(one.leaseId) ?? one));
  }
  reserve(leaseIds: readonly string[]): Promise<Reserved> {
    return Promise.resolve({ mine: new Set(leaseIds), release: () => Promise.resolve() });
  }
  confirm(leaseId: string, end: { receipt: Receipt } | { absent: string }): Promise<void> {
    return this.#answer(() => {
      if (this.refusals-- > 0) throw new Error('The disk of the database is full.');
      this.ends.push({ leaseId, end });
      this.#leases.delete(leaseId);
    });
  }
  noteObstacle(_leaseId: string, { obstacle }: InTheWay): Promise<void> {
    return this.#answer(() => void this.obstacles.push(obstacle));
  }
  noteRemoved(_target: string, { leaseId }: Closed): Promise<void> {
    return this.#answer(() => void this.removed.push(leaseId));
  }
  #add(lease: TestLease, more: Partial<OwedLease>): void {
    this.#leases.set(lease.leaseId, { ...owed(lease), ...more });
  }
  #change(leaseId: string, change: Partial<OwedLease>): void {
    const lease = this.#leases.get(leaseId);
    if (lease) this.#leases.set(leaseId, { ...lease, ...change });
  }
  async #answer<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.away) throw new Error('The database is away.');
    return work();
  }
}

const owed = ({ leaseId, role, templateId = '', scope, intent }: TestLease): OwedLease => ({
  leaseId,
  role,
  state: 'issuing',
  createdAt: new Date(),
  issuedAt: null,
  dueAt: intent.expiresAt,
  templateId,
  scope,
  evidence: undefined,
  authentic: true,
});

describe('a target’s worker', function () {
  this.timeout(30_000);
  let shop: Shop;
  let store: MemoryStore;
  let worker: Worker | undefined;
  before(async () => {
    shop = await openShop();
  });
  after(() => shop.stop());
  beforeEach(() => {
    store = new MemoryStore();
  });
  afterEach(async () => {
    store.away = false;
    await worker?.stop();
  });

  const start = (over: Partial<Pick<Shop['target'], 'cut' | 'close'>> = {}) => {
    const target = Object.assign(Object.create(shop.target) as Shop['target'], {
      id: shop.target.id,
      observe: () => shop.target.observe(),
      cut: shop.target.cut.bind(shop.target),
      close: shop.target.close.bind(shop.target),
      ...over,
    });
    worker = startWorker({
      target,
      store,
      log: pino({ enabled: false }),
    });
    return worker;
  };
  const ended = (leaseId: string) => eventually(() => store.ends.find((one) => one.leaseId === leaseId)?.end);

  it('cuts at the deadline although the database is away, and proves it when it is back', async () => {
    const lease = await shop.lease('read-orders');
    const psql = await shop.login(lease);
    const closed = new Promise((resolve) => psql.once('end', resolve));
    const due = new Date(Date.now() + 1_500);
    store.issued(lease, due);
    let cuts = 0;
    start({
      cut: (...given) => {
        cuts += 1;
        return shop.target.cut(...given);
      },
    });
    await psql.query('select 1 from sales.orders limit 1');
    store.away = true;
    await closed;
    assert.ok(Date.now() >= due.getTime(), 'and not before its time');
    await assert.rejects(shop.login(lease), 'no new login');
    // Tried again meanwhile, when there is nothing left to be seen of it.
    await eventually(() => cuts > 2 || undefined);
    assert.deepEqual([store.recorded, store.ends], [[], []]);
    const back = new Date().toISOString();
    store.away = false;
    const end = await ended(lease.leaseId);
    assert.ok('receipt' in end, JSON.stringify(end));
    assert.deepEqual(store.recorded, [lease.leaseId]);
    assert.equal(end.receipt.connectionsEnded, 1, 'what was seen while nothing could be stored');
    assert.ok((store.kept[0]?.cut?.at ?? back) < back, 'and when it was closed');
  });

  it('tries again to store an end that could not be stored, and concludes it once', async () => {
    const leases = [await shop.lease('read-orders'), await shop.lease('refund')];
    for (const lease of leases) {
      store.issued(lease);
      store.end(lease.leaseId);
    }
    store.refusals = 2;
    const cuts: string[] = [];
    const one = start({
      cut: (cutting: readonly ClosingLease[], keep) => {
        cuts.push(...cutting.map(({ leaseId }) => leaseId));
        return shop.target.cut(cutting, keep);
      },
    });
    for (const { leaseId } of leases) {
      const end = await ended(leaseId);
      assert.ok('receipt' in end, 'the proof that was kept before the login went is the receipt');
    }
    const sofar = cuts.length;
    for (let look = 0; look < 5; look += 1) {
      one.wake();
      await store.owed();
    }
    await one.stop();
    assert.equal(store.ends.length, 2, 'each is concluded once');
    assert.equal(cuts.length, sofar, 'and left alone then');
    assert.deepEqual(store.recorded, [], 'what closes already does not begin to');
  });

  it('never gives up a lease whose end the target does not confirm, and says what stands in the way', async () => {
    const lease = await shop.lease('read-orders');
    store.issued(lease);
    store.end(lease.leaseId);
    let tries = 0;
    start({
      close: (closing, keep) => {
        tries += 1;
        if (tries > 2) return shop.target.close(closing, keep);
        const obstacle = 'Someone else holds a lock.';
        return Promise.resolve(closing.map(({ leaseId }) => ({ leaseId, outcome: 'unconfirmed', obstacle })));
      },
    });
    assert.ok('receipt' in (await ended(lease.leaseId)));
    assert.equal(tries, 3);
    assert.deepEqual(new Set(store.obstacles), new Set(['Someone else holds a lock.']));
  });

  it('removes a login of ours that no lease accounts for, and leaves open ones alone', async () => {
    const [stranger, open] = [await shop.lease('read-orders'), await shop.lease('read-orders')];
    store.issued(open);
    start();
    await eventually(async () => !(await there(stranger)) || undefined);
    assert.equal(await there(open), true);
  });

  it('records a removal when the database is back that it did not take', async () => {
    const stranger = await shop.lease('read-orders');
    start({
      close: async (leases, keep) => {
        const closed = await shop.target.close(leases, keep);
        store.away = true;
        return closed;
      },
    });
    await eventually(async () => !(await there(stranger)) || undefined);
    await eventually(() => store.away || undefined);
    assert.deepEqual(store.removed, []);
    store.away = false;
    worker?.wake();
    await eventually(() => store.removed.includes(stranger.leaseId) || undefined);
  });

  it('tries again soon to remove one that could not be removed', async () => {
    const stranger = await shop.lease('read-orders');
    let tries = 0;
    start({
      close: (closing, keep) => {
        tries += 1;
        if (tries === 1) return Promise.reject(new Error('The connection broke.'));
        return shop.target.close(closing, keep);
      },
    });
    await eventually(async () => !(await there(stranger)) || undefined);
    assert.equal(tries, 2);
  });

  it('removes at once a login that was made after another broker had closed its lease', async () => {
    const lease = shop.intend('read-orders');
    const stranger = await shop.lease('read-orders');
    const one = start();
    // Once that one is gone the target has just been looked at.
    await eventually(async () => !(await there(stranger)) || undefined);
    const late = one.whileIssuing(owed(lease), async () => {
      await shop.target.issue(lease.intent, shop.keep);
      throw new Error('It ended meanwhile.');
    });
    await assert.rejects(late, /ended meanwhile/);
    await eventually(async () => !(await there(lease)) || undefined);
  });

  it('does not take for absent what another broker may still be creating', async () => {
    const lease = shop.intend('read-orders');
    store.issuing(lease);
    store.end(lease.leaseId);
    start();
    await eventually(() => store.obstacles.length > 1 || undefined);
    assert.match(store.obstacles[0] ?? '', /may still be on its way/);
    assert.deepEqual(store.ends, []);
    await shop.target.issue(lease.intent, shop.keep);
    assert.ok('receipt' in (await ended(lease.leaseId)));
    assert.equal(await there(lease), false);
  });

  it('does not take for absent what it does not know the fate of itself', async () => {
    const lease = shop.intend('read-orders');
    store.issuing(lease);
    const one = start();
    const lost = new IssueFailed('The answer was lost.', { nothingCreated: false });
    await assert.rejects(one.whileIssuing(owed(lease), () => Promise.reject(lost)));
    store.end(lease.leaseId);
    one.wake();
    await eventually(() => store.obstacles.length > 0 || undefined);
    assert.match(store.obstacles[0] ?? '', /may still be on its way/);
    assert.deepEqual(store.ends, []);
    await shop.target.issue(lease.intent, shop.keep);
    assert.ok('receipt' in (await ended(lease.leaseId)));
  });

  it('takes for absent what was to be there long ago, and what it failed to create itself', async () => {
    const [old, own] = [shop.intend('read-orders'), shop.intend('read-orders')];
    store.issuing(old, 60_000);
    store.issuing(own);
    const one = start();
    assert.ok('absent' in (await ended(old.leaseId)));
    const failing = one.whileIssuing(owed(own), () =>
      Promise.reject(new IssueFailed('It broke.', { nothingCreated: true })),
    );
    await assert.rejects(failing);
    store.end(own.leaseId);
    one.wake();
    assert.ok('absent' in (await ended(own.leaseId)));
    assert.deepEqual(store.obstacles, []);
  });

  const there = async ({ role }: TestLease) => (await shop.target.observe()).some((one) => one.role === role);
});
