import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { AccessRequest } from '../../../src/contract/requests.ts';
import type { TemplateList } from '../../../src/contract/templates.ts';
import { Liar } from '../support/liar.ts';
import { startWorld, type World } from '../support/world.ts';

/** Ana has a second account at the provider, for administration, that is among those who approve. */
describe('A second account of the same person', function () {
  this.timeout(60_000);
  const provider = new Liar('');
  let kid: string;

  before(async () => {
    await provider.start();
    kid = provider.addKey('ec');
  });
  after(() => provider.stop());

  const ana = { sub: 'ana', employee: 'e17', groups: ['engineering'] };
  const second = { sub: 'ana-admin', employee: 'e17', groups: ['engineering', 'payments-leads'] };

  const meet = async (identity: string | undefined, then: (world: World) => Promise<void>) => {
    const world = await startWorld({ issuer: provider.issuer, ...(identity ? { identity } : {}) });
    provider.audience = world.url;
    try {
      await then(world);
    } finally {
      await world.stop();
    }
  };
  const call = async (world: World, as: object, method: string, path: string, body?: object) => {
    const response = await fetch(`${world.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await provider.sign(kid, provider.claims({ ...as }))}`,
        'idempotency-key': randomUUID(),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: await response.json() };
  };
  const askAndApprove = async (world: World) => {
    const { templates } = (await call(world, ana, 'GET', '/v1/templates')).body as TemplateList;
    const asked = await call(world, ana, 'POST', '/v1/requests', {
      template: 'fix-status',
      templateDigest: templates.find(({ id }) => id === 'fix-status')?.digest,
      duration: 'PT10M',
      reason: 'Order 4711 is stuck',
      ticket: 'INC-1',
    });
    assert.equal(asked.status, 201, JSON.stringify(asked.body));
    const { id, digest } = asked.body as AccessRequest;
    const decision = { verdict: 'approve', digest };
    const decided = await call(world, second, 'POST', `/v1/requests/${id}/decisions`, decision);
    const { state } = (await call(world, ana, 'GET', `/v1/requests/${id}`)).body as AccessRequest;
    return { decided, state };
  };

  it('approves nothing where a claim says who is who, and that stands in the log', async () => {
    await meet('person_claim: employee', async (world) => {
      const { decided, state } = await askAndApprove(world);
      assert.equal(decided.status, 403, JSON.stringify(decided.body));
      assert.equal(state, 'pending');
      const me = async (as: object) =>
        ((await call(world, as, 'GET', '/v1/me')).body as { person: { id: string } }).person.id;
      assert.equal(await me(ana), await me(second));
      assert.ok(world.log.some((line) => line.includes('decisions') && line.includes('403')));
    });
  });

  it('counts as somebody else where no claim says so: what the documentation warns of', async () => {
    await meet(undefined, async (world) => {
      const { decided, state } = await askAndApprove(world);
      assert.ok(decided.status < 300, JSON.stringify(decided.body));
      assert.equal(state, 'approved');
    });
  });
});
