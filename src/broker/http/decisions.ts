import { needWords } from '../../contract/needs.ts';
import type { NewDecision } from '../../contract/requests.ts';
import { durationOf, secondsOf, spokenDuration } from '../../contract/durations.ts';
import type { Context } from '../context.ts';
import { mayDecide, maySee, type RequestRule } from '../rules/policy.ts';
import { groupsOf, sizeOf, stillNeeded } from '../rules/quorum.ts';
import { toApprover } from '../rules/verdict.ts';
import { approvalsAmong, decisionsOn, insertDecision } from '../store/decision.ts';
import { brokenGlassOn } from '../store/glass.ts';
import { insertGrant } from '../store/grant.ts';
import { peopleById } from '../store/person.ts';
import { isAuthenticRequest } from '../store/authentic.ts';
import { lockRequest, ruleOf, stepRequest, wasSettled, type RequestRow } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import type { Caller } from './caller.ts';
import { Refusal } from './problem.ts';
import { demandSignIn } from './sign-in.ts';
import { shownDigest } from './template-now.ts';
import { obstacleOn } from './verdict.ts';

/** One person's word on a request. The id of the decision. */
export async function decide(
  trx: Trx,
  context: Context,
  caller: Caller,
  id: string,
  body: NewDecision,
): Promise<string> {
  const request = await lockVisible(trx, context, caller, id);
  if (request.requester === caller.id)
    throw new Refusal('not-allowed', 'Nobody decides on their own request.');
  if (!caller.mayDecide) throw byCode();
  const rule = ruleOf(request);
  if (!mayDecide(caller, rule)) throw notYours(caller, rule);
  if (request.state !== 'pending') throw await settledAlready(trx, context, request, caller);
  await demandAuthentic(trx, context, request);
  demandSeen(context, request, body);
  const durationSeconds = shortenedBy(body, request);
  const decisions = await decisionsOn(trx, context.integrity, [id]);
  if (decisions.some((one) => one.person_id === caller.id))
    throw new Refusal('too-late', 'You have decided on this already.');
  const groups = caller.groups.filter((group) => request.approve_by.includes(group));
  const approvals = approvalsAmong(decisions);
  const needs = stillNeeded(rule.needs, approvals);
  const left = stillNeeded(rule.needs, [...approvals, { person: caller.id, groups }]);
  if (body.verdict === 'approve' && sizeOf(left) === sizeOf(needs))
    throw new Refusal(
      'not-allowed',
      `Your approval adds nothing: ${needWords(needs)} must still approve. Deny it, if it should not be.`,
    );
  if (body.verdict === 'approve' && left.length === 0) await demandNoObstacle(trx, context, request);
  demandSignIn(context, caller, body.verdict === 'approve' ? rule.approverMfa : undefined);
  const step = await stepRequest(
    trx,
    request,
    body.verdict === 'approve' ? 'decided: approve' : 'decided: deny',
    caller.id,
    {
      agreed: left.length === 0,
      ...(body.comment === undefined ? {} : { comment: body.comment }),
      ...(durationSeconds === undefined ? {} : { durationSeconds }),
    },
  );
  if (!step.moved) throw await settledAlready(trx, context, request, caller);
  const decisionId = await insertDecision(trx, context.integrity.macs, {
    requestId: id,
    personId: caller.id,
    verdict: body.verdict,
    comment: body.comment,
    digest: body.digest,
    groups,
    durationSeconds,
  });
  if (step.state === 'approved')
    await insertGrant(trx, context.integrity.macs, request, {
      approvedBy: caller.id,
      activateWithinSeconds: context.config.requests.activateWithinSeconds,
      durationSeconds: Math.min(
        request.duration_s,
        ...[durationSeconds, ...decisions.map((one) => one.duration_s)].flatMap((one) => one ?? []),
      ),
    });
  return decisionId;
}

/** A decision holds for what was looked at: the request, and its template as it is now. */
export function demandSeen(
  context: Context,
  request: RequestRow,
  { digest, verdict }: Pick<NewDecision, 'digest' | 'verdict'>,
): void {
  if (digest !== shownDigest(context, request))
    throw new Refusal(
      'changed-meanwhile',
      digest === request.digest
        ? 'The template changed since you looked. Look at the request again: it shows what is different.'
        : 'This is not what you were shown. Look at the request again.',
    );
  if (verdict === 'approve' && !context.templates().has(request.template_id))
    throw new Refusal(
      'template-gone',
      'This template was removed after the request was made, so nothing is given under it any more. Deny it, with a word on what to ask for instead.',
    );
}

