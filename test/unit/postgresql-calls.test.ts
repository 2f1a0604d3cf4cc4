import assert from 'node:assert/strict';
import { told } from '../../src/broker/targets/postgresql/calls.ts';

describe('What is told of calls that PostgreSQL cannot interrupt', () => {
  const since = new Date('2026-03-01T02:09:07.891Z');

  it('says how many connections run them and when they began, in UTC', () => {
    assert.deepEqual(told({ connections: 1, since }), {
      obstacle:
        'PostgreSQL cannot interrupt what 1 connection has been running since 2026-03-01 02:09:07 UTC. It ends when that is done.',
      obstacleSince: since,
    });
    assert.equal(
      told({ connections: 3, since }).obstacle,
      'PostgreSQL cannot interrupt what 3 connections have been running, the first since 2026-03-01 02:09:07 UTC. They end when that is done.',
    );
  });

  it('says at which replica', () => {
    assert.equal(
      told({ connections: 1, since, replica: 'reports:5432' }).obstacle,
      'On the replica reports:5432, PostgreSQL cannot interrupt what 1 connection has been running since 2026-03-01 02:09:07 UTC. It ends when that is done.',
    );
  });

  it('is nothing more where something else stands in the way', () => {
    assert.deepEqual(told('The login still exists.'), {
      obstacle: 'The login still exists.',
    });
  });
});
