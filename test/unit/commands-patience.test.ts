import assert from 'node:assert/strict';
import { patiently } from '../../src/extension/commands/patience.ts';

describe('work that may take time', () => {
  it('says nothing where it is done before anybody notices', async () => {
    const said: string[] = [];
    const quick = Promise.resolve('sent');
    assert.equal(await patiently(quick, [{ afterMs: 1, do: () => said.push('asking') }]), 'sent');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(said, []);
  });

  it('says one thing after the other while it lasts, and fails as the work does', async () => {
    const said: string[] = [];
    let fail = (_error: Error): void => undefined;
    const slow = new Promise<never>((_resolve, reject) => (fail = reject));
    const waiting = patiently(slow, [
      { afterMs: 1, do: () => said.push('asking') },
      {
        afterMs: 5,
        do: () => {
          said.push('slow');
          fail(new Error('no answer'));
        },
      },
    ]);
    await assert.rejects(waiting, /no answer/);
    assert.deepEqual(said, ['asking', 'slow']);
  });
});
