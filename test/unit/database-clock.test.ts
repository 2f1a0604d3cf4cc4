import assert from 'node:assert/strict';
import { mock } from 'node:test';
import fc from 'fast-check';
import { DatabaseClock } from '../../src/broker/leases/database-clock.ts';

const begin = Date.parse('2026-03-01T02:14:00Z');

describe('the database’s clock as this process knows it', () => {
  /** This process's monotonic clock, and how far the database's is ahead of it. */
  let here: number;
  let ahead: number;
  let clock: DatabaseClock;
  beforeEach(() => {
    mock.method(performance, 'now', () => here);
  });
  afterEach(() => mock.restoreAll());
  const restart = () => {
    here = 0;
    ahead = begin;
    clock = new DatabaseClock();
  };

  /** A reading that takes so long until the clock is read, and so long until the answer is here. */
  const read = ([wait, answer]: readonly [number, number]) => {
    const before = here;
    here += wait;
    const now = new Date(here + ahead);
    here += answer;
    clock.learn({ now, before, after: here });
  };
  const behindMs = () => here + ahead - clock.now().getTime();
  const ms = fc.integer({ min: 0, max: 5_000 });
  const reading = fc.tuple(ms, ms);

  it('is never ahead, and behind by at most what the quickest answer took', () => {
    fc.assert(
      fc.property(fc.array(reading, { minLength: 1, maxLength: 20 }), (readings) => {
        restart();
        for (const one of readings) read(one);
        assert.ok(behindMs() >= 0);
        assert.equal(behindMs(), Math.min(...readings.map(([, answer]) => answer)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is right again after the clock was set, by one quick reading', () => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 5 }), fc.integer(), (readings, step) => {
        restart();
        for (const one of readings) read(one);
        ahead += step;
        read([0, 0]);
        assert.equal(behindMs(), 0);
        assert.equal(clock.vague, false);
      }),
    );
  });

  it('asks for another reading where it may be behind by much, until there was a better one', () => {
    restart();
    assert.equal(clock.vague, true, 'before the first');
    read([0, 4_000]);
    assert.equal(clock.vague, true);
    read([5, 5]);
    assert.equal(clock.vague, false);
    restart();
    read([4_000, 0]);
    read([5, 5]);
    assert.equal(clock.vague, false, 'also where the first was better than could be known');
  });
});
