import assert from 'node:assert/strict';
import { reservations } from '../../src/broker/store/lease-reserve.ts';
import { startStore, type StoreWorld } from './support/store.ts';

describe('Ends that several brokers could prove', () => {
  let world: StoreWorld;
  before(async () => (world = await startStore()));
  after(() => world.stop());

  it('are proven by one of them at a time', async () => {
    const [one, another] = [reservations(world.open()), reservations(world.open())];
    const first = await one.reserve(['a', 'b']);
    assert.deepEqual([...first.mine], ['a', 'b']);
    const second = await another.reserve(['b', 'c']);
    assert.deepEqual([...second.mine], ['c']);
    await first.release();
    const third = await another.reserve(['a', 'b']);
    assert.deepEqual([...third.mine], ['a', 'b']);
    await one.stop();
    await another.stop();
  });

  it('are free when the broker that had them is gone', async () => {
    const [one, another] = [reservations(world.open()), reservations(world.open())];
    await one.reserve(['d']);
    assert.deepEqual([...(await another.reserve(['d'])).mine], []);
    await world.postgres.run(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'daypass ends'`,
    );
    const after = await another.reserve(['d']);
    assert.deepEqual([...after.mine], ['d'], 'also where its own connection was lost');
    await one.stop();
    await another.stop();
  });

  it('are everybody’s where the database does not say', async () => {
    const one = reservations({ session: () => Promise.reject(new Error('The database is away.')) });
    assert.deepEqual([...(await one.reserve(['e'])).mine], ['e']);
    const silent = reservations({ session: () => new Promise(() => undefined) });
    const { mine, release } = await silent.reserve(['e']);
    assert.deepEqual([...mine], ['e']);
    await release();
  });
});
