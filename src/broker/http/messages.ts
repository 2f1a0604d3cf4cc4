import type { Context } from '../context.ts';
import { mayDecide, type Who } from '../rules/policy.ts';
import { tellAnswered } from '../store/delivery-news.ts';
import { countMessages, insertMessage } from '../store/message.ts';
import { ruleOf, type RequestRow } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import type { Caller } from './caller.ts';
import { byCode, lockVisible, settledAlready } from './decisions.ts';
import { Refusal } from './problem.ts';
import { demandSignIn } from './sign-in.ts';

/** Enough for a question and its answer, several times; more is for a call. Nobody can use up what others have. */
const mostOf = { requester: 20, others: 10, all: 60 };

/** Whether somebody has a word in the exchange on a request. */
export function mayWrite(who: Who, request: RequestRow): boolean {
  return request.state === 'pending' && (who.id === request.requester || mayDecide(who, ruleOf(request)));
}

/** A question or an answer on a request that waits. The message's id. */
export async function ask(
  trx: Trx,
  context: Context,
  caller: Caller,
  id: string,
  text: string,
): Promise<string> {
  const request = await lockVisible(trx, context, caller, id);
  if (request.state !== 'pending') throw await settledAlready(trx, context, request, caller);
  if (!mayWrite(caller, request)) {
    if (!caller.mayDecide) throw byCode();
    throw new Refusal('not-allowed', 'Only whoever asked and those who decide write here.');
  }
  const { all, own } = await countMessages(trx, id, caller.id);
  const most = caller.id === request.requester ? mostOf.requester : mostOf.others;
  if (own >= most || (all >= mostOf.all && caller.id !== request.requester))
    throw new Refusal('too-many-messages', 'That is enough to read at night. Call each other instead.');
  demandSignIn(context, caller, undefined);
  const message = await insertMessage(trx, context.integrity.macs, request, { personId: caller.id, text });
  if (caller.id === request.requester) await tellAnswered(trx, request);
  return message;
}
