import assert from 'node:assert/strict';
import { SecondFactor } from '../../src/sandbox/provider/second-factor.ts';
import { codeOf, stepAt } from '../../src/sandbox/provider/totp.ts';

describe('the sandbox’s second factor', () => {
  it('makes the codes of RFC 6238, appendix B', () => {
    const key = Buffer.from('12345678901234567890');
    for (const [seconds, code] of [
      [59, '94287082'],
      [1111111109, '07081804'],
      [1111111111, '14050471'],
      [1234567890, '89005924'],
      [2000000000, '69279037'],
      [20000000000, '65353130'],
    ] as const)
      assert.equal(codeOf(key, stepAt(new Date(seconds * 1000)), 8), code);
  });

  const begun = Date.parse('2026-03-01T02:14:00Z');
  const authenticator = () => {
    let ms = begun;
    const factor = new SecondFactor(() => new Date(ms));
    return { factor, later: (seconds: number) => (ms += seconds * 1000) };
  };

  it('takes the code of the moment, of the step before and of the one after, and no other', () => {
    for (const [seconds, verdict] of [
      [-60, 'wrong'],
      [-30, 'right'],
      [0, 'right'],
      [29, 'right'],
      [59, 'right'],
      [60, 'wrong'],
    ] as const) {
      const { factor, later } = authenticator();
      const code = factor.shown('ana');
      later(seconds);
      assert.equal(factor.check('ana', code), verdict, `after ${seconds} s`);
    }
  });

  it('takes each code once, and shows one that still counts', () => {
    const { factor, later } = authenticator();
    const first = factor.shown('ana');
    assert.equal(factor.check('ana', `${first.slice(0, 3)} ${first.slice(3)}`), 'right');
    assert.equal(factor.check('ana', first), 'used already');
    const second = factor.shown('ana');
    assert.notEqual(second, first);
    assert.equal(factor.check('ana', second), 'right');
    assert.equal(factor.check('ana', factor.shown('ana')), 'used already');
    later(30);
    assert.equal(factor.check('ana', second), 'used already');
    assert.equal(factor.check('ana', factor.shown('ana')), 'right');
  });

  it('gives everybody codes of their own', () => {
    const { factor } = authenticator();
    assert.equal(factor.check('ben', factor.shown('ana')), 'wrong');
  });

  it('looks at five wrong codes in a row, then at none for a minute', () => {
    const { factor, later } = authenticator();
    const wrong = () => (factor.shown('ana') === '000000' ? '000001' : '000000');
    for (let attempt = 1; attempt < 5; attempt++) assert.equal(factor.check('ana', wrong()), 'wrong');
    assert.equal(factor.check('ana', factor.shown('ana')), 'right');
    for (let attempt = 1; attempt <= 5; attempt++) assert.equal(factor.check('ana', wrong()), 'wrong');
    assert.equal(factor.check('ana', factor.shown('ana')), 'too many wrong ones');
    assert.equal(factor.check('ben', factor.shown('ben')), 'right');
    later(60);
    assert.equal(factor.check('ana', factor.shown('ana')), 'right');
  });
});
