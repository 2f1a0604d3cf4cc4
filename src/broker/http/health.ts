import type { FastifyInstance } from 'fastify';
import { routes } from '../../contract/routes.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';

export interface HealthParts {
  /** What works with less protection than it should. */
  readonly warnings: () => readonly string[];
  /** What has to be there before the broker can work, and is not; in words. */
  readonly waitingFor: () => Promise<readonly string[]>;
}

/** `/healthz`: the process lives. `/readyz`: the broker can work, 503 where it cannot. */
export function healthRoutes(app: FastifyInstance, { warnings, waitingFor }: HealthParts): void {
  handle(app, routes.health, () => Promise.resolve({ status: 'ok' as const }));
  handle(app, routes.ready, async () => {
    const missing = await waitingFor();
    if (missing.length > 0) throw new Refusal('not-ready', `The broker waits for: ${missing.join('; ')}.`);
    return { ready: true, warnings: [...warnings()], waitingFor: [] };
  });
}