/** A freeze may have begun since it was asked for, or a cap been reached. */
async function demandNoObstacle(trx: Trx, context: Context, request: RequestRow): Promise<void> {
  const obstacle = await obstacleOn(trx, context, request);
  if (!obstacle) return;
  const requester =
    (await peopleById(trx, [request.requester])).get(request.requester)?.name ?? 'Whoever asked';
  throw new Refusal('refused-by-policy', toApprover(obstacle, { requester, answerBy: request.answer_by }));
}

/** What an approval shortens the access to, in seconds; undefined where it takes it as it was asked for. */
function shortenedBy(body: NewDecision, { duration_s: asked }: RequestRow): number | undefined {
  if (body.verdict !== 'approve' || body.duration === undefined) return undefined;
  const seconds = secondsOf(body.duration);
  if (seconds > asked)
    throw new Refusal(
      'too-long',
      `${spokenDuration(durationOf(asked))} was asked for. An approval can shorten that, not add to it.`,
    );
  return seconds < asked ? seconds : undefined;
}

function notYours(caller: Caller, { needs, never }: RequestRule): Refusal {
  const out = never.filter((group) => caller.groups.includes(group));
  return new Refusal(
    'not-allowed',
    out.length > 0
      ? `Members of ${out.join(' and ')} do not decide on this.`
      : `Members of ${groupsOf(needs).join(' or ')} decide on this.`,
  );
}

/** Nothing is decided about what is not as it was asked for. */
export async function demandAuthentic(trx: Trx, { integrity }: Context, request: RequestRow): Promise<void> {
  const why = !isAuthenticRequest(integrity.macs, request)
    ? 'it is not what was asked for'
    : (await wasSettled(trx, request.id))
      ? 'it was settled before'
      : undefined;
  if (why === undefined) return;
  integrity.alarm({ record: 'request', id: request.id, target: request.target, why });
  throw notAuthentic();
}

/** Whoever asked takes it back; done already is done. */
export async function withdraw(trx: Trx, context: Context, caller: Caller, id: string): Promise<void> {
  const request = await lockVisible(trx, context, caller, id);
  if (request.requester !== caller.id)
    throw new Refusal('not-allowed', 'Only the person who asked can take a request back.');
  if (request.state === 'withdrawn') return;
  const step = await stepRequest(trx, request, 'withdrawn', caller.id, { agreed: false });
  if (!step.moved) throw await settledAlready(trx, context, request, caller);
}

/** A request that nobody else changes until the transaction is over, if the caller has a part in it. */
export async function lockVisible(
  trx: Trx,
  { config }: Context,
  caller: Caller,
  id: string,
): Promise<RequestRow> {
  const request = await lockRequest(trx, id);
  if (!request || !maySee(caller, ruleOf(request), config.audit.by)) throw noRequest();
  return request;
}

/** Who settled it, for somebody who came too late. */
export async function settledAlready(
  trx: Trx,
  { integrity }: Context,
  request: RequestRow,
  caller: Caller,
): Promise<Refusal> {
  if ((await brokenGlassOn(trx, integrity, [request.id])).size > 0)
    return new Refusal(
      'too-late',
      'The glass was broken for it meanwhile. Look at the access itself: it can be revoked.',
    );
  const decision = (await decisionsOn(trx, integrity, [request.id])).at(-1);
  const by =
    decision?.person_id === caller.id
      ? 'You'
      : decision && (await peopleById(trx, [decision.person_id])).get(decision.person_id)?.name;
  switch (request.state) {
    case 'approved':
      return new Refusal('too-late', by ? `${by} approved it already.` : 'It is approved already.');
    case 'denied':
      return new Refusal('too-late', by ? `${by} denied it already.` : 'It was denied already.');
    case 'withdrawn':
      return new Refusal('too-late', 'It was withdrawn. Nothing needs to be decided any more.');
    default:
      return new Refusal(
        'too-late',
        'Nobody answered in time, so it has expired. Ask again if it is still needed.',
      );
  }
}

/** Such a sign-in can be passed on past MFA. */
export function byCode(): Refusal {
  return new Refusal(
    'not-allowed',
    'A sign-in by code cannot do this. Sign in where your browser comes back to VS Code by itself.',
  );
}

/** Says nothing that would help whoever did it. */
export function notAuthentic(): Refusal {
  return new Refusal(
    'not-authentic',
    'What is stored of it is not what the broker wrote: somebody changed its database. Nothing was done, and an alarm was raised. Tell your security team, and ask anew.',
  );
}

export function noRequest(): Refusal {
  return new Refusal('not-found', 'There is no such request, or you have no part in it.');
}
