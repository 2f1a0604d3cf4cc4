import assert from 'node:assert/strict';
import { eventually } from '../broker/support/eventually.ts';
import { Acting, cutOnTime, holder } from './acting.ts';
import { brokerNames } from './schedule.ts';

/** How soon after its return a target has confirmed what it owes, in ms: the longest pause between two tries, and one try. */
const confirmedWithinMs = 10_000;

describe('A target that is away at the deadline', function () {
  this.timeout(120_000);
  let people: Acting;
  before(async () => {
    people = await Acting.inNewWorld();
  });
  after(() => people.world.stop());

  const ways = [
    {
      name: 'that never answers',
      says: /^At shop, the server did not answer in time/,
      goes: () => {
        for (const name of brokerNames) people.world.links[name].shop.hold();
        return Promise.resolve();
      },
      returns: () => {
        for (const name of brokerNames) people.world.links[name].shop.letGo();
        return Promise.resolve();
      },
    },
    {
      name: 'that is down',
      says: /^At shop, /,
      goes: () => people.world.targets.shop.stop('SIGINT'),
      returns: () => people.world.targets.shop.start(),
    },
  ];
  for (const { name, says, goes, returns } of ways)
    it(`${name}: everybody concerned sees that the end is not confirmed, since when and why, until it is back`, async () => {
      const { links, targets } = people.world;
      const grantId = await people.granted(holder, 'shop', 4, true);
      const terminal = await people.opensTerminal(holder, grantId);
      const { dueAt, leaseId } = terminal;
      await goes();
      for (const at of brokerNames)
        for (const person of [holder, 'ben', 'carol']) {
          const shown = await eventually(async () => {
            const one = await people.at(at).grant(person, grantId);
            // The grant itself expires a moment after its leases.
            return one.leases[0]?.unconfirmed && one.state !== 'active' ? one : undefined;
          }, 40_000);
          const [lease] = shown.leases;
          assert.deepEqual(
            [shown.state, shown.settled, lease?.state, lease?.receipt],
            ['expired', false, 'closing', undefined],
            `${person} at ${at}`,
          );
          assert.match(lease?.unconfirmed?.obstacle ?? '', says);
          const since = new Date(lease?.unconfirmed?.since ?? 0).getTime() - dueAt.getTime();
          assert.ok(since >= 0 && since < 5_000, `since ${since} ms after its time`);
        }
      // What the target checks by itself holds all the same.
      if (targets.shop.isRunning) assert.equal(await terminal.logIn(), '28P01');
      const tries = links.one.shop.begun + links.two.shop.begun;
      await eventually(() => links.one.shop.begun + links.two.shop.begun > tries + 3 || undefined, 60_000);
      await returns();
      const { leases } = await people.settled('carol', grantId, confirmedWithinMs);
      assert.ok(leases[0]?.receipt);
      assert.equal(leases[0].unconfirmed, undefined);
      const actions = await actionsOf(leaseId);
      assert.deepEqual([actions.at(-2), actions.at(-1)], ['lease unconfirmed', 'lease closed']);
    });

  it('delays neither the cut at another target nor the start of a broker', async () => {
    const { links, brokers } = people.world;
    const atShop = await people.granted(holder, 'shop', 2);
    await people.opensTerminal(holder, atShop);
    for (const name of brokerNames) links[name].shop.hold();
    await eventually(
      async () => (await people.grant(holder, atShop)).leases[0]?.unconfirmed ?? undefined,
      40_000,
    );
    await cutOnTime(await people.opensTerminal(holder, await people.granted(holder, 'depot', 2)));

    for (const name of brokerNames) brokers[name].kill();
    const begun = performance.now();
    await eventually(() => brokerNames.every((name) => !brokers[name].listens) || undefined);
    await people.world.everybodyListens();
    assert.ok(performance.now() - begun < 15_000, 'they start although one target never answers');
    assert.ok((await people.grant(holder, atShop)).leases[0]?.unconfirmed, 'which is still said');
    await cutOnTime(await people.opensTerminal(holder, await people.granted(holder, 'depot', 2)));

    for (const name of brokerNames) links[name].shop.letGo();
    assert.ok((await people.settled(holder, atShop, confirmedWithinMs)).leases[0]?.receipt);
  });

  const actionsOf = async (leaseId: string) =>
    (
      await people.world.store.query<{ action: string }>(
        `select e.action from daypass.audit_number n join daypass.audit_event e on e.id = n.event_id
          where e.resource_id = $1 order by n.number`,
        [leaseId],
      )
    ).map(({ action }) => action);
});
