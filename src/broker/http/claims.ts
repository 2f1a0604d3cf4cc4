import type { NewClaim } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import { mayDecide } from '../rules/policy.ts';
import { claimOn, setClaim } from '../store/claim.ts';
import { now } from '../store/now.ts';
import { peopleById } from '../store/person.ts';
import { ruleOf } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import type { Caller } from './caller.ts';
import { byCode, lockVisible, settledAlready } from './decisions.ts';
import { Refusal } from './problem.ts';
import { demandSignIn } from './sign-in.ts';

/** Somebody who may decide says that they look at it; done already is done. Whoever takes it over names from whom. */
export async function claim(
  trx: Trx,
  context: Context,
  caller: Caller,
  id: string,
  { from }: NewClaim = {},
): Promise<void> {
  const request = await lockVisible(trx, context, caller, id);
  if (!caller.mayDecide) throw byCode();
  if (!mayDecide(caller, ruleOf(request)))
    throw new Refusal('not-allowed', 'Only somebody who may decide on it can take it.');
  if (request.state !== 'pending') throw await settledAlready(trx, context, request, caller);
  const held = claimOn(request, await now(trx));
  if (held?.personId === caller.id) return;
  if (held && held.personId !== from) {
    const name = (await peopleById(trx, [held.personId])).get(held.personId)?.name ?? 'Somebody';
    throw new Refusal('changed-meanwhile', `${name} is looking at it already. You can take it over.`);
  }
  demandSignIn(context, caller, undefined);
  await setClaim(trx, request, caller.id, 'claimed', held?.personId);
}

/** Whoever looked at it does so no more; where they do not, or it is settled, there is nothing to do. */
export async function release(trx: Trx, context: Context, caller: Caller, id: string): Promise<void> {
  const request = await lockVisible(trx, context, caller, id);
  if (claimOn(request, await now(trx))?.personId === caller.id)
    await setClaim(trx, request, caller.id, 'released');
}
