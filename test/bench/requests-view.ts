import { requestNodes } from '../../src/extension/views/requestNodes.ts';
import { standingOf } from '../../src/extension/views/standing.ts';
import { withRequest } from '../../src/extension/state/learn.ts';
import { ana, ben, inMs, now, request, toLocal, world } from '../unit/support/samples.ts';
import type { Benchmark } from './benchmark.ts';
import { rounded, spoken, spreadOf, type Spread } from './numbers.ts';

const few = 10;
const many = 10_000;
/** What a window reads at its start, at most. */
const read = 250;
const samples = 50;
const warmUps = 10;
const mostMs = 50;

/**
 * What a lead's window does when it is told of a change of one of many requests: the change, and the view "Requests" made
 * anew. Bare is the same with few. What VS Code does with the result is not in it.
 */
export const requestsView: Benchmark = {
  name: 'requests-view',
  what: 'a change, and the view of requests made anew, with 10,000 requests, against 10',
  run() {
    const [ten, listed, all] = [change(few), change(read), change(many)];
    const settled = change(many, many - read);
    const value = all.took.p50;
    const line = ({ took, kb }: Changed) => `${spoken(took)}, ${rounded(kb)} KB shown`;
    const met = value <= mostMs;
    return Promise.resolve({
      value,
      unit: 'ms',
      bare: ten.took.p50,
      aim: `p50 ≤ ${mostMs} ms`,
      met,
      details: [
        `${many.toLocaleString('en')}, all waiting for the person here: ${line(all)}`,
        `${many.toLocaleString('en')} of which ${read} wait: ${line(settled)}`,
        `${read}: ${line(listed)}`,
        `${few}: ${line(ten)}`,
      ],
      obstacles: [],
    });
  },
};

interface Changed {
  readonly took: Spread;
  /** What the view holds, as text. */
  readonly kb: number;
}

function change(requests: number, settled = 0): Changed {
  const may = { withdraw: false, decide: true, approve: true, write: true };
  const terms = ['GRANT SELECT ON sales.orders', 'GRANT UPDATE (status, updated_at) ON sales.orders'];
  const known = Array.from({ length: requests }, (_, n) =>
    request({
      createdAt: inMs(-n * 1000),
      requester: ana,
      terms,
      may,
      ...(n < settled ? { state: 'approved', may: { ...may, decide: false, approve: false } } : {}),
    }),
  );
  let here = world(ben, { requests: known });
  const took: number[] = [];
  let kb = 0;
  for (let turn = -warmUps; turn < samples; turn += 1) {
    const one = known.at(turn % requests);
    if (!one) throw new Error('There is no request.');
    const changed = { ...one, version: warmUps + turn + 2 };
    const began = performance.now();
    here = withRequest(changed)(here);
    const shown = JSON.stringify(requestNodes(standingOf(here, now), { me: ben.id, now, toLocal }));
    if (turn >= 0) took.push(performance.now() - began);
    kb = shown.length / 1024;
  }
  return { took: spreadOf(took), kb };
}
