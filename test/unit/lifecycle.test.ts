import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  expiryOf,
  moveGrant,
  moveLease,
  moveRequest,
  type GrantEvent,
  type LeaseEvent,
  type RequestEvent,
} from '../../src/broker/rules/lifecycle.ts';
import type { LeaseState } from '../../src/contract/leases.ts';

const noon = new Date('2026-03-01T12:00:00Z');
const before = new Date(noon.getTime() - 1);
const after = new Date(noon.getTime() + 1);

describe('what becomes of a request', () => {
  const pending = { state: 'pending', answerBy: noon, agreed: false } as const;
  const table: [RequestEvent, Date, number, string][] = [
    ['decided: approve', before, 1, 'approved'],
    ['decided: approve', before, 0, 'pending'],
    ['decided: approve', noon, 1, 'too late'],
    ['decided: deny', before, 0, 'denied'],
    ['decided: deny', after, 0, 'too late'],
    ['withdrawn', before, 0, 'withdrawn'],
    ['withdrawn', after, 0, 'withdrawn'],
    ['time passed', before, 0, 'not yet'],
    ['time passed', noon, 0, 'expired'],
  ];
  for (const [event, at, approvals, expected] of table) {
    it(`${event}, ${approvals} approvals, ${at < noon ? 'before' : 'at or after'} its time: ${expected}`, () => {
      const step = moveRequest({ ...pending, agreed: approvals > 0 }, event, at);
      assert.equal(step.moved ? step.state : step.why, expected);
    });
  }

  it('never moves once it is settled', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('approved', 'denied', 'withdrawn', 'expired', 'refused' as const),
        fc.constantFrom<RequestEvent>('decided: approve', 'decided: deny', 'withdrawn', 'time passed'),
        fc.date({ noInvalidDate: true }),
        fc.nat(5),
        (state, event, at, approvals) => {
          assert.deepEqual(moveRequest({ state, answerBy: noon, agreed: approvals > 0 }, event, at), {
            moved: false,
            why: 'already settled',
          });
        },
      ),
    );
  });
});

describe('what becomes of a grant', () => {
  const table: ['approved' | 'active', GrantEvent, Date, string][] = [
    ['approved', 'lease wanted', before, 'active'],
    ['approved', 'lease wanted', noon, 'too late'],
    ['approved', 'time passed', before, 'not yet'],
    ['approved', 'time passed', noon, 'lapsed'],
    ['approved', 'ended', before, 'ended'],
    ['approved', 'revoked', before, 'revoked'],
    ['active', 'lease wanted', before, 'active'],
    ['active', 'lease wanted', noon, 'too late'],
    ['active', 'ended', before, 'ended'],
    ['active', 'revoked', after, 'revoked'],
    ['active', 'time passed', before, 'not yet'],
    ['active', 'nothing opened', new Date(before.getTime() - 1), 'approved'],
    ['active', 'nothing opened', before, 'too late'],
    ['approved', 'nothing opened', before, 'too late'],
    ['active', 'time passed', after, 'expired'],
  ];
  for (const [state, event, at, expected] of table) {
    it(`${state}: ${event} ${at < noon ? 'before' : 'at or after'} its time: ${expected}`, () => {
      const facts =
        state === 'approved'
          ? ({ state, activateBy: noon, expiresAt: null } as const)
          : ({ state, activateBy: before, expiresAt: noon } as const);
      const step = moveGrant(facts, event, at);
      assert.equal(step.moved ? step.state : step.why, expected);
    });
  }

  it('gives no lease at or after its end, whatever happened before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 604_800 }), fc.nat(1_000_000_000), (seconds, lateMs) => {
        const end = expiryOf(noon, seconds);
        const step = moveGrant(
          { state: 'active', activateBy: noon, expiresAt: end },
          'lease wanted',
          new Date(end.getTime() + lateMs),
        );
        assert.equal(step.moved, false);
      }),
    );
  });

  it('never comes back', () => {
    for (const state of ['lapsed', 'ended', 'expired', 'revoked'] as const)
      for (const event of ['lease wanted', 'nothing opened', 'ended', 'revoked', 'time passed'] as const)
        assert.equal(
          moveGrant({ state, activateBy: after, expiresAt: after }, event, before).moved,
          false,
          `${state} ${event}`,
        );
  });
});

describe('what becomes of a lease', () => {
  const events: LeaseEvent[] = [
    { is: 'issue confirmed' },
    { is: 'issue failed', nothingCreated: true },
    { is: 'issue failed', nothingCreated: false },
    { is: 'close', reason: 'ended' },
    { is: 'end confirmed' },
    { is: 'found absent' },
  ];

  it('fails only where it is proven that nothing was created', () => {
    assert.deepEqual(moveLease('issuing', { is: 'issue failed', nothingCreated: true }), {
      moved: true,
      state: 'failed',
    });
    assert.deepEqual(moveLease('issuing', { is: 'issue failed', nothingCreated: false }), {
      moved: true,
      state: 'closing',
    });
  });

  it('is over only by way of closing, and only when the target has said so', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 12 }), (sequence) => {
        let state: LeaseState = 'issuing';
        for (const event of sequence) {
          const step = moveLease(state, event);
          if (!step.moved) continue;
          if (step.state === 'closed') {
            assert.equal(state, 'closing');
            assert.ok(event.is === 'end confirmed' || event.is === 'found absent');
          }
          assert.ok(state !== 'closed' && state !== 'failed', 'what is over stays over');
          if (state === 'closing') assert.equal(step.state, 'closed');
          state = step.state;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
