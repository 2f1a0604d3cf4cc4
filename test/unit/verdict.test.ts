import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hoursInWords, isWithin, type Hours } from '../../src/broker/rules/hours.ts';
import type { Standing } from '../../src/broker/rules/on-call.ts';
import { judge, toApprover, type Asked, type Facts } from '../../src/broker/rules/verdict.ts';

const night = new Date('2026-11-22T02:14:00+01:00');
const noon = new Date('2026-11-24T12:00:00+01:00');
const office: Hours = { days: [1, 2, 3, 4, 5], fromMinute: 540, untilMinute: 1020, zone: 'Europe/Berlin' };

const template: Asked['template'] = {
  id: 'orders-write',
  target: 'shop',
  requestBy: ['engineering'],
  needs: [{ by: ['sre'], number: 2 }],
  automatic: [],
  duration: { longestSeconds: 3600 },
};
const asked = (more: Partial<Asked> = {}, of: Partial<Asked['template']> = {}): Asked => ({
  groups: ['engineering'],
  durationSeconds: 1800,
  at: night,
  ...more,
  template: { ...template, ...of },
});
const facts = (more: Partial<Facts> = {}): Facts => ({
  policy: { freezes: [], caps: new Map() },
  standing: () => 'not on call',
  open: { ofPerson: 0, inTotal: 0 },
  automatic: { ofPerson: 0, inTotal: 0 },
  ...more,
});
const christmas = {
  reason: 'Christmas: nothing changes',
  from: new Date('2026-11-20T17:00:00Z'),
  until: new Date('2026-11-23T07:00:00Z'),
  except: ['read-orders'],
};
const frozen = (more: object = {}) =>
  facts({ policy: { freezes: [{ ...christmas, ...more }], caps: new Map() } });
const capped = (ofPerson: number, inTotal: number) =>
  facts({
    policy: { freezes: [], caps: new Map([['shop', { ofPerson: 2, inTotal: 10 }]]) },
    open: { ofPerson, inTotal },
  });
const onCall = (standing: Standing) =>
  facts({ standing: (name) => (name === 'payments' ? standing : 'not on call') });
const short = { upToSeconds: 900, hours: office, aDay: { ofPerson: 2, inTotal: 5 } };

describe('what becomes of a request in the moment that it is made', () => {
  const table: [string, Asked, Facts, string][] = [
    ['waits for those whom the template names', asked(), facts(), 'asked 2'],
    ['is approved where nobody needs to', asked({}, { needs: [] }), facts(), 'approved: no approval needed'],
    [
      'of a stranger',
      asked({ groups: ['sre'] }),
      facts(),
      'refused: Members of engineering may request this.',
    ],
    ['for too long', asked({ durationSeconds: 3601 }), facts(), 'refused: Longest for this template: 1 h.'],
    [
      'in a freeze',
      asked(),
      frozen(),
      'refused: Frozen until 2026-11-23 07:00 UTC: “Christmas: nothing changes”. Nothing is given there before.',
    ],
    ['in a freeze that nobody would have to approve', asked({}, { needs: [] }), frozen(), 'refused: Frozen'],
    ['in a freeze of another target', asked(), frozen({ targets: ['billing'] }), 'asked 2'],
    ['in a freeze that does not concern it', asked({}, { id: 'read-orders' }), frozen(), 'asked 2'],
    ['at the moment that a freeze begins', asked({ at: christmas.from }), frozen(), 'refused: Frozen'],
    ['at the moment that a freeze ends', asked({ at: christmas.until }), frozen(), 'asked 2'],
    ['of whoever has one less than the most', asked(), capped(1, 9), 'asked 2'],
    [
      'of whoever has the most',
      asked(),
      capped(2, 2),
      'refused: You have 2 accesses at this target already, the most',
    ],
    [
      'where all have the most',
      asked(),
      capped(0, 10),
      'refused: There are 10 accesses at this target already',
    ],
    [
      'while on call',
      asked({}, { automatic: [{ onCall: 'payments' }] }),
      onCall('on call'),
      'approved: on call (payments)',
    ],
    [
      'while on call elsewhere',
      asked({}, { automatic: [{ onCall: 'search' }] }),
      onCall('on call'),
      'asked 2, not on call (search)',
    ],
    [
      'while it is not known who is on call',
      asked({}, { automatic: [{ onCall: 'payments' }] }),
      onCall('stale'),
      'asked 2, it is not known who is on call: the schedule is out of date (payments)',
    ],
    [
      'on call by a shift of today',
      asked({}, { automatic: [{ onCall: 'payments' }] }),
      onCall('added lately'),
      'asked 2, on call by a shift that was added within the last 24 hours (payments)',
    ],
    [
      'short, in stated hours',
      asked({ durationSeconds: 900, at: noon }, { automatic: [short] }),
      facts(),
      'approved: up to 15 min, Mon to Fri, 09:00 to 17:00 (Europe/Berlin)',
    ],
    [
      'too long for that',
      asked({ at: noon }, { automatic: [short] }),
      facts(),
      'asked 2, longer than 15 min',
    ],
    [
      'short, at night',
      asked({ durationSeconds: 900 }, { automatic: [short] }),
      facts(),
      'asked 2, outside Mon to Fri, 09:00 to 17:00 (Europe/Berlin)',
    ],
    [
      'short, for the third time',
      asked({ durationSeconds: 900, at: noon }, { automatic: [short] }),
      facts({ automatic: { ofPerson: 2, inTotal: 2 } }),
      'asked 2, approved automatically twice within 24 hours already',
    ],
    [
      'short, after others had five',
      asked({ durationSeconds: 900, at: noon }, { automatic: [short] }),
      facts({ automatic: { ofPerson: 0, inTotal: 5 } }),
      'asked 2, approved automatically 5 times for all people together within 24 hours already',
    ],
    [
      'by the second way where the first does not hold',
      asked({ durationSeconds: 900, at: noon }, { automatic: [{ onCall: 'payments' }, short] }),
      facts(),
      'approved: up to 15 min',
    ],
  ];
  for (const [name, question, given, expected] of table)
    it(name, () => {
      const verdict = judge(question, given);
      const words =
        verdict.is === 'asked'
          ? ['asked 2', ...verdict.notAutomatic].join(', ')
          : `${verdict.is}: ${verdict.why}`;
      if (expected.startsWith('asked')) assert.equal(words, expected);
      else assert.ok(words.startsWith(expected), words);
    });

  const someFacts = fc.record({
    standing: fc.constantFrom<Standing>('on call', 'not on call', 'stale', 'added lately'),
    ofPerson: fc.integer({ min: 0, max: 3 }),
    inTotal: fc.integer({ min: 0, max: 6 }),
    isFrozen: fc.boolean(),
    minutes: fc.integer({ min: 1, max: 90 }),
    at: fc.date({ min: new Date('2026-11-16'), max: new Date('2026-11-30'), noInvalidDate: true }),
  });

  it('never without those whom the template names, unless one way is met as a whole; never in a freeze', () => {
    fc.assert(
      fc.property(someFacts, ({ standing, ofPerson, inTotal, isFrozen, minutes, at }) => {
        const way = { onCall: 'payments', ...short };
        const given = {
          ...(isFrozen ? frozen({ from: new Date(0), until: new Date('2100-01-01') }) : facts()),
          standing: () => standing,
          automatic: { ofPerson, inTotal },
        };
        const verdict = judge(asked({ durationSeconds: minutes * 60, at }, { automatic: [way] }), given);
        if (isFrozen || minutes > 60) assert.equal(verdict.is, 'refused');
        else
          assert.equal(
            verdict.is === 'approved',
            standing === 'on call' && minutes <= 15 && isWithin(office, at) && ofPerson < 2 && inTotal < 5,
          );
      }),
    );
  });
});

