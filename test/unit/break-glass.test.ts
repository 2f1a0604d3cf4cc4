import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  judgeGlass,
  secondsGiven,
  termsFor,
  type GlassFacts,
  type GlassVerdict,
} from '../../src/broker/rules/break-glass.ts';

const asked = new Date('2026-03-01T02:14:00Z');
const rule = { by: ['sre', 'leads'], afterSeconds: 300, longestSeconds: 900, acr: ['mfa'] };
const terms = termsFor(rule, asked);
const later = (seconds: number) => new Date(asked.getTime() + seconds * 1000);
const ready: GlassFacts = { groups: ['sre'], now: later(300), approvals: 0, holds: false, owed: [] };
const before = { title: 'Fix one order', isOpen: false };

describe('whether the glass may be broken', () => {
  const table: readonly [
    string,
    Partial<GlassFacts>,
    Extract<GlassVerdict, { is: 'may not' }>['because'] | 'may',
  ][] = [
    ['after the time, by somebody named', {}, 'may'],
    ['by somebody of another group that is named', { groups: ['x', 'leads'] }, 'may'],
    ['by somebody else', { groups: ['engineering'] }, 'not a member'],
    ['by somebody in no group', { groups: [] }, 'not a member'],
    ['a moment before the time', { now: later(299.999) }, 'too early'],
    ['while one is open', { owed: [{ ...before, isOpen: true }] }, 'one at a time'],
    [
      'while one is open, although somebody approved',
      { owed: [{ ...before, isOpen: true }], approvals: 1 },
      'one at a time',
    ],
    ['while the same access is open', { holds: true }, 'no extension'],
    [
      'while the same access is open, although somebody approved',
      { holds: true, approvals: 1 },
      'no extension',
    ],
    ['while one is owed', { owed: [before] }, 'owed'],
    ['while one is owed, with a second person', { owed: [before], approvals: 1 }, 'may'],
    [
      'while two are owed, the newer one open',
      { owed: [before, { ...before, isOpen: true }] },
      'one at a time',
    ],
  ];
  for (const [when, facts, expected] of table)
    it(`${when}: ${expected}`, () => {
      const verdict = judgeGlass(terms, { ...ready, ...facts });
      assert.equal(verdict.is === 'may' ? 'may' : verdict.because, expected);
    });

  it('says how long to wait, which one is in the way, and what to do', () => {
    const why = (facts: Partial<GlassFacts>) => {
      const verdict = judgeGlass(terms, { ...ready, ...facts });
      return verdict.is === 'may' ? '' : verdict.why;
    };
    assert.match(why({ now: later(60) }), /can be broken in 4 min\. Call them/);
    assert.match(why({ owed: [before] }), /“Fix one order”.*nobody has signed that off.*a second person/);
    assert.match(
      why({ owed: [{ ...before, isOpen: true }] }),
      /“Fix one order”.*One at a time: end it first/,
    );
    assert.match(why({ groups: [] }), /Members of sre or leads/);
  });

  it('gives the least of what was asked for, what the template says, and what anybody approved', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.array(fc.integer({ min: 1 })), (seconds, approved) => {
        const given = secondsGiven(terms, seconds, approved);
        assert.ok([seconds, rule.longestSeconds, ...approved].every((most) => given <= most));
        assert.ok([seconds, rule.longestSeconds, ...approved].includes(given));
      }),
    );
  });
});
