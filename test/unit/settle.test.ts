import assert from 'node:assert/strict';
import fc from 'fast-check';
import { mayStillAppear, settle, type OwedLease } from '../../src/broker/leases/settle.ts';

const now = new Date('2026-03-01T02:14:00Z');
const at = (ms: number) => new Date(now.getTime() + ms);
const lease = (over: Partial<OwedLease>): OwedLease => ({
  leaseId: 'l1',
  role: 'r1',
  state: 'issued',
  createdAt: at(-60_000),
  issuedAt: at(-59_000),
  dueAt: at(60_000),
  templateId: 't',
  scope: {},
  evidence: undefined,
  authentic: true,
  ...over,
});
const look = (leases: OwedLease[], beingIssued: string[] = []) =>
  settle({ leases, unknown: [], beingIssued: new Set(beingIssued), issueWithinMs: 30_000, now });

describe('what is owed at a target', () => {
  it('nothing before its time, and it wakes at the earliest', () => {
    const owed = look([lease({}), lease({ leaseId: 'l2', dueAt: at(5_000) })]);
    assert.deepEqual([owed.begin, owed.cut, owed.close], [[], [], []]);
    assert.deepEqual(owed.wakeAt, at(5_000));
  });

  it('a lease at its very instant is cut and closed as expired', () => {
    const due = lease({ dueAt: now });
    assert.deepEqual(look([due]), {
      begin: [{ lease: due, reason: 'expired' }],
      cut: [due],
      close: [due],
      remove: [],
      wakeAt: null,
    });
  });

  it('a closing lease is cut again without beginning anew', () => {
    const closing = lease({ state: 'closing' });
    const owed = look([closing]);
    assert.deepEqual([owed.begin, owed.cut, owed.close], [[], [closing], [closing]]);
  });

  it('an issue whose process died counts as unknown and is closed', () => {
    const lost = lease({ state: 'issuing', createdAt: at(-30_000) });
    assert.deepEqual(look([lost]).begin, [{ lease: lost, reason: 'issue not confirmed' }]);
  });

  it('an issue under way here is left alone until it is due, then cut but not closed before it has come back', () => {
    const slow = lease({ state: 'issuing', createdAt: at(-40_000) });
    assert.deepEqual(look([slow], ['l1']).cut, []);
    assert.deepEqual(look([slow], ['l1']).wakeAt, slow.dueAt, 'and it does not spin while it waits');
    const overdue = lease({ state: 'issuing', createdAt: at(-40_000), dueAt: at(-1) });
    const owed = look([overdue], ['l1']);
    assert.deepEqual([owed.cut, owed.close], [[overdue], []]);
  });

  it('never leaves an overdue lease uncut, and never cuts one before its time unless it closes or was lost', () => {
    const some = fc.record({
      state: fc.constantFrom('issuing', 'issued', 'closing' as const),
      due: fc.integer({ min: -100_000, max: 100_000 }),
      age: fc.integer({ min: 0, max: 100_000 }),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 20 }), (rows) => {
        const leases = rows.map(({ state, due, age }, i) =>
          lease({ leaseId: `l${i}`, state, dueAt: at(due), createdAt: at(-age) }),
        );
        const owed = look(leases);
        for (const one of leases) {
          const due = one.dueAt <= now;
          const lost = one.state === 'issuing' && at(-30_000) >= one.createdAt;
          assert.equal(owed.cut.includes(one), due || lost || one.state === 'closing');
        }
        if (owed.wakeAt) assert.ok(owed.wakeAt > now, 'it never sleeps until a time that has passed');
      }),
      { numRuns: 1_000 },
    );
  });

  it('a login may still appear until long after its intent, unless it was there once', () => {
    const still = (over: Partial<OwedLease>) => mayStillAppear(lease(over), { now, issueWithinMs: 30_000 });
    assert.equal(still({ issuedAt: null, createdAt: at(-59_999) }), true);
    assert.equal(still({ issuedAt: null, createdAt: at(-60_000) }), false);
    assert.equal(still({ issuedAt: at(0), createdAt: at(0) }), false);
  });
});
