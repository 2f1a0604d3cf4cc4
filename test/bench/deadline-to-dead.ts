import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { Benchmark } from './benchmark.ts';
import { rounded, spoken, spreadOf } from './numbers.ts';
import { goneAt, makeBareLogins, newSecret } from './stage/logins.ts';
import { Stage } from './stage/stage.ts';

const samples = 100;
const mostRatio = 5;
const quietMachineMs = 50;

/** A lease of 2 s begins at each turn's start, so that it ends 900 ms into the next: apart from everything else. */
const turnMs = 1_100;
const duration = 'PT2S';
const bareFromMs = 350;
const bareAfterMs = 150;
const patienceMs = 30_000;

/**
 * From the deadline to the closed socket, as a client sees it: under a lease that ends by the clock, and with a script
 * that sleeps until the deadline and terminates.
 */
export const deadlineToDead: Benchmark = {
  name: 'deadline-to-dead',
  what: 'from a lease’s end to its dead connection, against a timer and a terminate',
  async run(surroundings) {
    const stage = await Stage.open(surroundings);
    const shop = await stage.shop();
    const bareLogin = await makeBareLogins(shop, 1);
    const ours: Promise<number>[] = [];
    const theirs: number[] = [];
    const start = performance.now();
    for (let turn = 0; turn <= samples && !surroundings.signal.aborted; turn += 1) {
      if (turn % 20 === 0) surroundings.progress(`${turn} of ${samples}`);
      await until(start + turn * turnMs);
      const late = underLease(stage);
      // Awaited at the end, and by then it may have failed long ago.
      late.catch(() => undefined);
      ours.push(late);
      await until(start + turn * turnMs + bareFromMs);
      theirs.push(await byScript(stage, shop, bareLogin));
    }
    // The first of each warms up.
    const [product, bare] = [spreadOf((await Promise.all(ours)).slice(1)), spreadOf(theirs.slice(1))];
    const met = product.p99 <= mostRatio * bare.p99;
    return {
      value: product.p99,
      unit: 'ms',
      bare: bare.p99,
      aim: `p99 ≤ ${mostRatio} × bare; ≤ ${quietMachineMs} ms on a quiet machine`,
      met,
      details: [
        `Daypass: ${spoken(product)}`,
        `bare: ${spoken(bare)}; ratio at p50 ${rounded(product.p50 / bare.p50)}`,
      ],
      obstacles: [],
    };
  },
};

const until = (at: number) => pause(Math.max(at - performance.now(), 0));

async function underLease(stage: Stage): Promise<number> {
  const { password, verifier } = await newSecret();
  const { lease, connection } = await stage.lease(await stage.grant(duration), verifier);
  const client = await stage.shop({ user: connection.user, password });
  return (await goneAt(client, patienceMs)) - Date.parse(lease.expiresAt);
}

async function byScript(
  stage: Stage,
  shop: pg.Client,
  { roles, password }: { roles: readonly string[]; password: string },
): Promise<number> {
  const [user] = roles;
  const client = await stage.shop({ ...(user === undefined ? {} : { user }), password });
  const gone = goneAt(client, patienceMs);
  const deadline = Date.now() + bareAfterMs;
  await pause(deadline - Date.now());
  await shop.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [user]);
  return (await gone) - deadline;
}
