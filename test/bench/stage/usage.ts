import { setTimeout as pause } from 'node:timers/promises';
import type { Usage } from './messages.ts';

/** What this process uses, once its garbage is gone where it may collect it (`--expose-gc`). */
export async function usageOfProcess(): Promise<Usage> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await pause(50);
  }
  const { user, system } = process.cpuUsage();
  return { memory: process.memoryUsage().rss, processorMs: (user + system) / 1000 };
}
