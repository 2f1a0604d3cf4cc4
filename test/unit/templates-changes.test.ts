import assert from 'node:assert/strict';
import { changesOf, type Version } from '../../src/broker/templates/changes.ts';
import { template } from './support/samples.ts';

const was: Version = {
  shown: template(),
  terms: ['UPDATE (status, updated_at) ON orders', 'SELECT ON orders', 'CONNECTION LIMIT 10'],
  never: [],
  revokeBy: ['security'],
};
const changed = (now: Partial<Version>, askedSeconds = 1800, longestSeconds = 3600) =>
  changesOf(was, { ...was, ...now }, askedSeconds, longestSeconds);

describe('how a template differs from what it was', () => {
  const rows: readonly [
    what: string,
    now: Partial<Version>,
    lines: readonly string[],
    allowsLess: boolean,
  ][] = [
    [
      'less is allowed',
      { shown: template({ allows: ['read orders'] }), terms: ['SELECT ON orders', 'CONNECTION LIMIT 10'] },
      ['No longer allows: update orders.status and orders.updated_at'],
      true,
    ],
    [
      'more is allowed',
      {
        shown: template({ allows: [...was.shown.allows, 'read payments'] }),
        terms: [...was.terms, 'SELECT ON p'],
      },
      ['Now also allows: read payments'],
      false,
    ],
    [
      'what only the target’s terms tell',
      { terms: [...was.terms.slice(0, 2), 'CONNECTION LIMIT 2'] },
      ['No longer allows: CONNECTION LIMIT 10', 'Now also allows: CONNECTION LIMIT 2'],
      true,
    ],
    [
      'how long',
      { shown: template({ duration: { default: 'PT15M', longest: 'PT45M' } }) },
      ['Longest: 45 min (was 1 h)', 'Usual: 15 min (was 30 min)'],
      false,
    ],
    [
      'who approves',
      { shown: template({ approval: { needed: 2, from: ['sre'] } }), never: ['contractors'] },
      [
        'Must approve: 2 of sre (was one of payments-leads)',
        'Never approve: contractors (was nobody besides the requester)',
      ],
      false,
    ],
    ['who revokes', { revokeBy: ['sre'] }, ['May revoke: sre (was security)'], false],
    [
      'where it is',
      { shown: template({ target: { ...was.shown.target, id: 'billing', title: 'billing' } }) },
      ['Target: billing (was shop)'],
      true,
    ],
    [
      'what is not shown',
      {},
      ['What it allows is as it was; who may request it changed, or how it is written'],
      false,
    ],
  ];
  for (const [what, now, lines, allowsLess] of rows)
    it(`says ${what}`, () => assert.deepEqual(changed(now), { lines, allowsLess }));

  it('says when what was asked for is longer than it allows now', () => {
    const now = { shown: template({ duration: { default: 'PT30M', longest: 'PT30M' } }) };
    assert.deepEqual(changed(now, 3600, 1800), {
      lines: ['Longest: 30 min (was 1 h)', 'What was asked for is longer than it allows now'],
      allowsLess: true,
    });
  });
});
