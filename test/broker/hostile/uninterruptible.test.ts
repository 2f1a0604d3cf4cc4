import assert from 'node:assert/strict';
import type pg from 'pg';
import { eventually } from '../support/eventually.ts';
import { beginsOf, callOf } from '../support/uninterruptible.ts';
import { inState } from '../support/world.ts';
import { openHostileWorld, ordersScope, receiptOf, traces, type HostileWorld } from './holding.ts';

/** Longer than the broker watches before it says what stands in the way; a machine may be less busy later. */
const callMs = 12_000;
/** The longest pause between two tries, and one try. */
const confirmedWithinMs = 10_000;

describe('A call that PostgreSQL cannot interrupt', function () {
  this.timeout(120_000);
  let hostile: HostileWorld;
  before(async () => {
    hostile = await openHostileWorld({}, { orders: ordersScope });
  });
  after(() => hostile.stop());

  const obstaclesRecorded = async (leaseId: string) => {
    const { rows } = await inState(hostile.world, (client) =>
      client.query<{ obstacle: string }>(
        `select detail->>'obstacle' as obstacle from daypass.audit_event
          where action = 'lease unconfirmed' and resource_id = $1`,
        [leaseId],
      ),
    );
    return rows.map(({ obstacle }) => obstacle);
  };

  it('is shown with how many connections run one and since when, until it is dead', async () => {
    const call = await callOf(hostile.world.shop, callMs);
    const held = await hostile.hold('orders');
    const [busy, idle] = [await held.holder.login(), await held.holder.login()] as [pg.Client, pg.Client];
    const dead = Promise.all([busy, idle].map((one) => new Promise<void>((done) => one.once('end', done))));
    const running = busy.query(call).then(
      () => 'it returned',
      () => 'it was cut off',
    );
    const { shop } = hostile.world;
    const since = await eventually(async () => (await beginsOf(shop, held.holder.role))[0]);

    await held.end();
    const { state, settled, leases } = await eventually(async () => {
      const grant = await held.grant();
      return grant.leases[0]?.unconfirmed ? grant : undefined;
    });
    const [lease] = leases;
    assert.deepEqual([state, settled, lease?.state, lease?.receipt], ['ended', false, 'closing', undefined]);
    assert.equal(lease?.unconfirmed?.obstacleSince, since.toISOString());
    const at = since.toISOString().slice(0, 19).replace('T', ' ');
    assert.equal(
      lease.unconfirmed.obstacle,
      `PostgreSQL cannot interrupt what 1 connection has been running since ${at} UTC. It ends when that is done.`,
    );
    assert.equal((await beginsOf(shop, held.holder.role)).length, 1, 'it is said while it runs');

    await dead;
    assert.equal(await running, 'it was cut off');
    const { leases: over } = await held.settled(confirmedWithinMs);
    assert.equal(over[0]?.unconfirmed, undefined);
    assert.equal(receiptOf(over[0]).connectionsEnded, 2);
    assert.deepEqual(await traces(hostile.world, held.holder.role), []);
    // However often it was tried: once for each different text.
    assert.deepEqual(await obstaclesRecorded(lease.id), [lease.unconfirmed.obstacle]);
  });
});
