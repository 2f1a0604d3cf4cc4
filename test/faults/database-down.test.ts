import assert from 'node:assert/strict';
import { Grant } from '../../src/contract/grants.ts';
import { Acting, cutOnTime, holder } from './acting.ts';
import { eventually } from '../broker/support/eventually.ts';
import { find, leaseRolesAt } from './found.ts';
import { violationsOf } from './invariants.ts';
import { Ledger } from './ledger.ts';
import { brokerNames, targetNames } from './schedule.ts';
import { settle } from './settle.ts';

describe('The database of the brokers is away', function () {
  this.timeout(120_000);
  let people: Acting;
  before(async () => {
    people = await Acting.inNewWorld();
  });
  after(() => people.world.stop());

  it('nothing is issued, what runs ends on time, and what could not be recorded is recorded when it is back', async () => {
    const { world } = people;
    const approved = await people.granted(holder, 'shop', 30);
    const open = await Promise.all(
      targetNames.map(async (target) => {
        const grantId = await people.granted(holder, target, 6);
        return { grantId, target, terminal: await people.opensTerminal(holder, grantId) };
      }),
    );
    const starts = brokerNames.map((name) => world.brokers[name].starts);
    await world.store.stop('SIGINT');

    const { status, body } = await people.wantsTerminal(holder, approved);
    assert.ok(status >= 500, JSON.stringify(body));
    for (const { target, terminal } of open) {
      const { role } = terminal;
      await cutOnTime(terminal);
      const roles = await leaseRolesAt(world.targets[target]);
      assert.deepEqual(roles, [role], 'and nobody was given another credential');
      // What expires by the target's own clock turns people away as well: it is closed a moment later.
      await eventually(async () => {
        const sql = 'select from pg_roles where rolname = $1 and not rolcanlogin';
        return (await world.targets[target].query(sql, [role]))[0];
      });
    }
    assert.deepEqual(
      brokerNames.map((name) => world.brokers[name].starts),
      starts,
      'no broker ended for it',
    );

    const backAt = new Date().toISOString();
    await world.store.recovered();
    for (const { grantId } of open) {
      const { state, leases } = await people.settled(holder, grantId, 15_000);
      const receipt = leases[0]?.receipt;
      assert.deepEqual(
        [state, receipt?.connectionsEnded],
        ['expired', 1],
        'what was seen while nothing could be stored',
      );
      const [row] = await world.store.query<{ at: string }>(
        "select evidence -> 'cut' ->> 'at' as at from daypass.lease where id = $1",
        [leases[0]?.id],
      );
      assert.ok((row?.at ?? backAt) < backAt, 'and when the login was closed');
    }
    await people.call(holder, 'POST', `/v1/grants/${approved}/end`, Grant);
    assert.deepEqual((await settle(world)).violations, []);
    assert.deepEqual(
      violationsOf(await find(world.store, world.targets), new Ledger()).filter(
        (one) => !one.startsWith('Twice the same reason'),
      ),
      [],
    );
  });
});
