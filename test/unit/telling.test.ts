import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  afterFailure,
  foreseen,
  lookAt,
  mostAttempts,
  nextUp,
  whomToTell,
  type Apart,
  type StepDone,
  type StepStand,
  type Whom,
} from '../../src/broker/rules/telling.ts';
import { cannotApprove } from '../../src/broker/notify/on-call.ts';
import type { DecisionRow } from '../../src/broker/store/decision.ts';
import type { PersonRow } from '../../src/broker/store/person.ts';
import type { RequestRow } from '../../src/broker/store/request.ts';

const asked = new Date('2026-03-01T02:14:00Z');
const at = (seconds: number) => new Date(asked.getTime() + seconds * 1000);

describe('Who of those on call is told', () => {
  const nobody = { cannotApprove: [], told: [], unreached: [] };
  const table: [what: string, onCall: string[], apart: Partial<Apart>, Whom][] = [
    ['whoever is on call', ['ben'], {}, { is: 'somebody', person: 'ben' }],
    ['one of two', ['ben', 'eva'], {}, { is: 'somebody', person: 'ben' }],
    ['then the other', ['ben', 'eva'], { told: ['ben'] }, { is: 'somebody', person: 'eva' }],
    ['the same again where all were told', ['ben'], { told: ['ben'] }, { is: 'somebody', person: 'ben' }],
    ['nobody who cannot approve it', ['ana', 'eva'], { cannotApprove: ['ana'] }, { is: 'somebody', person: 'eva' }],
    ['nobody where that is all', ['ana'], { cannotApprove: ['ana'] }, { is: 'nobody else' }],
    ['nobody where none is on call', [], { cannotApprove: ['ana'], told: ['ben'] }, { is: 'nobody' }],
    ['who can be reached', ['ben', 'eva'], { unreached: ['ben'] }, { is: 'somebody', person: 'eva' }],
    ['who can be reached, once more, before who cannot', ['ben', 'eva'], { unreached: ['ben'], told: ['eva'] }, { is: 'somebody', person: 'eva' }],
    ['somebody who cannot be reached where there is no other', ['ben'], { unreached: ['ben'] }, { is: 'somebody', person: 'ben' }],
  ]; // prettier-ignore
  for (const [what, onCall, apart, expected] of table)
    it(what, () => assert.deepEqual(whomToTell(onCall, { ...nobody, ...apart }), expected));
});

