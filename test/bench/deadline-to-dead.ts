import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { Benchmark } from './benchmark.ts';
import { rounded, spoken, spreadOf } from './numbers.ts';
import { goneAt, makeBareLogins, newSecret } from './stage/logins.ts';
import { Stage } from './stage/stage.ts';

const samples = 1_000;
const mostRatio = 5;
const quietMachineMs = 50;
const busyCallers = 4;

/**
 * A lease of 2 s begins at each turn's start, so that it ends 110 ms and what its issue took into a later turn, by itself; the bare script's
 * deadline comes near the turn's end.
 */
const turnMs = 270;
const duration = 'PT2S';
const bareFromMs = 195;
const bareAfterMs = 60;
const patienceMs = 30_000;

/**
 * From the deadline to the closed socket, as a client sees it: under a lease that ends by the clock, and with a script
 * that sleeps until the deadline and terminates.
 */
const deadline = (callers: number, secondBroker = false): Pick<Benchmark, 'run'> => ({
  async run(surroundings) {
    const stage = await Stage.open(surroundings, { secondBroker });
    const shop = await stage.shop();
    const bareLogin = await makeBareLogins(shop, 1);
    const ours: Promise<number>[] = [];
    const theirs: number[] = [];
    const load = callWithoutEnd(stage, callers);
    const start = performance.now();
    for (let turn = 0; turn <= samples && !surroundings.signal.aborted; turn += 1) {
      if (turn % 100 === 0) surroundings.progress(`${turn} of ${samples}`);
      await until(start + turn * turnMs);
      const late = underLease(stage);
      // Awaited at the end, and by then it may have failed long ago.
      late.catch(() => undefined);
      ours.push(late);
      await until(start + turn * turnMs + bareFromMs);
      theirs.push(await byScript(stage, shop, bareLogin));
    }
    const late = await Promise.all(ours);
    const calls = await load.stop();
    const seconds = (performance.now() - start) / 1000;
    // The first of each warms up.
    const [product, bare] = [spreadOf(late.slice(1)), spreadOf(theirs.slice(1))];
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
        ...(callers > 0 ? [`${Math.round(calls / seconds)} calls a second besides`] : []),
      ],
      obstacles: [],
    };
  },
});

export const deadlineToDead: Benchmark = {
  name: 'deadline-to-dead',
  what: 'from a lease’s end to its dead connection, against a timer and a terminate',
  ...deadline(0),
};

export const deadlineUnderLoad: Benchmark = {
  name: 'deadline-under-load',
  what: `the same while ${busyCallers} callers ask the broker for their requests without a pause`,
  ...deadline(busyCallers),
};

export const deadlineTwoBrokers: Benchmark = {
  name: 'deadline-two-brokers',
  what: 'a lease’s end to its dead connection where two brokers share database and target',
  ...deadline(0, true),
};

export const deadlineTwoBrokersUnderLoad: Benchmark = {
  name: 'deadline-two-brokers-under-load',
  what: `the same while ${busyCallers} callers ask without a pause`,
  ...deadline(busyCallers, true),
};

/** Callers of whom each asks again as soon as it is answered; `stop` gives how many calls it was in all. */
function callWithoutEnd(stage: Stage, callers: number): { stop: () => Promise<number> } {
  let over = false;
  let calls = 0;
  const calling = async () => {
    for (; !over; calls += 1) {
      const { status } = await stage.call('GET', '/v1/requests');
      // What is refused at once is no load.
      if (status !== 200) throw new Error(`A call was answered with ${status}.`);
    }
  };
  const all = Promise.allSettled(Array.from({ length: callers }, calling));
  return {
    async stop() {
      over = true;
      for (const caller of await all)
        if (caller.status === 'rejected')
          throw new Error('The broker did not answer under load.', { cause: caller.reason });
      return calls;
    },
  };
}

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
