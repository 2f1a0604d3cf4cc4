import type { FastifyInstance } from 'fastify';
import { routes } from '../../contract/routes.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';

export interface HealthParts {
  /** What works with less protection than it should. */
  readonly warnings: () => readonly string[];
  /** What has to be there before the broker can work, and is not; in words. */
  readonly waitingFor: () => Promise<readonly string[]>;
  /** How long one look answers everybody who asks, in milliseconds: anybody may ask, however often. */
  readonly looksEveryMs?: number;
}

/** `/healthz`: the process lives. `/readyz`: the broker can work, 503 where it cannot. */
export function healthRoutes(
  app: FastifyInstance,
  { warnings, waitingFor, looksEveryMs = 500 }: HealthParts,
): void {
  handle(app, routes.health, () => Promise.resolve({ status: 'ok' as const }));
  let last: { readonly at: number; readonly missing: Promise<readonly string[]> } | undefined;
  const look = () => {
    if (!last || performance.now() - last.at >= looksEveryMs)
      last = { at: performance.now(), missing: waitingFor() };
    return last.missing;
  };
  handle(app, routes.ready, async () => {
    const missing = await look();
    if (missing.length > 0) throw new Refusal('not-ready', `The broker waits for: ${missing.join('; ')}.`);
    return { ready: true, warnings: [...warnings()], waitingFor: [] };
  });
}
