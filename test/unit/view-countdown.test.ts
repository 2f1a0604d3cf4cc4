import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import * as countdown from '../../src/extension/views/countdown.ts';

const { digits, levelOf, shortTime, spokenTime, thresholdsOf } = countdown;
const s = (seconds: number): number => seconds * 1000;
const m = (minutes: number): number => s(minutes * 60);

describe('the countdown', () => {
  it('shows large digits, short figures and words that agree', () => {
    const table: [number, string, string, string][] = [
      [m(72), '1 h 12 min', '1 h 12 min', '1 hour 12 minutes'],
      [m(60), '1 h 0 min', '1 h 0 min', '1 hour'],
      [s(24 * 60 + 7), '24:07', '24 min', '24 minutes'],
      [m(5), '5:00', '5 min', '5 minutes'],
      [s(299), '4:59', '4:59', '4 minutes'],
      [s(61), '1:01', '1:01', '1 minute'],
      [s(45), '0:45', '0:45', '45 seconds'],
      [1, '0:01', '0:01', '1 second'],
      [0, '0:00', '0:00', '0 seconds'],
      [-5000, '0:00', '0:00', '0 seconds'],
    ];
    for (const [ms, large, short, spoken] of table)
      assert.deepEqual([digits(ms), shortTime(ms), spokenTime(ms)], [large, short, spoken], `${ms} ms`);
  });

  it('warns from five minutes on, or the last fifth if that is shorter, and again in the last fifth of that', () => {
    assert.deepEqual(thresholdsOf(m(60)), { soonMs: m(5), lastMs: m(1) });
    assert.deepEqual(thresholdsOf(m(10)), { soonMs: m(2), lastMs: s(24) });
    const levels = [m(6), m(5), s(61), m(1), 1, 0].map((left) => levelOf(left, m(30)));
    assert.deepEqual(levels, ['calm', 'soon', 'soon', 'last', 'last', 'over']);
  });

  it('never grows and never says zero before the end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: m(600) }), (ms) => {
        assert.notEqual(digits(ms), '0:00');
        const order = ['calm', 'soon', 'last', 'over'];
        assert.ok(order.indexOf(levelOf(ms - 1, m(30))) >= order.indexOf(levelOf(ms, m(30))));
      }),
    );
  });

  it('reads the same on the page of the session view, which counts by itself', () => {
    const source = readFileSync('media/session.js', 'utf8');
    const page = runInNewContext(`${source}\n;({ digits, spokenTime })`) as Pick<
      typeof countdown,
      'digits' | 'spokenTime'
    >;
    for (const ms of [
      0,
      1,
      999,
      1000,
      1001,
      59_999,
      60_000,
      299_500,
      m(59) + 1,
      m(60),
      m(61),
      m(125),
      m(600),
    ])
      assert.deepEqual([page.digits(ms), page.spokenTime(ms)], [digits(ms), spokenTime(ms)], `${ms} ms`);
  });

  it('grows on that page as it falls: no second counts before it is over, nor is lost while the page was away', () => {
    const source = readFileSync('media/session.js', 'utf8');
    const { grown, later } = runInNewContext(`${source}\n;({ grown, later })`) as {
      grown: (ageMs: number) => string;
      later: (model: unknown, ms: number) => unknown;
    };
    assert.deepEqual([0, 999, 1000, 59_999, m(1), m(59) + s(59), m(60), m(72)].map(grown), [
      '0:00',
      '0:00',
      '0:01',
      '0:59',
      '1:00',
      '59:59',
      '1 h 0 min',
      '1 h 12 min',
    ]);
    const cards = [
      { is: 'over', age: { words: 'Running for', ageMs: s(8) } },
      { is: 'over' },
      { is: 'running', remainingMs: s(20) },
    ];
    assert.equal(
      JSON.stringify(later({ cards }, s(5))),
      JSON.stringify({
        cards: [
          { is: 'over', age: { words: 'Running for', ageMs: s(13) } },
          { is: 'over' },
          { is: 'running', remainingMs: s(15) },
        ],
      }),
    );
  });
});
