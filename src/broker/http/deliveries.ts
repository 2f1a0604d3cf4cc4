import type { FastifyInstance } from 'fastify';
import { routes } from '../../contract/routes.ts';
import type { Delivery } from '../../contract/telling.ts';
import type { Context } from '../context.ts';
import { maySee } from '../rules/policy.ts';
import { deliveriesOf, type DeliveryRow } from '../store/delivery.ts';
import { requestById, ruleOf } from '../store/request.ts';
import { noRequest } from './decisions.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';

/** What was said of a request through which channel, for those who audit. */
export function deliveryRoutes(app: FastifyInstance, { store, config }: Context): void {
  handle(app, routes.deliveries, async ({ caller, params }) => {
    const request = await requestById(store.db, params.id);
    if (!request || !maySee(caller, ruleOf(request), config.audit.by)) throw noRequest();
    if (!caller.audits) throw new Refusal('not-allowed', 'Members of the groups that audit read this.');
    return { deliveries: (await deliveriesOf(store.db, [params.id])).map(present) };
  });
}

function present(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    step: row.step,
    about: row.about,
    channel: row.channel,
    ...(row.on_call === null ? {} : { onCall: row.on_call }),
    ...(row.person === null ? {} : { person: row.person }),
    state: row.state,
    attempts: row.attempts,
    ...(row.planned_at ? { plannedAt: row.planned_at.toISOString() } : {}),
    ...(row.tried_at ? { triedAt: row.tried_at.toISOString() } : {}),
    ...(row.done_at ? { doneAt: row.done_at.toISOString() } : {}),
    ...(row.outcome === null ? {} : { outcome: row.outcome }),
  };
}
