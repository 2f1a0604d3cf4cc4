/**
 * `npm run bench` measures everything; `npm run bench -- lease-issue vsix` those. With `--json`, standard output gets
 * one JSON array and nothing else. With `--figures`, docs/figures.md gets the rows of what was measured. Figures of a bare script stand beside the product's, from the same run.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Benchmark, Result } from './benchmark.ts';
import { activation } from './activation.ts';
import { brokerStart } from './broker-start.ts';
import { countdown } from './countdown.ts';
import { cut100, cut1000 } from './cut.ts';
import {
  deadlineToDead,
  deadlineTwoBrokers,
  deadlineTwoBrokersUnderLoad,
  deadlineUnderLoad,
} from './deadline-to-dead.ts';
import { decisionToSeen, decisionToSeenByAll } from './decision-to-seen.ts';
import { decisions } from './decisions.ts';
import { writeFigures } from './figures.ts';
import { flood } from './flood.ts';
import { leaseIssue } from './lease-issue.ts';
import { liveLeases } from './live-leases.ts';
import { json, table } from './report.ts';
import { requestsList } from './requests-list.ts';
import { requestsView } from './requests-view.ts';
import { requestToPrompt } from './request-to-prompt.ts';
import { vsix } from './vsix.ts';
import { connectedWindows } from './windows.ts';

const benchmarks: readonly Benchmark[] = [
  leaseIssue,
  liveLeases,
  deadlineToDead,
  deadlineUnderLoad,
  deadlineTwoBrokers,
  deadlineTwoBrokersUnderLoad,
  flood,
  cut100,
  cut1000,
  brokerStart,
  connectedWindows,
  decisionToSeen,
  decisionToSeenByAll,
  decisions,
  requestsList,
  requestsView,
  requestToPrompt,
  countdown,
  activation,
  vsix,
];

/** How long a benchmark that is interrupted may take to let go. */
const patienceMs = 60_000;

const words = process.argv.slice(2);
const asJson = words.includes('--json');
const intoFile = words.includes('--figures');
const names = words.filter((word) => !['--json', '--figures'].includes(word));
const unknown = names.filter((name) => !benchmarks.some((one) => one.name === name));
if (unknown.length > 0) {
  const known = benchmarks.map(({ name, what }) => `  ${name.padEnd(20)}${what}`).join('\n');
  console.error(`No benchmark is called ${unknown.join(' or ')}. There are:\n${known}`);
  process.exit(2);
}

const interrupted = new AbortController();
const ends: (() => Promise<unknown>)[] = [];
const endAll = async () => {
  for (let end = ends.pop(); end; end = ends.pop())
    await end().catch((error: unknown) => console.error('Could not clean up:', error));
};
let running: Promise<unknown> = Promise.resolve();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    console.error('Cleaning up…');
    interrupted.abort();
    const ended = running.catch(() => undefined);
    // What is taken away from a benchmark ends it; what it began meanwhile goes after it.
    void endAll()
      .then(() => Promise.race([ended, pause(patienceMs)]))
      .then(endAll)
      .finally(() => process.exit(130));
  });

// Whatever nobody waits for must not end this process before it has cleaned up.
process.on('unhandledRejection', (error) => console.error('Failed, and nobody waited for it:', error));

const results: Result[] = [];
for (const { name, run } of benchmarks.filter((one) => names.length === 0 || names.includes(one.name))) {
  const surroundings = {
    progress: (line: string) => console.error(`${name}: ${line}`),
    signal: interrupted.signal,
    atEnd: (end: () => Promise<unknown>) => void ends.push(end),
  };
  const measuring = run(surroundings);
  running = measuring;
  try {
    results.push({ name, ...(await measuring) });
  } catch (error) {
    if (interrupted.signal.aborted) break;
    process.exitCode = 1;
    console.error(`${name}:`, error);
    results.push({ ...notMeasured(error), name });
  }
  await endAll();
}
if (interrupted.signal.aborted) await new Promise(() => undefined);
if (asJson) {
  console.error(table(results));
  console.log(json(results));
} else console.log(table(results));
if (intoFile) await writeFigures(results);

function notMeasured(error: unknown): Omit<Result, 'name'> {
  const why = error instanceof Error ? error.message : String(error);
  const nothing = { value: null, unit: '', bare: null, aim: '', met: false };
  return { ...nothing, details: [], obstacles: [`it could not be measured: ${why}`] };
}
