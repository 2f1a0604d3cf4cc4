import assert from 'node:assert/strict';
import { withGrant, withLists, withRequest } from '../../src/extension/state/learn.ts';
import { emptyWorld } from '../../src/extension/state/world.ts';
import { requestNodes } from '../../src/extension/views/requestNodes.ts';
import { standingOf } from '../../src/extension/views/standing.ts';
import { ana, ben, grant, now, request, toLocal, world } from './support/samples.ts';

describe('What is read at once', () => {
  it('replaces what went, keeps what is newer, and says that it was read', () => {
    const [kept, gone, changed] = [request(), request(), request()];
    const before = world(ana, { requests: [kept, gone, changed] });
    const since = request();
    const newer = { ...changed, version: 3, state: 'approved' as const };
    const meanwhile = withRequest(newer)(withRequest(since)(before));
    const after = withLists(before, { requests: [kept, { ...changed, version: 2 }], grants: [] })(meanwhile);
    assert.deepEqual([...after.requests.values()], [kept, newer, since]);
    assert.equal(withLists(before, { requests: [kept, gone, changed], grants: [] })(before), before);
    assert.equal(withLists(emptyWorld, { requests: [], grants: [] })(emptyWorld).isRead, true);
  });

  it('and shown, stays quick where there is very much of it', () => {
    const many = Array.from({ length: 20_000 }, () =>
      request({ may: { withdraw: false, decide: true, approve: true, write: true } }),
    );
    const grants = Array.from({ length: 20_000 }, () => grant());
    const empty = world(ben);
    const full = withLists(empty, { requests: many, grants })(empty);
    assert.deepEqual([full.requests.size, full.grants.size], [20_000, 20_000]);
    assert.equal(withLists(full, { requests: many, grants })(full), full);
    const [waiting] = requestNodes(standingOf(full, now), { me: '', now, toLocal });
    assert.equal(waiting?.is === 'section' && waiting.children.at(-1)?.label, '19,750 more');
    const cleared = withLists(full, { requests: [], grants: [] })(full);
    assert.equal(cleared.requests.size + cleared.grants.size, 0);
    assert.equal(withGrant(grants[0]!)(cleared).grants.size, 1);
  }).timeout(20_000);
});
