import assert from 'node:assert/strict';
import { SharedReads } from '../../src/broker/http/shared-reads.ts';

describe('what many read at the same moment', () => {
  /** Reads that end when they are told to; each gives its number. */
  const openReads = () => {
    const reads = new SharedReads<number>();
    const open: { end: () => void; fail: () => void }[] = [];
    const read = (name = 'one') =>
      reads.of(name, () => {
        const number = open.length + 1;
        return new Promise<number>((resolve, reject) =>
          open.push({ end: () => resolve(number), fail: () => reject(new Error(`read ${number}`)) }),
        );
      });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    return { read, open, turn };
  };

  it('is read once for all who ask while it is read, and after they asked', async () => {
    const { read, open, turn } = openReads();
    const first = read();
    const others = [read(), read(), read()];
    await turn();
    assert.equal(open.length, 1, 'the others wait for the next');
    open[0]?.end();
    assert.equal(await first, 1);
    await turn();
    const later = read();
    assert.equal(open.length, 2);
    open[1]?.end();
    assert.deepEqual(await Promise.all(others), [2, 2, 2]);
    await turn();
    open[2]?.end();
    assert.equal(await later, 3, 'not the one that had begun before it was asked for');
  });

  it('is read at once where nobody reads it, and other things beside it', async () => {
    const { read, open, turn } = openReads();
    const [one, another] = [read('one'), read('another')];
    assert.equal(open.length, 2);
    for (const each of open) each.end();
    assert.deepEqual(await Promise.all([one, another]), [1, 2]);
    await turn();
    void read('one');
    assert.equal(open.length, 3);
  });

  it('that it fails is told those who shared it, and the next is tried', async () => {
    const { read, open, turn } = openReads();
    const first = read();
    const next = read();
    open[0]?.fail();
    await assert.rejects(first, /read 1/);
    await turn();
    open[1]?.end();
    assert.equal(await next, 2);
  });
});
