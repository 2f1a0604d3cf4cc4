import assert from 'node:assert/strict';
import { fuzz } from './fuzz.ts';
import { surfaces } from './surfaces.ts';

/** In all, each surface its share of them; many more: `npm run fuzz`. */
const inputs = 9_000;

describe('Hostile inputs', () => {
  // The same ones each time: what CI says is about the change that it looks at.
  for (const surface of surfaces)
    it(`do no harm: ${surface.name}`, async function () {
      this.timeout(120_000);
      const totals = await fuzz([surface], (inputs * surface.share) / 1_000, 1);
      assert.deepEqual(
        totals.flatMap(({ failures }) => failures),
        [],
      );
      assert.ok(totals.every((total) => total.inputs > 0));
    });
});
