import assert from 'node:assert/strict';
import { askOnce } from '../../src/extension/commands/askOnce.ts';

describe('a question that is before somebody already', () => {
  it('is not asked again by a second click, and can be once it is answered', async () => {
    const answers: ((answer: string | undefined) => void)[] = [];
    const ask = () => new Promise<string | undefined>((resolve) => answers.push(resolve));
    const first = askOnce('end a', ask);
    assert.equal(await askOnce('end a', ask), undefined);
    const other = askOnce('end b', ask);
    assert.equal(answers.length, 2);
    answers[0]?.('End now');
    answers[1]?.(undefined);
    assert.deepEqual(await Promise.all([first, other]), ['End now', undefined]);
    const again = askOnce('end a', ask);
    answers[2]?.('End now');
    assert.equal(await again, 'End now');
  });

  it('can be asked again after it failed', async () => {
    await assert.rejects(askOnce('end c', () => Promise.reject(new Error('no window'))));
    assert.equal(await askOnce('end c', () => Promise.resolve('End now')), 'End now');
  });
});
