import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { NewDecision, NewRequest } from '../../contract/requests.ts';
import { routes } from '../../contract/routes.ts';
import type { Template } from '../../contract/templates.ts';
import { secondsOf, spokenDuration } from '../../contract/values.ts';
import { append } from '../audit/append.ts';
import type { Context } from '../context.ts';
import { mayDecide, mayRequest, maySee, mostPending } from '../rules/policy.ts';
import { decisionsOn, insertDecision } from '../store/decision.ts';
import type { Store } from '../store/connect.ts';
import { insertGrant } from '../store/grant.ts';
import { hashOf, lookUp, remember, type Call } from '../store/idempotency.ts';
import { inSeconds } from '../store/now.ts';
import { peopleById } from '../store/person.ts';
import {
  countPending,
  insertRequest,
  listRequests,
  lockRequest,
  requestById,
  ruleOf,
  stepRequest,
  type RequestRow,
} from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import { digestOf } from '../templates/digest.ts';
import type { ResolvedTemplate } from '../templates/template.ts';
import { ticketExpression } from '../templates/ticket.ts';
import { present } from '../templates/present.ts';
import type { Caller } from './caller.ts';
import { presentRequests } from './present.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';

const listed = { open: 200, recent: 250 };

export function requestRoutes(app: FastifyInstance, context: Context): void {
  const { store } = context;
  const refusals = new Refusals(store);
  const auditors = context.config.audit.by;

  const one = async (caller: Caller, row: RequestRow) => {
    const [request] = await presentRequests(context, caller, [row]);
    if (!request) throw notFound();
    return request;
  };
  const reread = async (caller: Caller, id: string) => {
    const row = await requestById(store.db, id);
    if (!row || !maySee(caller, ruleOf(row), auditors)) throw notFound();
    return one(caller, row);
  };

  handle(app, routes.requests, async ({ caller, query }) => {
    const rows = await listRequests(
      store.db,
      caller,
      query.which === 'open' ? 'pending' : 'all',
      listed[query.which],
    );
    return { requests: await presentRequests(context, caller, rows) };
  });

  handle(app, routes.request, ({ caller, params }) => reread(caller, params.id));

  handle(app, routes.createRequest, async ({ caller, body, key }) => {
    const template = context.templates().get(body.template);
    if (template && !mayRequest(caller, template)) {
      await refusals.record(caller, template);
      throw notForYou(context, template);
    }
    const call: Call = { personId: caller.id, route: 'requests', key, bodyHash: hashOf(body) };
    const id = await store.transaction((trx) =>
      once(trx, call, () => createRequest(trx, context, caller, body)),
    );
    return reread(caller, id);
  });

  handle(app, routes.decide, async ({ caller, params, body, key }) => {
    const call: Call = { personId: caller.id, route: `decisions ${params.id}`, key, bodyHash: hashOf(body) };
    await store.transaction((trx) => once(trx, call, () => decide(trx, context, caller, params.id, body)));
    return reread(caller, params.id);
  });

  handle(app, routes.withdrawRequest, async ({ caller, params }) => {
    await store.transaction(async (trx) => {
      const request = await lockRequest(trx, params.id);
      if (!request || !maySee(caller, ruleOf(request), auditors)) throw notFound();
      if (request.requester !== caller.id)
        throw new Refusal('not-allowed', 'Only the person who asked can take a request back.');
      if (request.state === 'withdrawn') return;
      const step = await stepRequest(trx, request, 'withdrawn', caller.id, { approvals: 0 });
      if (!step.moved) throw await settledAlready(trx, request);
    });
    return reread(caller, params.id);
  });
}

/** Runs `effect` the first time a call comes; the same call again gives the same resource without a second effect. */
async function once(trx: Trx, call: Call, effect: () => Promise<string>): Promise<string> {
  const earlier = await lookUp(trx, call);
  switch (earlier.is) {
    case 'same':
      return earlier.resourceId;
    case 'another body':
      throw new Refusal('key-reused', 'This Idempotency-Key was used for something else. Use a new one.');
    case 'in progress':
      throw new Refusal('in-progress', 'The same call is still being worked on. Try again in a moment.');
    case 'first': {
      const resourceId = await effect();
      await remember(trx, call, resourceId);
      return resourceId;
    }
  }
}

