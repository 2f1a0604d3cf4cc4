import type { FastifyInstance } from 'fastify';
import { secondsOf } from '../../contract/durations.ts';
import { routes } from '../../contract/routes.ts';
import type { Context } from '../context.ts';
import { mayRequest } from '../rules/policy.ts';
import { present } from '../templates/present.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';
import { outlookFor } from './verdict.ts';

export function templateRoutes(app: FastifyInstance, context: Context): void {
  const { config, templates } = context;
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

  handle(app, routes.outlook, ({ caller, params, query }) => {
    const template = templates().get(params.template);
    if (!template || !mayRequest(caller, template))
      throw new Refusal('not-found', 'There is no such template for you.');
    return outlookFor(context, caller, template, secondsOf(query.duration));
  });
}
