import { randomUUID } from 'node:crypto';
import type { NewRequest } from '../../contract/requests.ts';
import { secondsOf } from '../../contract/values.ts';
import type { Context } from '../context.ts';
import { mayRequest, mostPending } from '../rules/policy.ts';
import { groupsOf, sizeOf } from '../rules/quorum.ts';
import { termsFor } from '../rules/break-glass.ts';
import { demandAt } from '../rules/sign-in.ts';
import { digestOfRequest } from '../store/authentic.ts';
import { planDeliveries } from '../store/delivery-news.ts';
import { insertGrant } from '../store/grant.ts';
import { inSeconds, now } from '../store/now.ts';
import { inTurnAt } from '../store/policy-facts.ts';
import { countOf, insertRequest, stepRequest } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import { deliverySteps } from '../templates/notify.ts';
import { present } from '../templates/present.ts';
import type { ResolvedTemplate } from '../templates/template.ts';
import { ticketExpression } from '../templates/ticket.ts';
import type { Caller } from './caller.ts';
import { Refusal } from './problem.ts';
import { demandSignIn } from './sign-in.ts';
import { capsAllPeople, verdictOn } from './verdict.ts';

/** Makes a request, decided at once where policy does. Its id. */
export async function makeRequest(
  trx: Trx,
  context: Context,
  caller: Caller,
  body: NewRequest,
): Promise<string> {
  const template = context.templates().get(body.template);
  if (!template) throw new Refusal('template-gone', 'This template is no longer there. Choose another one.');
  if (!mayRequest(caller, template)) throw notForYou(context, template);
  const shown = present(template, context.config);
  if (shown.digest !== body.templateDigest)
    throw new Refusal(
      'changed-meanwhile',
      'This template changed while you chose. Look at it again before you ask.',
    );
  checkTicket(template, body.ticket);
  const { pending, open } = await countOf(trx, caller.id);
  if (capsAllPeople(context.policy(), template)) await inTurnAt(trx, template.target);
  const verdict = await verdictOn(trx, context, caller, template, secondsOf(body.duration));
  if (verdict.is === 'refused')
    throw new Refusal(verdict.because === 'too long' ? 'too-long' : 'refused-by-policy', verdict.why);
  if (verdict.is === 'asked' && pending >= mostPending)
    throw new Refusal(
      'too-many-pending',
      `You have ${mostPending} requests waiting. Withdraw one, or wait for an answer.`,
    );
  const { mostOpen } = context.config.requests;
  if (pending + open >= mostOpen)
    throw new Refusal(
      'too-many-pending',
      `You have ${mostOpen} accesses already, open, approved or asked for. End one first.`,
    );

  // Last, so that nobody signs in anew for what would be refused all the same.
  demandSignIn(context, caller, demandAt('request', template.mfa));
  const { needs, never, mfa, approverMfa, breakGlass } = template;
  const asked = {
    requester: caller.id,
    template: shown,
    target: template.target,
    scope: template.scope,
    duration_s: secondsOf(body.duration),
    reason: body.reason,
    ticket: body.ticket ?? null,
  };
  const automatic = verdict.is === 'approved' && needs.length > 0 ? { automatic: verdict.why } : {};
  const request = await insertRequest(trx, context.integrity.macs, {
    ...asked,
    id: randomUUID(),
    template_id: template.id,
    template: JSON.stringify(shown),
    scope: JSON.stringify(template.scope),
    digest: digestOfRequest(asked),
    approve_by: groupsOf(needs),
    revoke_by: [...template.revokeBy],
    quorum: verdict.is === 'asked' ? sizeOf(needs) : 0,
    demands: {
      needs,
      never,
      requestBy: template.requestBy,
      approvedAlone: template.automatic,
      ...automatic,
      ...(mfa ? { mfa } : {}),
      ...(approverMfa ? { approverMfa } : {}),
      ...(breakGlass ? { breakGlass: termsFor(breakGlass, await now(trx)) } : {}),
    },
    state: 'pending',
    answer_by: await inSeconds(trx, context.config.requests.answerWithinSeconds),
  });
  if (verdict.is === 'asked') await planDeliveries(trx, request, deliverySteps(template.notify));
  if (verdict.is === 'approved') {
    await stepRequest(trx, request, 'decided: approve', null, { agreed: true });
    await insertGrant(trx, context.integrity.macs, request, {
      approvedBy: null,
      activateWithinSeconds: context.config.requests.activateWithinSeconds,
    });
  }
  return request.id;
}

function checkTicket({ ticket }: ResolvedTemplate, given: string | undefined): void {
  if (!ticket) {
    if (given !== undefined)
      throw new Refusal('ticket-needed', 'This template takes no ticket. Leave it out.');
    return;
  }
  if (given === undefined) {
    if (ticket.required)
      throw new Refusal(
        'ticket-needed',
        `This template needs a ticket like ${ticket.hint ?? ticket.pattern}.`,
      );
    return;
  }
  if (!ticketExpression(ticket.pattern).test(given))
    throw new Refusal('ticket-needed', `The ticket must look like ${ticket.hint ?? ticket.pattern}.`);
}

export function notForYou(
  { config }: Context,
  { requestBy }: ResolvedTemplate,
  more: { recorded?: true } = {},
): Refusal {
  const { ask } = config.organisation;
  return new Refusal(
    'not-allowed',
    `Members of ${requestBy.join(' or ')} may request this. ${ask ? `Ask ${ask}.` : ''}`.trim(),
    more,
  );
}
