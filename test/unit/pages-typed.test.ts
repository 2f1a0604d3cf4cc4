import assert from 'node:assert/strict';
import { macsWith } from '../../src/broker/integrity/macs.ts';
import { seal, unseal } from '../../src/broker/pages/typed.ts';
import { Secret } from '../../src/contract/secret.ts';

const macs = macsWith([new Secret('a key of at least thirty-two bytes, for this test')]);
const here = { personId: 'ben', requestId: 'one' };

describe('What was typed before a sign-in', () => {
  const comment = 'Use the replica: “sales” ✓';
  const sealed = seal(macs, here, { action: 'deny', given: { comment, proof: 'p', key: 'k' } });

  it('is there for the same person at the same request, and nothing else of the form is', () => {
    assert.deepEqual(unseal(macs, here, sealed), { action: 'deny', given: { comment } });
  });

  it('is kept however long a comment may be', () => {
    const given = { comment: '🌒'.repeat(250), text: '' };
    assert.deepEqual(unseal(macs, here, seal(macs, here, { action: 'deny', given })), {
      action: 'deny',
      given,
    });
  });

  it('is nothing to anybody else, at another request, or where it was changed', () => {
    assert.equal(unseal(macs, { ...here, personId: 'eva' }, sealed), undefined);
    assert.equal(unseal(macs, { ...here, requestId: 'two' }, sealed), undefined);
    const changed = `${sealed?.startsWith('A') ? 'B' : 'A'}${sealed?.slice(1)}`;
    for (const one of [undefined, '', 'AAAA', changed, sealed?.slice(0, -4)])
      assert.equal(unseal(macs, here, one), undefined);
  });

  it('is not kept where nothing was typed', () => {
    assert.equal(seal(macs, here, { action: 'approve', given: { digest: 'd' } }), undefined);
  });
});
