import assert from 'node:assert/strict';
import { noEvidence, together } from '../../src/broker/targets/postgresql/evidence.ts';

describe('Evidence that two brokers saw of one lease', () => {
  const [early, late] = ['2026-03-01T02:14:00.000Z', '2026-03-01T02:14:00.700Z'];
  const left = { database: 'shop', what: 'table t', done: 'dropped' };

  it('counts what either of them saw, in whatever order it is stored', () => {
    const one = { ...noEvidence, oid: 7, cut: { at: early }, ended: ['11@a', '12@b'], before: ['owner x'] };
    const another = { ...noEvidence, oid: 7, cut: { at: late }, ended: ['12@b', '13@c'], leftovers: [left] };
    for (const all of [together(one, another), together(another, one)]) {
      assert.deepEqual([all.oid, all.cut, all.before], [7, { at: early }, ['owner x']]);
      assert.deepEqual([...all.ended].sort(), ['11@a', '12@b', '13@c']);
      assert.deepEqual(all.leftovers, [left]);
    }
  });

  it('keeps a proof that the later one does not have, and takes the newer of two', () => {
    const quiet = { since: early, forMs: 500 };
    const probe = { at: early, sqlstate: '28000', routine: 'InitializeSessionUserId' };
    const stored = { ...noEvidence, quiet, probe, gone: { at: early }, remains: ['One thing.'] };
    const kept = together(stored, noEvidence);
    assert.deepEqual([kept.quiet, kept.probe, kept.gone], [quiet, probe, { at: early }]);
    assert.deepEqual(kept.remains, ['One thing.']);
    const newer = together(stored, { ...noEvidence, gone: { at: late }, remains: ['Another.'] });
    assert.deepEqual([newer.gone, newer.remains], [{ at: late }, ['Another.']]);
  });
});
