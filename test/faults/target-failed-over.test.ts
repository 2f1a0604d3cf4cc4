import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Acting, holder } from './acting.ts';
import { Injector } from './inject.ts';
import { scheduleOf } from './schedule.ts';

describe('A target that fails over to its standby while a lease is open', function () {
  this.timeout(120_000);
  let people: Acting;
  before(async () => {
    people = await Acting.inNewWorld();
  });
  after(() => people.world.stop());

  it('has the login still, until its time: then it is gone there, with a receipt', async () => {
    const { world } = people;
    const primary = world.targets.shop;
    const grantId = await people.granted(holder, 'shop', 30);
    const { closed, dueAt, logIn } = await people.opensTerminal(holder, grantId);
    const none = { links: new Map(), calls: new Map(), brokers: new Map() };
    await new Injector(world).inject({
      ...scheduleOf(1),
      ...none,
      servers: [{ kind: 'target failed over', target: 'shop', afterMs: 0 }],
    });
    assert.ok((await closed) < dueAt, 'its connection did not outlive the server');
    assert.notEqual(world.targets.shop, primary);
    assert.equal(world.targets.shop.port, primary.port);
    assert.equal(await logIn(), 'in');
    await pause(dueAt.getTime() - Date.now() + 200);
    assert.match(await logIn(), /^28/);
    const [lease] = (await people.settled(holder, grantId, 15_000)).leases;
    assert.ok(lease?.receipt, lease?.absent);
  });
});
