/** `npm run fuzz -- --inputs 1000000 [--seed S] [--only part-of-a-name]`: prints a table, failures, and one total. */
import { parseArgs } from 'node:util';
import { fuzz, heading, totalLine } from './fuzz.ts';
import { surfaces } from './surfaces.ts';

const { values } = parseArgs({
  options: { inputs: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
});
const inputs = Number(values.inputs ?? 100_000);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const chosen = surfaces.filter(({ name }) => values.only === undefined || name.includes(values.only));
if (!(inputs > 0) || !Number.isSafeInteger(seed) || chosen.length === 0) {
  console.error('Usage: npm run fuzz -- [--inputs 1000000] [--seed 1] [--only HTTP]');
  process.exit(2);
}

console.log(heading);
const totals = await fuzz(chosen, inputs, seed, console.log);
const failures = totals.flatMap((total) => total.failures);
for (const failure of failures) console.log(`\n${failure}`);
console.log(`\n${totalLine(totals, seed)}`);
process.exit(failures.length > 0 ? 1 : 0);