describe('what whoever would approve reads where it cannot be given', () => {
  const until = (answerBy: string) => ({ requester: 'Ana Silva', answerBy: new Date(answerBy) });
  const frozenAt = { is: 'frozen', freeze: christmas } as const;

  it('of a freeze that the request outlasts', () =>
    assert.equal(
      toApprover(frozenAt, until('2026-11-23T08:00:00Z')),
      'Frozen until 2026-11-23 07:00 UTC: “Christmas: nothing changes”. Nothing is given there before, so nothing was approved. The request waits until 2026-11-23 08:00 UTC: approve it after the freeze, or deny it.',
    ));
  it('of one that lasts longer', () =>
    assert.match(
      toApprover(frozenAt, until('2026-11-23T06:00:00Z')),
      /which is before that: deny it, with a word on when to ask again\.$/,
    ));
  it('of a cap', () =>
    assert.match(
      toApprover({ is: 'capped', of: 'all', open: 10 }, until('2026-11-23T07:00:00Z')),
      /^There are 10 accesses at this target already, the most that may be at once, so nothing was approved\./,
    ));
});

describe('stated hours', () => {
  const table: [string, string, boolean][] = [
    ['a second before they begin', '2026-11-24T07:59:59Z', false],
    ['when they begin', '2026-11-24T08:00:00Z', true],
    ['a second before they end', '2026-11-24T15:59:59Z', true],
    ['when they end', '2026-11-24T16:00:00Z', false],
    ['an hour earlier by UTC in summer', '2026-07-07T07:00:00Z', true],
    ['and not then in winter', '2026-11-24T07:00:00Z', false],
    ['on a Sunday', '2026-11-22T12:00:00Z', false],
  ];
  for (const [name, at, expected] of table)
    it(name, () => assert.equal(isWithin(office, new Date(at)), expected));

  it('reach to the end of a day, and are said in words', () => {
    const late: Hours = { days: [5, 6, 7], fromMinute: 1320, untilMinute: 1440, zone: 'UTC' };
    assert.ok(isWithin(late, new Date('2026-11-27T23:59:59Z')));
    assert.ok(!isWithin(late, new Date('2026-11-30T00:00:00Z')));
    assert.equal(hoursInWords(late), 'Fri to Sun, 22:00 to 24:00 (UTC)');
    assert.equal(hoursInWords({ ...late, days: [1, 3] }), 'Mon, Wed, 22:00 to 24:00 (UTC)');
    assert.equal(hoursInWords({ ...late, days: [1, 2, 3, 4, 5, 6, 7] }), 'every day, 22:00 to 24:00 (UTC)');
  });
});
