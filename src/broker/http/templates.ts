import type { FastifyInstance } from 'fastify';
import { routes } from '../../contract/routes.ts';
import type { Context } from '../context.ts';
import { mayRequest } from '../rules/policy.ts';
import { present } from '../templates/present.ts';
import { handle } from './server.ts';

export function templateRoutes(app: FastifyInstance, { config, templates }: Context): void {
  handle(app, routes.templates, ({ caller }) => {
    const all = [...templates().values()];
    const mine = all.filter((template) => mayRequest(caller, template));
    const byTargetThenTitle = mine.sort(
      (a, b) => a.target.localeCompare(b.target) || a.title.localeCompare(b.title),
    );
    return Promise.resolve({
      templates: byTargetThenTitle.map((template) => present(template, config)),
      ...(mine.length > 0
        ? {}
        : {
            empty: {
              forGroups: [...new Set(all.flatMap((template) => template.requestBy))].sort(),
              yourGroups: [...caller.groups],
              ...(config.organisation.ask ? { ask: config.organisation.ask } : {}),
            },
          }),
    });
  });
}
