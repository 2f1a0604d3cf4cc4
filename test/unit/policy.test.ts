import assert from 'node:assert/strict';
import fc from 'fast-check';
import { mayDecide, mayRequest, mayRevoke, maySee, type Who } from '../../src/broker/rules/policy.ts';

const who = (id: string, ...groups: string[]): Who => ({ id, groups, mayDecide: true });
const request = {
  requester: 'ana',
  needs: [{ by: ['leads'], number: 1 }],
  never: [],
  revokeBy: ['leads', 'security'],
};
const auditors = ['auditors'];

describe('who may do what', () => {
  const table: [string, Who, { decide: boolean; revoke: boolean; see: boolean }][] = [
    ['the requester', who('ana', 'engineering'), { decide: false, revoke: false, see: true }],
    [
      'the requester, being a lead too',
      who('ana', 'engineering', 'leads'),
      { decide: false, revoke: false, see: true },
    ],
    ['a lead', who('ben', 'leads'), { decide: true, revoke: true, see: true }],
    ['security', who('sue', 'security'), { decide: false, revoke: true, see: true }],
    ['an auditor', who('carol', 'auditors'), { decide: false, revoke: false, see: true }],
    ['a colleague', who('eva', 'engineering'), { decide: false, revoke: false, see: false }],
    ['somebody without groups', who('dan'), { decide: false, revoke: false, see: false }],
    [
      'a lead by device code',
      { ...who('ben', 'leads'), mayDecide: false },
      { decide: false, revoke: false, see: true },
    ],
  ];
  for (const [name, person, expected] of table)
    it(name, () => {
      assert.deepEqual(
        {
          decide: mayDecide(person, request),
          revoke: mayRevoke(person, request),
          see: maySee(person, request, auditors),
        },
        expected,
      );
    });

  it('nobody ever decides on their own request', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (groups, by) => {
        const needs = [{ by, number: 1 }];
        assert.equal(mayDecide(who('ana', ...groups, ...by), { ...request, needs }), false);
      }),
    );
  });

  it('a template without groups is for nobody', () => {
    assert.equal(mayRequest(who('ana', 'engineering'), { requestBy: [] }), false);
    assert.equal(mayRequest(who('ana', 'engineering'), { requestBy: ['oncall', 'engineering'] }), true);
  });
});
