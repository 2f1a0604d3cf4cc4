import { RequestList } from '../../src/contract/requests.ts';
import type { Benchmark } from './benchmark.ts';
import { rounded, spoken, spreadOf, type Spread } from './numbers.ts';
import { inLanes } from './stage/lanes.ts';
import { addRequests } from './stage/past-requests.ts';
import { Stage } from './stage/stage.ts';

/** Of so many, so many wait. A window reads the 250 that matter most: those that wait, and the newest others. */
const stored = [
  { all: 10, waiting: 8 },
  { all: 250, waiting: 200 },
  { all: 10_000, waiting: 200 },
];
const engineers = 40;
const lanes = 10;
const samples = 100;
const warmUps = 20;
const mostRatio = 1.5;

/**
 * What a lead's window reads when it opens, and again whenever it may have missed something. Bare is the same list while
 * nothing but what stands in it is stored.
 */
export const requestsList: Benchmark = {
  name: 'requests-list',
  what: 'the list of requests with 10, 250 and 10,000 stored',
  async run(surroundings) {
    const stage = await Stage.open(surroundings, { others: engineers, leads: 1 });
    const [lead = ''] = stage.leadTokens;
    await inLanes(stage.otherTokens, lanes, (token) => stage.call('GET', '/v1/me', undefined, token));
    const approved = await stage.ask(stage.otherTokens[0]);
    await stage.approve(approved, lead);
    const waiting = await stage.ask(stage.otherTokens[1]);
    const state = await stage.state();
    let [all, wait] = [2, 1];
    const found: { readonly all: number; readonly recent: Listed; readonly open: Listed }[] = [];
    for (const wanted of stored) {
      const more = { waiting: wanted.waiting - wait, approved: wanted.all - all - (wanted.waiting - wait) };
      await addRequests(state, stage.macs, { waiting, approved }, more);
      ({ all, waiting: wait } = wanted);
      surroundings.progress(`reading the lists with ${all} stored`);
      await stage.quiet();
      const recent = await list(stage, lead, 'recent');
      found.push({ all, recent, open: await list(stage, lead, 'open') });
    }
    const [, shown, most] = found;
    if (!shown || !most) throw new Error('Nothing was measured.');
    const met = most.recent.took.p50 <= mostRatio * shown.recent.took.p50;
    const said = ({ count, kb, took }: Listed) => `${count} in ${rounded(kb)} KB, ${spoken(took)}`;
    return {
      value: most.recent.took.p50,
      unit: 'ms',
      bare: shown.recent.took.p50,
      aim: `p50 with 10,000 stored ≤ ${mostRatio} × with 250, all of which are in the list`,
      met,
      details: found.map(
        ({ all: of, recent, open }) =>
          `${of.toLocaleString('en')} stored: recent ${said(recent)}; open ${said(open)}`,
      ),
      obstacles: [],
    };
  },
};

interface Listed {
  readonly count: number;
  readonly kb: number;
  readonly took: Spread;
}

async function list(stage: Stage, lead: string, which: 'recent' | 'open'): Promise<Listed> {
  const took: number[] = [];
  let [count, kb] = [0, 0];
  for (let turn = -warmUps; turn < samples; turn += 1) {
    const { body, ms } = await stage.call('GET', `/v1/requests?which=${which}`, undefined, lead);
    if (turn >= 0) took.push(ms);
    else {
      count = RequestList.parse(body).requests.length;
      kb = JSON.stringify(body).length / 1024;
    }
  }
  return { count, kb, took: spreadOf(took) };
}
