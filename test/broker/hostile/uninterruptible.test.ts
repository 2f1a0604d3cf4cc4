import { callOf } from '../support/uninterruptible.ts';
import { openHostileWorld, ordersScope, type HostileWorld } from './holding.ts';
import { toldUntilDead } from './uninterruptible.ts';

/** Longer than the broker watches before it says what stands in the way; a machine may be less busy later. */
const callMs = 12_000;

/** Held up by work, on one server; calls that wait are tried on every server, with what else a holder tries. */
describe('A call that PostgreSQL cannot interrupt', function () {
  this.timeout(120_000);
  let hostile: HostileWorld;
  before(async () => {
    hostile = await openHostileWorld({}, { orders: ordersScope });
  });
  after(() => hostile.stop());

  it('is shown with how many connections run one and since when, until it is dead', async () => {
    await toldUntilDead(hostile, 'orders', await callOf(hostile.world.shop, callMs));
  });
});
