import assert from 'node:assert/strict';
import fc from 'fast-check';
import { onCall, standing, type KnownSchedule, type Standing } from '../../src/broker/rules/on-call.ts';

const hour = 3600_000;
const noon = Date.parse('2026-11-23T12:00Z');
const at = (hours: number) => new Date(noon + hours * hour);
/** Hours from noon: from, until, first seen. */
const shift = (person: string, from: number, until: number, seen: number) => ({
  person,
  from: at(from),
  until: at(until),
  firstSeen: at(seen),
});
const schedule = (shifts: KnownSchedule['shifts'], staleFrom: number | null = null): KnownSchedule => ({
  shifts,
  staleFrom: staleFrom === null ? null : at(staleFrom),
});

describe('On call', () => {
  const week = schedule([shift('ana', 0, 168, -48), shift('ben', 168, 336, -48)]);
  const table: [string, KnownSchedule | undefined, string, number, Standing][] = [
    ['in the middle of a shift', week, 'ana', 80, 'on call'],
    ['in its first moment', week, 'ana', 0, 'on call'],
    ['not the moment before', week, 'ana', -0.001, 'not on call'],
    ['in its last moment', week, 'ana', 167.999, 'on call'],
    ['not when it is over', week, 'ana', 168, 'not on call'],
    ['the next one, from that moment on', week, 'ben', 168, 'on call'],
    ['not somebody else', week, 'ben', 80, 'not on call'],
    ['nobody whom it does not name', week, 'dan', 80, 'not on call'],
    ['not known before anything was read', undefined, 'ana', 80, 'stale'],
    ['while it is fresh', schedule(week.shifts, 81), 'ana', 80.999, 'on call'],
    ['not once it is stale', schedule(week.shifts, 81), 'ana', 81, 'stale'],
    ['not known of anybody once it is stale', schedule(week.shifts, 81), 'dan', 81, 'stale'],
    [
      'not by a shift that was added 23:59 ago',
      schedule([shift('ana', -1, 9, -23.99)]),
      'ana',
      0,
      'added lately',
    ],
    ['by one that was added 24 hours ago', schedule([shift('ana', -1, 9, -24)]), 'ana', 0, 'on call'],
    ['by one that settles while it lasts', schedule([shift('ana', -1, 9, -20)]), 'ana', 4, 'on call'],
    [
      'by an older shift that overlaps one added lately',
      schedule([shift('ana', -1, 9, -1), shift('ana', -9, 1, -48)]),
      'ana',
      0,
      'on call',
    ],
    [
      'not by an older shift that is over',
      schedule([shift('ana', -1, 9, -1), shift('ana', -9, 0, -48)]),
      'ana',
      0,
      'added lately',
    ],
    [
      'not by an older shift of somebody else',
      schedule([shift('ana', -1, 9, -1), shift('ben', -9, 9, -48)]),
      'ana',
      0,
      'added lately',
    ],
  ];
  for (const [name, known, person, hours, expected] of table)
    it(name, () => assert.equal(standing(known, person, at(hours)), expected));

  it('names everybody once, also by shifts added lately, and nobody if it is stale', () => {
    const both = [shift('ana', -1, 9, -1), shift('ana', -2, 3, -48), shift('ben', -1, 1, -48)];
    assert.deepEqual(onCall(schedule(both), at(0)), ['ana', 'ben']);
    assert.deepEqual(onCall(schedule(both), at(2)), ['ana']);
    assert.deepEqual(onCall(schedule(both, 1), at(2)), []);
    assert.deepEqual(onCall(undefined, at(2)), []);
  });

  const someShift = fc
    .record({
      person: fc.constantFrom('ana', 'ben'),
      from: fc.integer({ min: -60, max: 60 }),
      lasts: fc.integer({ min: 1, max: 40 }),
      seen: fc.integer({ min: -60, max: 30 }),
    })
    .map(({ person, from, lasts, seen }) => shift(person, from, from + lasts, seen));
  const someSchedule = fc.record({
    shifts: fc.array(someShift, { maxLength: 6 }),
    staleFrom: fc.option(fc.integer({ min: -30, max: 60 }).map(at), { nil: null }),
  });
  const someHour = fc.integer({ min: -60, max: 60 }).map(at);

  it('approves only by a shift that covers the moment and has stood for 24 hours, in a schedule that is fresh', () => {
    fc.assert(
      fc.property(someSchedule, someHour, (known, now) => {
        const fresh = known.staleFrom === null || now < known.staleFrom;
        const counts = known.shifts.some(
          ({ person, from, until, firstSeen }) =>
            person === 'ana' && from <= now && now < until && +now - +firstSeen >= 24 * hour,
        );
        assert.equal(standing(known, 'ana', now) === 'on call', fresh && counts);
      }),
    );
  });

  it('never gains by what was added within 24 hours, nor by what somebody else has', () => {
    fc.assert(
      fc.property(someSchedule, someHour, someShift, (known, now, more) => {
        if (standing(known, 'ana', now) === 'on call') return;
        const lately = new Date(Math.max(+more.firstSeen, +now - 24 * hour + 1));
        const with_ = (added: typeof more) => ({ ...known, shifts: [...known.shifts, added] });
        assert.notEqual(standing(with_({ ...more, firstSeen: lately }), 'ana', now), 'on call');
        assert.notEqual(standing(with_({ ...more, person: 'ben' }), 'ana', now), 'on call');
      }),
    );
  });

  it('whoever has it approved is among those who are named', () => {
    fc.assert(
      fc.property(someSchedule, someHour, (known, now) => {
        if (standing(known, 'ana', now) === 'on call') assert.ok(onCall(known, now).includes('ana'));
      }),
    );
  });
});
