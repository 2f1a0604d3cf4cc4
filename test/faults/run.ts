/**
 * `npm run faults -- --seeds N [--seed S]`: N seeds from S on (a new one unless said), each a world of its own in which
 * everything goes wrong. A seed gives the same schedule of faults and of what people do again; the machine's timing, and
 * with it the operation that each fault falls into, is its own. Prints the faults that fell inside an operation by kind,
 * each violation with its seed, and the totals; ends with 1 where there was a violation.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runSeed, type Outcome } from './seed.ts';
import { byKind, totalLine } from './totals.ts';

const usage = 'Usage: npm run faults -- --seeds 10 [--seed 1]: whole numbers, of seeds at least one.';

function fromCommandLine(): { seeds: number; first: number } {
  const options = { seeds: { type: 'string' }, seed: { type: 'string' } } as const;
  try {
    const { values } = parseArgs({ options });
    const seeds = wholeNumber(values.seeds);
    const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber(values.seed);
    if (seeds > 0) return { seeds, first };
  } catch {
    // Told below like any other mistake.
  }
  console.error(usage);
  process.exit(2);
}

function wholeNumber(text: string | undefined): number {
  if (text === undefined || !/^\d{1,10}$/.test(text))
    throw new Error(`No whole number: ${text ?? 'nothing'}`);
  return Number(text);
}

const { seeds, first } = fromCommandLine();
execFileSync(process.execPath, ['build.js'], { stdio: ['ignore', 'ignore', 'inherit'] });

const outcomes: Outcome[] = [];
let broken = false;
for (let seed = first; seed < first + seeds; seed += 1) {
  try {
    const outcome = await runSeed(seed);
    outcomes.push(outcome);
    console.error(
      `seed ${seed}: ${totalLine([outcome])}; ${outcome.accesses} accesses, ${outcome.leases} leases, ${outcome.receipts} receipts; ${Math.round(outcome.seconds)} s, settled after ${(outcome.settledAfterMs / 1000).toFixed(1)} s`,
    );
    console.error(
      `  ${byKind([outcome])
        .map(([kind, count]) => `${kind} ${count}`)
        .join(', ')}`,
    );
    for (const violation of outcome.violations) console.log(`seed ${seed}: ${violation}`);
  } catch (error) {
    broken = true;
    console.log(
      `seed ${seed}: the harness itself failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
for (const [kind, why] of new Map(outcomes.flatMap(({ impossible }) => [...impossible]))) {
  console.log(`!! ${kind}: not tried, ${why}`);
  if (process.env['CI'] === 'true') broken = true;
}
for (const [kind, count] of byKind(outcomes)) console.log(`${String(count).padStart(7)} ${kind}`);
console.log(totalLine(outcomes));
process.exit(broken || outcomes.some(({ violations }) => violations.length > 0) ? 1 : 0);
