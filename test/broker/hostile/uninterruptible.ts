import assert from 'node:assert/strict';
import type pg from 'pg';
import { eventually } from '../support/eventually.ts';
import { beginsOf } from '../support/uninterruptible.ts';
import { inState, type World } from '../support/world.ts';
import { receiptOf, traces, type HostileWorld } from './holding.ts';

/** The longest pause between two tries, and one try. */
const confirmedWithinMs = 10_000;

/**
 * A holder runs this call, which PostgreSQL cannot interrupt, beside an idle session, and their access ends.
 *
 * @param letGo ends the call, where it does not end by itself
 */
export async function toldUntilDead(
  hostile: HostileWorld,
  template: string,
  call: string,
  letGo?: () => Promise<void>,
): Promise<void> {
  const held = await hostile.hold(template);
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

  await letGo?.();
  await dead;
  assert.equal(await running, 'it was cut off');
  const { leases: over } = await held.settled(confirmedWithinMs);
  assert.equal(over[0]?.unconfirmed, undefined);
  assert.equal(receiptOf(over[0]).connectionsEnded, 2);
  assert.deepEqual(await traces(hostile.world, held.holder.role), []);
  // However often it was tried: once for each different text.
  assert.deepEqual(await obstaclesRecorded(hostile.world, lease.id), [lease.unconfirmed.obstacle]);
}

async function obstaclesRecorded(world: World, leaseId: string): Promise<string[]> {
  const { rows } = await inState(world, (client) =>
    client.query<{ obstacle: string }>(
      `select detail->>'obstacle' as obstacle from daypass.audit_event
        where action = 'lease unconfirmed' and resource_id = $1`,
      [leaseId],
    ),
  );
  return rows.map(({ obstacle }) => obstacle);
}
