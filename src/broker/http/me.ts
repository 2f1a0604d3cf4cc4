import type { FastifyInstance } from 'fastify';
import { routes } from '../../contract/routes.ts';
import type { Context } from '../context.ts';
import { groupsOf } from '../rules/quorum.ts';
import { handle } from './server.ts';

export function meRoute(app: FastifyInstance, { config, templates }: Context): void {
  handle(app, routes.me, ({ caller }) =>
    Promise.resolve({
      person: { id: caller.id, name: caller.name },
      groups: [...caller.groups],
      organisation: {
        name: config.organisation.name,
        ...(config.organisation.ask ? { ask: config.organisation.ask } : {}),
      },
      decides:
        caller.mayDecide &&
        [...templates().values()].some(({ needs, revokeBy }) =>
          [...groupsOf(needs), ...revokeBy].some((group) => caller.groups.includes(group)),
        ),
      audits: caller.audits,
      signedInUntil: caller.expiresAt.toISOString(),
    }),
  );
}
