import pg from 'pg';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { Benchmark } from './benchmark.ts';
import { rounded, spoken, spreadOf } from './numbers.ts';
import { bareConnection, bareConnections, bareDecision, makeBareStore } from './stage/bare-store.ts';
import { inLanes } from './stage/lanes.ts';
import { Stage } from './stage/stage.ts';

const rounds = 5;
/** Of each engineer as many requests wait as may. */
const engineers = 100;
const waitingEach = 3;
const perRound = engineers * waitingEach;
const leads = 10;
const lanes = 16;
/** Ten times the busiest minute of 100,000 engineers: docs/figures.md says what is assumed. */
const leastASecond = 42;

/**
 * Approvals as fast as leads can send them, each for a request of its own, against a script with as many connections as
 * a broker has for writing that writes the same rows. Both take turns.
 */
export const decisions: Benchmark = {
  name: 'decisions',
  what: 'decisions a second, against their transactions from a bare script',
  async run(surroundings) {
    const { progress, signal } = surroundings;
    const stage = await Stage.open(surroundings, { others: engineers, leads });
    const like = await stage.ask(stage.otherTokens[0]);
    await stage.approve(like, stage.leadTokens[0] ?? '');
    const bareRequests = await makeBareStore(stage.shopServer, like, (rounds + 1) * perRound);
    const pool = new pg.Pool({ ...bareConnection(stage.shopServer), max: bareConnections });
    surroundings.atEnd(() => pool.end());

    const [ours, theirs]: [Round[], Round[]] = [[], []];
    let queries = 0;
    // The first of each warms up.
    for (let round = 0; round <= rounds && !signal.aborted; round += 1) {
      progress(`round ${round} of ${rounds}`);
      const asking = stage.otherTokens.flatMap((token) => Array<string>(waitingEach).fill(token));
      const waiting = await inLanes(asking, lanes, (token) => stage.ask(token));
      await stage.quiet();
      const before = await stage.queries();
      const product = await timed(waiting, (request: AccessRequest, n) =>
        stage.approve(request, stage.leadTokens[n % leads] ?? ''),
      );
      const sent = (await stage.queries()) - before;
      await stage.quiet();
      const bare = await timed(bareRequests.splice(0, perRound), (id) => byScript(pool, id));
      if (round === 0) continue;
      ours.push(product);
      theirs.push(bare);
      queries += sent;
    }
    const value = aSecond(ours);
    const met = value >= leastASecond;
    return {
      value,
      unit: 'a second',
      bare: aSecond(theirs),
      aim: `≥ ${leastASecond}, ten times the busiest minute of 100,000 engineers`,
      met,
      details: [
        `${lanes} at once; each answered within ${spoken(spreadOf(ours.flatMap(({ took }) => took)))}; bare ${spoken(spreadOf(theirs.flatMap(({ took }) => took)))}`,
        `${rounded(queries / (rounds * perRound))} queries a decision, of its answer and of its events as well; the script sends 8`,
      ],
      obstacles: [],
    };
  },
};

interface Round {
  readonly seconds: number;
  /** Milliseconds of each. */
  readonly took: readonly number[];
}

async function timed<Item>(
  items: readonly Item[],
  decide: (item: Item, n: number) => Promise<unknown>,
): Promise<Round> {
  const began = performance.now();
  const took = await inLanes([...items.entries()], lanes, async ([n, item]) => {
    const sent = performance.now();
    await decide(item, n);
    return performance.now() - sent;
  });
  return { seconds: (performance.now() - began) / 1000, took };
}

function aSecond(all: readonly Round[]): number {
  const count = all.reduce((sum, { took }) => sum + took.length, 0);
  return count / all.reduce((sum, { seconds }) => sum + seconds, 0);
}

async function byScript(pool: pg.Pool, id: string): Promise<void> {
  const client = await pool.connect();
  try {
    await bareDecision(client, id);
  } finally {
    client.release();
  }
}
