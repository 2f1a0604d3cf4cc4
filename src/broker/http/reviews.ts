import type { FastifyInstance } from 'fastify';
import { routes } from '../../contract/routes.ts';
import type { Context } from '../context.ts';
import { mayReview } from '../rules/policy.ts';
import { brokenGlassOn, insertReview, reviewsOf } from '../store/glass.ts';
import { grantById, lockGrant } from '../store/grant.ts';
import { ruleOf } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import type { Caller } from './caller.ts';
import { byCode } from './decisions.ts';
import { visible } from './grants.ts';
import { presentGrants } from './present-grants.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';
import { demandSignIn } from './sign-in.ts';

export function reviewRoutes(app: FastifyInstance, context: Context): void {
  const { store } = context;

  handle(app, routes.reviewGrant, async ({ caller, params, body }) => {
    await store.transaction('grant reviewed', (trx) => review(trx, context, caller, params.id, body.comment));
    const { grant } = await visible(store.db, context, caller, await grantById(store.db, params.id));
    const [shown] = await presentGrants(context, caller, [grant]);
    if (!shown) throw new Refusal('not-found', 'There is no such access, or you have no part in it.');
    return shown;
  });
}

/** Somebody who could have approved it has looked at what was done without them. */
export async function review(
  trx: Trx,
  context: Context,
  caller: Caller,
  grantId: string,
  comment: string,
): Promise<void> {
  const { integrity } = context;
  const { grant, request } = await visible(trx, context, caller, await lockGrant(trx, grantId));
  if (grant.holder === caller.id)
    throw new Refusal('not-allowed', 'Nobody signs off what they did themselves.');
  if (!caller.mayDecide) throw byCode();
  if (!mayReview(caller, ruleOf(request)))
    throw new Refusal('not-allowed', 'Whoever could have approved it signs it off.');
  if ((await brokenGlassOn(trx, integrity, [request.id])).size === 0)
    throw new Refusal('too-late', 'It was approved, so there is nothing to sign off.');
  if (grant.state === 'approved' || grant.state === 'active')
    throw new Refusal('too-late', 'It is open still. Sign it off once it has ended, or revoke it.');
  const earlier = (await reviewsOf(trx, integrity, [grantId])).get(grantId);
  if (earlier?.person_id === caller.id) return;
  if (earlier) throw new Refusal('too-late', 'Somebody has signed it off already.');
  demandSignIn(context, caller, ruleOf(request).approverMfa);
  await insertReview(trx, integrity.macs, grant, { personId: caller.id, comment });
}
