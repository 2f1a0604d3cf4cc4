/** One surface in a process of its own, so that none delays another's answers: name, inputs, seed. */
import { fuzz } from './fuzz.ts';
import { surfaces } from './surfaces.ts';

const [name, inputs, seed] = process.argv.slice(2);
const [total] = await fuzz(
  surfaces.filter((surface) => surface.name === name),
  Number(inputs),
  Number(seed),
);
process.send?.(total, () => process.exit(0));
