import assert from 'node:assert/strict';
import { runInBrowser } from './in-browser.ts';

// The suite runs as a whole inside VS Code, before Mocha here knows what there is to tell.
const results = await runInBrowser().catch((error: unknown) => [
  { title: 'the tests inside VS Code could be run', error: String(error) },
]);

describe('inside a real VS Code', () => {
  it('there are tests', () => assert.ok(results.length > 0));
  for (const { title, error } of results)
    it(title, () => {
      if (error !== null) assert.fail(error);
    });
});
