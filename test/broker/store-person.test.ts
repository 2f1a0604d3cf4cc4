import assert from 'node:assert/strict';
import { mock } from 'node:test';
import {
  peopleIn,
  recognise,
  recogniser,
  type KnownAs,
  type PersonRow,
} from '../../src/broker/store/person.ts';
import type { Store } from '../../src/broker/store/connect.ts';
import { startStore, type StoreWorld } from './support/store.ts';

describe('Who calls, as the store knows them', () => {
  let world: StoreWorld;
  let store: Store;
  let recognised: (who: KnownAs) => Promise<PersonRow>;
  /** How much later it is than it would be. */
  let laterMs: number;
  let ana: KnownAs;
  before(async () => {
    world = await startStore();
    store = world.open();
  });
  after(() => world.stop());
  beforeEach(() => {
    laterMs = 0;
    const real = performance.now.bind(performance);
    mock.method(performance, 'now', () => real() + laterMs);
    recognised = recogniser(store);
    ana = { issuer: 'https://id.example', subject: 'ana', name: 'Ana Lima', groups: ['engineering'] };
  });
  afterEach(async () => {
    mock.restoreAll();
    await world.postgres.run('delete from daypass.person', 'state');
  });
  const forget = () => world.postgres.run('delete from daypass.person', 'state');
  const members = async (group: string) => (await peopleIn(store.db, [group])).map(({ subject }) => subject);

  it('is the same person at every call, and another with another subject or issuer', async () => {
    const { id } = await recognised(ana);
    assert.equal((await recognised({ ...ana })).id, id);
    assert.equal((await recogniser(store)(ana)).id, id, 'also for another broker');
    assert.notEqual((await recognised({ ...ana, subject: 'ben' })).id, id);
    assert.notEqual((await recognised({ ...ana, issuer: 'https://other.example' })).id, id);
  });

  it('is in the groups that the token of this call says, at once and not a moment longer', async () => {
    const { id } = await recognised(ana);
    const promoted = await recognised({ ...ana, groups: ['engineering', 'payments-leads'] });
    assert.deepEqual([promoted.id, promoted.groups], [id, ['engineering', 'payments-leads']]);
    assert.deepEqual(await members('payments-leads'), ['ana']);
    const gone = await recognised({ ...ana, groups: [] });
    assert.deepEqual([gone.id, gone.groups], [id, []]);
    assert.deepEqual(await members('engineering'), []);
  });

  it('has the name that the token of this call says', async () => {
    const { id } = await recognised(ana);
    const renamed = await recognised({ ...ana, name: 'Ana Roth' });
    assert.deepEqual([renamed.id, renamed.name], [id, 'Ana Roth']);
  });

  it('is not looked up again for a minute, and is after that', async () => {
    const { id } = await recognised(ana);
    await forget();
    laterMs = 55_000;
    assert.equal((await recognised(ana)).id, id);
    laterMs = 61_000;
    const { seen_at: seen } = await recognised(ana);
    assert.ok(Date.now() - seen.getTime() < 30_000, 'made known anew');
  });

  it('is not remembered where the store could not be asked', async () => {
    await world.postgres.run('alter table daypass.person rename to away', 'state');
    await assert.rejects(recognised(ana));
    await world.postgres.run('alter table daypass.away rename to person', 'state');
    assert.equal((await recognised(ana)).name, 'Ana Lima');
  });

  it('is one person although the first calls come at the same time', async () => {
    const seen = await Promise.all(Array.from({ length: 8 }, () => recognise(store, ana)));
    assert.equal(new Set(seen.map(({ id }) => id)).size, 1);
  });
});
