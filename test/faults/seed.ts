import { setTimeout as pause } from 'node:timers/promises';
import { find } from './found.ts';
import { Injector } from './inject.ts';
import { violationsOf } from './invariants.ts';
import { Ledger } from './ledger.ts';
import { People } from './people.ts';
import { scheduleOf, type FaultKind, type Size } from './schedule.ts';
import { logged } from './log-stream-settled.ts';
import { settle } from './settle.ts';
import { Watch } from './watch.ts';
import { startWorld } from './world.ts';

/** What became of one seed. */
export interface Outcome {
  readonly seed: number;
  /** Faults that fell inside an operation, by kind. */
  readonly counts: ReadonlyMap<FaultKind, number>;
  readonly violations: readonly string[];
  /** Kinds that cannot be made on this machine, with why. */
  readonly impossible: ReadonlyMap<FaultKind, string>;
  readonly accesses: number;
  readonly leases: number;
  readonly receipts: number;
  readonly seconds: number;
  /** From the last fault until everything was over. */
  readonly settledAfterMs: number;
}

/** Whatever a seed holds is done within so many ms, or something hangs. */
const doneWithinMs = 15 * 60_000;

async function tooLong(): Promise<never> {
  await pause(doneWithinMs, undefined, { ref: false });
  throw new Error(`Its faults were not done within ${doneWithinMs / 60_000} minutes.`);
}

/** One world, from its start to its end, with everything that a seed holds for it. */
export async function runSeed(seed: number, size?: Size): Promise<Outcome> {
  const begun = performance.now();
  const schedule = scheduleOf(seed, size);
  const world = await startWorld();
  try {
    const ledger = new Ledger();
    const people = new People(world, schedule, ledger);
    const watch = new Watch(world, ledger);
    const injector = new Injector(world);
    await people.begin();
    watch.begin();
    try {
      await Promise.race([injector.inject(schedule), tooLong()]);
    } finally {
      await people.stop();
    }
    const settled = await settle(world);
    await watch.end();
    const found = await find(world.store, world.targets);
    const inLogs = await logged(world, found, watch.marks);
    const left = await world.leaks(ledger.credentials);
    return {
      seed,
      counts: injector.counts,
      impossible: injector.impossible,
      violations: [
        ...new Set([
          ...watch.violations,
          ...settled.violations,
          ...violationsOf(found, ledger),
          ...inLogs,
          ...left,
        ]),
      ],
      accesses: people.lives,
      leases: found.leases.length,
      receipts: found.leases.filter(({ hasReceipt }) => hasReceipt).length,
      seconds: (performance.now() - begun) / 1000,
      settledAfterMs: settled.tookMs,
    };
  } finally {
    await world.stop();
  }
}
