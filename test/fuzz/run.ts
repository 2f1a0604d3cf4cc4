/** `npm run fuzz -- --inputs 1000000 [--seed S] [--only part-of-a-name]`: prints a table, failures, and one total. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { heading, row, totalLine, type Total } from './fuzz.ts';
import type { Surface } from './surface.ts';
import { surfaces } from './surfaces.ts';

/** How many surfaces are fed at once. */
const atOnce = 3;

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
const shares = chosen.reduce((sum, { share }) => sum + share, 0);

function feed({ name, share }: Surface): Promise<Total> {
  const child = fork(join(import.meta.dirname, 'one.ts'), [
    name,
    String(Math.ceil((inputs * share) / shares)),
    String(seed),
  ]);
  return new Promise((resolve) => {
    child.once('message', (total) => resolve(total as Total));
    child.once('exit', (code) =>
      resolve({
        surface: name,
        inputs: 0,
        overHttp: 0,
        reachedSql: 0,
        seconds: 0,
        failures: [`${name}: its process ended (${code ?? 'killed'}).`],
      }),
    );
  });
}

console.log(heading);
const totals: Total[] = [];
// What takes longest begins first.
const waiting = [...chosen];
const lane = async () => {
  for (let surface = waiting.pop(); surface; surface = waiting.pop()) {
    const total = await feed(surface);
    totals.push(total);
    console.log(row(total));
  }
};
await Promise.all(Array.from({ length: atOnce }, lane));
const failures = totals.flatMap((total) => total.failures);
for (const failure of failures) console.log(`\n${failure}`);
console.log(`\n${totalLine(totals, seed)}`);
process.exit(failures.length > 0 ? 1 : 0);
