import assert from 'node:assert/strict';
import { nothingThere, nothingToRequest } from '../../src/extension/commands/help.ts';
import { template } from './support/samples.ts';

const none = 'You have no access that a terminal could be opened for.';
const empty = { forGroups: ['payments'], yourGroups: ['auditors'], ask: 'Ben Roth or #platform' };

describe('what is said to somebody who finds nothing', () => {
  it('says whom to ask before it says why', () => {
    assert.equal(
      nothingToRequest({ templates: [], empty }),
      'You may request nothing yet. Ask Ben Roth or #platform; templates appear for members of payments; you are in auditors.',
    );
    assert.equal(
      nothingToRequest({ templates: [], empty: { forGroups: ['a', 'b'], yourGroups: [] } }),
      'You may request nothing yet. Templates appear for members of a or b; you are in no group.',
    );
    assert.equal(
      nothingToRequest({ templates: [] }),
      'You may request nothing yet. Your organisation has no templates yet.',
    );
  });

  it('offers a request only to somebody who may request something', () => {
    const may = { templates: { templates: [template()] } };
    assert.deepEqual(nothingThere(may, none, 'request'), { text: none, help: 'request' });
    const mayNot = nothingThere({ templates: { templates: [], empty } }, none, 'request');
    assert.equal(mayNot.help, 'templates');
    assert.match(mayNot.text, /could be opened for\. You may request nothing yet\. Ask Ben Roth/);
    assert.deepEqual(nothingThere({ templates: { templates: [], empty } }, none, 'requests'), {
      text: none,
      help: 'requests',
    });
  });
});
