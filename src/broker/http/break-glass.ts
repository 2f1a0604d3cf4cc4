import type { BreakingGlass } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import { freshSeconds, judgeGlass, secondsGiven } from '../rules/break-glass.ts';
import { mayBreakGlass } from '../rules/policy.ts';
import { approvalsAmong, decisionsOn } from '../store/decision.ts';
import { holdsTheSame, insertBrokenGlass, owedBy } from '../store/glass.ts';
import { insertGrant } from '../store/grant.ts';
import { now } from '../store/now.ts';
import { inTurnAt } from '../store/policy-facts.ts';
import { inTurnOf, ruleOf, stepRequest } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import type { Caller } from './caller.ts';
import { byCode, demandAuthentic, demandSeen, lockVisible, settledAlready } from './decisions.ts';
import { Refusal } from './problem.ts';
import { demandSignIn } from './sign-in.ts';
import { capsAllPeople, verdictOn } from './verdict.ts';

/** Somebody cannot wait for approval of what they asked for. The request's id. */
export async function breakGlass(
  trx: Trx,
  context: Context,
  caller: Caller,
  id: string,
  body: BreakingGlass,
): Promise<string> {
  const { integrity, config } = context;
  const request = await lockVisible(trx, context, caller, id);
  if (request.requester !== caller.id)
    throw new Refusal('not-allowed', 'Only whoever asked breaks the glass.');
  if (!caller.mayDecide) throw byCode();
  const rule = ruleOf(request);
  const glass = rule.breakGlass;
  const template = context.templates().get(request.template_id);
  if (!glass || (template && !mayBreakGlass(caller, template)))
    throw new Refusal(
      'refused-by-policy',
      'The glass cannot be broken for this template. Call somebody who approves it.',
    );
  if (request.state !== 'pending') throw await settledAlready(trx, context, request, caller);
  await demandAuthentic(trx, context, request);
  demandSeen(context, request, { digest: body.digest, verdict: 'approve' });
  if (!template) throw new Refusal('template-gone', 'This template is no longer there. Choose another one.');

  // One after the other of the same person: two at once cannot both be the only one.
  await inTurnOf(trx, caller.id);
  const decisions = await decisionsOn(trx, integrity, [id]);
  const verdict = judgeGlass(glass, {
    groups: caller.groups,
    now: await now(trx),
    approvals: approvalsAmong(decisions).length,
    holds: await holdsTheSame(trx, request),
    owed: await owedBy(trx, integrity, caller.id),
  });
  if (verdict.is === 'may not')
    throw new Refusal(
      verdict.because === 'one at a time' ? 'too-many-pending' : 'refused-by-policy',
      verdict.why,
    );
  const durationSeconds = secondsGiven(
    glass,
    request.duration_s,
    decisions.flatMap(({ duration_s }) => duration_s ?? []),
  );
  // What nobody may have, nobody takes: a freeze holds, and so does a cap.
  if (capsAllPeople(context.policy(), template)) await inTurnAt(trx, template.target);
  const policy = await verdictOn(trx, context, caller, template, durationSeconds);
  if (policy.is === 'refused') throw new Refusal('refused-by-policy', policy.why);

  demandSignIn(context, caller, { withinSeconds: freshSeconds, acr: glass.acr });
  const step = await stepRequest(trx, request, 'glass broken', caller.id, {
    agreed: false,
    comment: body.reason,
    durationSeconds,
  });
  if (!step.moved) throw await settledAlready(trx, context, request, caller);
  await insertBrokenGlass(trx, integrity.macs, request, body.reason);
  await insertGrant(trx, integrity.macs, request, {
    approvedBy: null,
    activateWithinSeconds: config.requests.activateWithinSeconds,
    durationSeconds,
  });
  return id;
}
