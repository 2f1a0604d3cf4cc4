import type { FastifyInstance } from 'fastify';
import type { NewDecision, NewMessage } from '../../contract/requests.ts';
import { routes } from '../../contract/routes.ts';
import { append } from '../audit/append.ts';
import type { Context } from '../context.ts';
import { mayRequest, maySee } from '../rules/policy.ts';
import type { Store } from '../store/connect.ts';
import { hashOf, lookUp, remember, type Call } from '../store/idempotency.ts';
import { listRequests, requestById, ruleOf, type RequestRow } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import type { ResolvedTemplate } from '../templates/template.ts';
import type { Caller } from './caller.ts';
import { breakGlass } from './break-glass.ts';
import { claim, release } from './claims.ts';
import { decide, noRequest, withdraw } from './decisions.ts';
import { makeRequest, notForYou } from './make-request.ts';
import { ask } from './messages.ts';
import { aboutRequests, presentRequest, presentRequests, type AboutRequests } from './present-requests.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';
import { SharedReads } from './shared-reads.ts';

const listed = { open: 200, recent: 250 };

export function requestRoutes(app: FastifyInstance, context: Context): void {
  const { store } = context;
  const refusals = new Refusals(store);
  const auditors = context.config.audit.by;

  const stored = new SharedReads<RequestRow | undefined>();
  const shown = new SharedReads<AboutRequests>();
  const reread = async (caller: Caller, id: string) => {
    const row = await stored.of(id, () => requestById(store.db, id));
    if (!row || !maySee(caller, ruleOf(row), auditors)) throw noRequest();
    const about = await shown.of(`${id} ${row.version}`, () => aboutRequests(context, [row]));
    return presentRequest(context, caller, row, about);
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
      throw notForYou(context, template, { recorded: true });
    }
    const call: Call = { personId: caller.id, route: 'requests', key, bodyHash: hashOf(body) };
    const id = await store.transaction('request made', (trx) =>
      once(trx, call, () => makeRequest(trx, context, caller, body)),
    );
    return reread(caller, id);
  });

  handle(app, routes.decide, async ({ caller, params, body, key }) => {
    await decideOnce(context, caller, params.id, body, key);
    return reread(caller, params.id);
  });

  handle(app, routes.breakGlass, async ({ caller, params, body, key }) => {
    const call: Call = {
      personId: caller.id,
      route: `break-glass ${params.id}`,
      key,
      bodyHash: hashOf(body),
    };
    await store.transaction('glass broken', (trx) =>
      once(trx, call, () => breakGlass(trx, context, caller, params.id, body)),
    );
    return reread(caller, params.id);
  });

  handle(app, routes.withdrawRequest, async ({ caller, params }) => {
    await store.transaction('request withdrawn', (trx) => withdraw(trx, context, caller, params.id));
    return reread(caller, params.id);
  });

  handle(app, routes.claimRequest, async ({ caller, params, body }) => {
    await store.transaction('request claimed', (trx) => claim(trx, context, caller, params.id, body));
    return reread(caller, params.id);
  });

  handle(app, routes.releaseRequest, async ({ caller, params }) => {
    await store.transaction('claim released', (trx) => release(trx, context, caller, params.id));
    return reread(caller, params.id);
  });

  handle(app, routes.writeMessage, async ({ caller, params, body, key }) => {
    await askOnce(context, caller, params.id, body, key);
    return reread(caller, params.id);
  });
}

/** One person's word on a request, however often the same call comes. */
export async function decideOnce(
  context: Context,
  caller: Caller,
  id: string,
  body: NewDecision,
  key: string,
): Promise<void> {
  const call: Call = { personId: caller.id, route: `decisions ${id}`, key, bodyHash: hashOf(body) };
  await context.store.transaction('request decided', (trx) =>
    once(trx, call, () => decide(trx, context, caller, id, body)),
  );
}

/** A question or an answer on a request, however often the same call comes. */
export async function askOnce(
  context: Context,
  caller: Caller,
  id: string,
  body: NewMessage,
  key: string,
): Promise<void> {
  const call: Call = { personId: caller.id, route: `messages ${id}`, key, bodyHash: hashOf(body) };
  await context.store.transaction('message written', (trx) =>
    once(trx, call, () => ask(trx, context, caller, id, body.text)),
  );
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
    await this.#store.transaction('request refused', (trx) =>
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