describe('Who is told when', () => {
  const cases: [what: string, done: Omit<StepDone, 'at'>, doneAt: number, next: number, up: number][] = [
    ['told on time', { afterSeconds: 0, is: 'told' }, 0, 180, 180],
    ['told a little late', { afterSeconds: 0, is: 'told' }, 5, 180, 185],
    ['told long after the next one’s time', { afterSeconds: 0, is: 'told' }, 600, 180, 780],
    ['not reached', { afterSeconds: 0, is: 'not reached' }, 3, 180, 3],
    ['two at the same time, told', { afterSeconds: 60, is: 'told' }, 60, 60, 60],
    ['a later pair, not reached', { afterSeconds: 180, is: 'not reached' }, 190, 480, 190],
  ];
  for (const [what, done, doneAt, afterSeconds, up] of cases)
    it(`the next one after one that was ${what}`, () =>
      assert.deepEqual(nextUp({ ...done, at: at(doneAt) }, { afterSeconds }), at(up)));

  it('nobody while somebody looks, and nobody once it is settled', () => {
    assert.deepEqual(lookAt({ state: 'pending' }, at(0)), { is: 'tell' });
    assert.deepEqual(lookAt({ state: 'pending', claimedUntil: at(60) }, at(59)), {
      is: 'wait',
      until: at(60),
    });
    assert.deepEqual(lookAt({ state: 'pending', claimedUntil: at(60) }, at(60)), { is: 'tell' });
    assert.deepEqual(lookAt({ state: 'settled', claimedUntil: at(60) }, at(0)), { is: 'stop' });
  });

  it('a failed attempt: soon again, after the second one nobody waits for it, and it ends', () => {
    assert.deepEqual(afterFailure({ again: true }, 1, at(0), 0), { is: 'again', at: at(2), silent: false });
    assert.deepEqual(afterFailure({ again: true }, 2, at(0), 0), { is: 'again', at: at(5), silent: true });
    assert.deepEqual(afterFailure({ again: true, afterSeconds: 8 }, 1, at(0), 0), {
      is: 'again',
      at: at(8),
      silent: false,
    });
    assert.deepEqual(afterFailure({ again: true, afterSeconds: 30 }, 1, at(0), 0), {
      is: 'again',
      at: at(30),
      silent: true,
    });
    assert.deepEqual(afterFailure({ again: false }, 1, at(0), 0), { is: 'given up' });
    assert.deepEqual(afterFailure({ again: true }, mostAttempts, at(0), 0), { is: 'given up' });
  });

  it('whatever the other side asks for, an attempt is neither earlier than that nor more than half a day away', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: mostAttempts - 1 }),
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempts, afterSeconds, spread) => {
          const next = afterFailure({ again: true, afterSeconds }, attempts, at(0), spread);
          assert.ok(next.is === 'again');
          assert.ok(next.at >= at(Math.min(afterSeconds, 12 * 3600)));
          assert.ok(next.at <= at(12 * 3600 * 1.1));
        },
      ),
    ));

  /** A night: each step is told after some delay or found dead after some delay. When was each begun, when was it over? */
  const night = fc.array(
    fc.record({
      gap: fc.integer({ min: 0, max: 600 }),
      is: fc.constantFrom<StepDone['is']>('told', 'not reached'),
      tookMs: fc.integer({ min: 0, max: 3_600_000 }),
    }),
    { minLength: 1, maxLength: 10 },
  );

  it('never two at once, nobody before their time unless the one before cannot be reached, nobody left out', () =>
    fc.assert(
      fc.property(night, (steps) => {
        let afterSeconds = 0;
        let before: StepDone | undefined;
        for (const { gap, is, tookMs } of steps) {
          afterSeconds += gap;
          const up: Date = before ? nextUp(before, { afterSeconds }) : at(afterSeconds);
          if (before) {
            assert.ok(up >= before.at, 'begun only when the one before is over');
            if (before.is === 'told') assert.equal(up.getTime() - before.at.getTime(), gap * 1000);
            else assert.equal(up.getTime(), before.at.getTime(), 'at once');
          }
          before = { afterSeconds, is, at: new Date(up.getTime() + tookMs) };
        }
      }),
    ));

  it('what comes is foreseen from what was, and a claim holds it up', () => {
    const steps: StepStand[] = [
      { afterSeconds: 0, is: 'told', at: at(1) },
      { afterSeconds: 180, is: 'up', at: at(181) },
      { afterSeconds: 480, is: 'planned' },
      { afterSeconds: 900, is: 'planned' },
    ];
    assert.deepEqual(foreseen(steps), [
      { is: 'told', at: at(1) },
      { is: 'next', at: at(181) },
      { is: 'next', at: at(481) },
      { is: 'next', at: at(901) },
    ]);
    assert.deepEqual(
      foreseen(steps, at(600)).map((step) => step.at),
      [at(1), at(600), at(900), at(1320)],
    );
    assert.deepEqual(
      foreseen([
        { afterSeconds: 0, is: 'not reached', at: at(3) },
        { afterSeconds: 180, is: 'told', at: at(4) },
        { afterSeconds: 480, is: 'stopped' },
      ]),
      [{ is: 'not reached', at: at(3) }, { is: 'told', at: at(4) }, { is: 'not needed' }],
    );
  });
});

describe('who is left out of those on call', () => {
  const needs = [
    { by: ['leads'], number: 1 },
    { by: ['security'], number: 1 },
  ];
  const row = { requester: 'ana', demands: { needs, never: [] } } as unknown as RequestRow;
  const known = new Map(
    Object.entries({ leo: ['leads'], sue: ['security'], kim: ['sre'] }).map(([id, groups]) => [
      id,
      { id, groups } as unknown as PersonRow,
    ]),
  );
  const lea = { person_id: 'lea', verdict: 'approve', groups: ['leads'] } as unknown as DecisionRow;

  it('is whoever asked', () => assert.deepEqual(cannotApprove(row, [], known), ['ana']));
  it('is whoever approved, and who would add nothing to that', () =>
    assert.deepEqual(cannotApprove(row, [lea], known), ['ana', 'lea', 'leo']));
});
