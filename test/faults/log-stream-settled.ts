import { setTimeout as pause } from 'node:timers/promises';
import type { Found } from './found.ts';
import { violationsInLogs, type Mark } from './log-stream.ts';
import { brokerNames } from './schedule.ts';
import type { World } from './world.ts';

/** What has a number is in the logs within so many ms, where nothing stands in the way. */
const loggedWithinMs = 5_000;

/** Violations in the logs of brokers that run, as soon as there are none, or when they had their time. */
export async function logged(
  { brokers }: Pick<World, 'brokers'>,
  { events }: Pick<Found, 'events'>,
  marks: readonly Mark[],
): Promise<string[]> {
  const giveUpAt = performance.now() + loggedWithinMs;
  for (;;) {
    const logs = new Map(brokerNames.map((name) => [name, brokers[name].log.lives] as const));
    const violations = violationsInLogs(events, logs, marks);
    if (violations.length === 0 || performance.now() > giveUpAt) return violations;
    await pause(100);
  }
}