async function createRequest(trx: Trx, context: Context, caller: Caller, body: NewRequest): Promise<string> {
  const template = context.templates().get(body.template);
  if (!template) throw new Refusal('template-gone', 'This template is no longer there. Choose another one.');
  if (!mayRequest(caller, template)) throw notForYou(context, template);
  const shown = present(template, context.config);
  if (shown.digest !== body.templateDigest)
    throw new Refusal(
      'changed-meanwhile',
      'This template changed while you chose. Look at it again before you ask.',
    );
  checkTerms(template, shown, body);
  const quorum = template.approveBy.length > 0 ? 1 : 0;
  if (quorum > 0 && (await countPending(trx, caller.id)) >= mostPending)
    throw new Refusal(
      'too-many-pending',
      `You have ${mostPending} requests waiting. Withdraw one, or wait for an answer.`,
    );

  const durationSeconds = secondsOf(body.duration);
  const request = await insertRequest(trx, {
    id: randomUUID(),
    requester: caller.id,
    template_id: template.id,
    template: JSON.stringify(shown),
    scope: JSON.stringify(template.scope),
    target: template.target,
    duration_s: durationSeconds,
    reason: body.reason,
    ticket: body.ticket ?? null,
    digest: digestOf({
      requester: caller.id,
      template: shown,
      target: template.target,
      scope: template.scope,
      durationSeconds,
      reason: body.reason,
      ticket: body.ticket ?? null,
    }),
    approve_by: [...template.approveBy],
    revoke_by: [...template.revokeBy],
    quorum,
    state: 'pending',
    answer_by: await inSeconds(trx, context.config.requests.answerWithinSeconds),
  });
  if (quorum === 0) {
    await stepRequest(trx, request, 'decided: approve', null, { approvals: 0 });
    await insertGrant(trx, request, {
      approvedBy: null,
      activateWithinSeconds: context.config.requests.activateWithinSeconds,
    });
  }
  return request.id;
}

function checkTerms(template: ResolvedTemplate, shown: Template, body: NewRequest): void {
  if (secondsOf(body.duration) > template.duration.longestSeconds)
    throw new Refusal('too-long', `Longest for this template: ${spokenDuration(shown.duration.longest)}.`);
  const ticket = template.ticket;
  if (!ticket) {
    if (body.ticket !== undefined)
      throw new Refusal('ticket-needed', 'This template takes no ticket. Leave it out.');
    return;
  }
  if (body.ticket === undefined) {
    if (ticket.required)
      throw new Refusal(
        'ticket-needed',
        `This template needs a ticket like ${ticket.hint ?? ticket.pattern}.`,
      );
    return;
  }
  if (!ticketExpression(ticket.pattern).test(body.ticket))
    throw new Refusal('ticket-needed', `The ticket must look like ${ticket.hint ?? ticket.pattern}.`);
}

async function decide(
  trx: Trx,
  context: Context,
  caller: Caller,
  id: string,
  body: NewDecision,
): Promise<string> {
  const request = await lockRequest(trx, id);
  const auditors = context.config.audit.by;
  if (!request || !maySee(caller, ruleOf(request), auditors)) throw notFound();
  if (request.requester === caller.id)
    throw new Refusal('not-allowed', 'Nobody decides on their own request.');
  if (!mayDecide(caller, ruleOf(request)))
    throw new Refusal('not-allowed', `Members of ${request.approve_by.join(' or ')} decide on this.`);
  if (request.state !== 'pending') throw await settledAlready(trx, request);
  if (body.digest !== request.digest)
    throw new Refusal('changed-meanwhile', 'This is not what you were shown. Look at the request again.');
  const approvals = (await decisionsOn(trx, [id])).filter((one) => one.verdict === 'approve').length;
  const step = await stepRequest(
    trx,
    request,
    body.verdict === 'approve' ? 'decided: approve' : 'decided: deny',
    caller.id,
    {
      approvals: approvals + (body.verdict === 'approve' ? 1 : 0),
      ...(body.comment === undefined ? {} : { comment: body.comment }),
    },
  );
  if (!step.moved) throw await settledAlready(trx, request);
  const decisionId = await insertDecision(trx, {
    requestId: id,
    personId: caller.id,
    verdict: body.verdict,
    comment: body.comment,
    digest: body.digest,
  });
  if (step.state === 'approved')
    await insertGrant(trx, request, {
      approvedBy: caller.id,
      activateWithinSeconds: context.config.requests.activateWithinSeconds,
    });
  return decisionId;
}

/** Who settled it, for somebody who came too late. */
async function settledAlready(trx: Trx, request: RequestRow): Promise<Refusal> {
  const [decision] = await decisionsOn(trx, [request.id]);
  const by = decision
    ? (await peopleById(trx, [decision.person_id])).get(decision.person_id)?.name
    : undefined;
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

function notForYou(context: Context, { requestBy }: ResolvedTemplate): Refusal {
  return new Refusal(
    'not-allowed',
    `Members of ${requestBy.join(' or ')} may request this. ${whomToAsk(context)}`,
  );
}

const refusalEveryMs = 60_000;

/** Refused attempts stand in the audit log, each person's of each template once a minute: no flood of them fills it. */
class Refusals {
  readonly #last = new Map<string, number>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async record(caller: Caller, template: ResolvedTemplate): Promise<void> {
    const now = performance.now();
    for (const [what, at] of this.#last) if (now - at >= refusalEveryMs) this.#last.delete(what);
    const what = `${caller.id} ${template.id}`;
    if (this.#last.has(what)) return;
    this.#last.set(what, now);
    await this.#store.transaction((trx) =>
      append(trx, {
        action: 'request refused',
        actor: caller.id,
        resource: 'person',
        resourceId: caller.id,
        target: template.target,
        detail: { template: template.id, why: 'not a member of a group that may request it' },
      }),
    );
  }
}

function whomToAsk({ config }: Context): string {
  return config.organisation.ask ? `Ask ${config.organisation.ask}.` : '';
}

function notFound(): Refusal {
  return new Refusal('not-found', 'There is no such request, or you have no part in it.');
}
