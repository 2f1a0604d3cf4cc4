import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  groupsThatAdd,
  sizeOf,
  stillNeeded,
  type Approval,
  type Need,
} from '../../src/broker/rules/quorum.ts';

const need = (number: number, ...by: string[]): Need => ({ by, number });
const approval = (person: string, ...groups: string[]): Approval => ({ person, groups });

describe('a quorum', () => {
  const table: [string, Need[], Approval[], Need[]][] = [
    ['of nobody is there', [], [], []],
    ['of one waits for one', [need(1, 'sre')], [], [need(1, 'sre')]],
    ['of one is there with one', [need(1, 'sre')], [approval('ben', 'sre')], []],
    ['of two waits for the second', [need(2, 'sre')], [approval('ben', 'sre')], [need(1, 'sre')]],
    [
      'counts somebody once who approved twice',
      [need(2, 'sre')],
      [approval('ben', 'sre'), approval('ben', 'sre')],
      [need(1, 'sre')],
    ],
    [
      'counts somebody once who is in both groups',
      [need(1, 'sre'), need(1, 'security')],
      [approval('ben', 'sre', 'security')],
      [need(1, 'security')],
    ],
    [
      'puts somebody who fits everywhere where nobody else fits',
      [need(1, 'sre'), need(1, 'security')],
      [approval('ben', 'sre', 'security'), approval('eva', 'sre')],
      [],
    ],
    ['does not count strangers', [need(1, 'sre')], [approval('dan', 'engineering')], [need(1, 'sre')]],
    [
      'takes no more of one group for less of another',
      [need(1, 'sre'), need(1, 'security')],
      [approval('ben', 'sre'), approval('eva', 'sre')],
      [need(1, 'security')],
    ],
  ];
  for (const [name, needs, approvals, left] of table)
    it(name, () => assert.deepEqual(stillNeeded(needs, approvals), left));

  const groups = ['a', 'b', 'c', 'd'];
  const someNeeds = fc.array(
    fc.record({
      by: fc.uniqueArray(fc.constantFrom(...groups), { minLength: 1 }),
      number: fc.integer({ min: 1, max: 2 }),
    }),
    { maxLength: 3 },
  );
  const someApprovals = fc.array(
    fc.record({ person: fc.constantFrom('1', '2', '3', '4', '5'), groups: fc.subarray(groups) }),
    { maxLength: 7 },
  );

  it('leaves open as little as any way of seating these people could', () => {
    fc.assert(
      fc.property(someNeeds, someApprovals, (needs, approvals) => {
        assert.equal(sizeOf(stillNeeded(needs, approvals)), fewestOpen(needs, approvals));
      }),
    );
  });

  it('is brought further by those in a group that adds, and by nobody else', () => {
    fc.assert(
      fc.property(someNeeds, someApprovals, fc.subarray(groups), (needs, approvals, theirs) => {
        const after = stillNeeded(needs, [...approvals, approval('one more', ...theirs)]);
        assert.equal(
          sizeOf(after) < sizeOf(stillNeeded(needs, approvals)),
          groupsThatAdd(needs, approvals).some((group) => theirs.includes(group)),
        );
      }),
    );
  });

  it('never comes about with fewer people than it takes, and one more approval never takes it away', () => {
    fc.assert(
      fc.property(someNeeds, someApprovals, (needs, approvals) => {
        const left = sizeOf(stillNeeded(needs, approvals));
        const people = new Set(approvals.map((one) => one.person)).size;
        assert.ok(sizeOf(needs) - left <= people);
        assert.ok(left <= sizeOf(stillNeeded(needs, approvals.slice(0, -1))));
      }),
    );
  });
});

/** By trying every way. */
function fewestOpen(needs: readonly Need[], approvals: readonly Approval[]): number {
  const places = needs.flatMap(({ by, number }) => Array.from({ length: number }, () => by));
  const people = [...new Map(approvals.toReversed().map((one) => [one.person, one.groups])).values()];
  const fill = (at: number, free: readonly (readonly string[])[]): number => {
    const place = places[at];
    if (!place) return 0;
    const empty = 1 + fill(at + 1, free);
    return free.reduce(
      (best, one, index) =>
        one.some((group) => place.includes(group))
          ? Math.min(best, fill(at + 1, [...free.slice(0, index), ...free.slice(index + 1)]))
          : best,
      empty,
    );
  };
  return fill(0, people);
}
