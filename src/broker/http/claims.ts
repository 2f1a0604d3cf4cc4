import type { NewClaim } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import { mayApprove, mayDecide } from '../rules/policy.ts';
import { claimOn, setClaim } from '../store/claim.ts';
import { approvalsAmong, decisionsOn } from '../store/decision.ts';
import { now } from '../store/now.ts';
import { peopleById } from '../store/person.ts';
import { ruleOf } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import type { Caller } from './caller.ts';
import { byCode, lockVisible, settledAlready } from './decisions.ts';
import { Refusal } from './problem.ts';
import { demandSignIn } from './sign-in.ts';

/**
 * Somebody whose approval brings it further says that they look at it, so that others need not; done already is done.
 * Whoever takes it over names from whom.
 */
export async function claim(
  trx: Trx,
  context: Context,
  caller: Caller,
  id: string,
  { from }: NewClaim = {},
): Promise<void> {
  const request = await lockVisible(trx, context, caller, id);
  if (!caller.mayDecide) throw byCode();
  const rule = ruleOf(request);
  if (!mayDecide(caller, rule))
    throw new Refusal('not-allowed', 'Only somebody who may decide on it can take it.');
  if (request.state !== 'pending') throw await settledAlready(trx, context, request, caller);
  const approvals = approvalsAmong(await decisionsOn(trx, context.integrity, [id]));
  if (!mayApprove(caller, rule, approvals))
    throw new Refusal('not-allowed', 'Only somebody whose approval brings it further can take it.');
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
