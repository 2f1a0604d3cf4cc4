import assert from 'node:assert/strict';
import fc from 'fast-check';
import { demandAt, judge, type SignInDemand, type SignInFacts } from '../../src/broker/rules/sign-in.ts';

const now = new Date('2026-03-01T02:14:00Z');
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
const signIn = (more: Partial<SignInFacts> = {}): SignInFacts => ({
  acr: ['pwd'],
  amr: ['pwd'],
  authenticatedAt: ago(60),
  byCode: false,
  ...more,
});
const { authenticatedAt: _at, ...ofUnknownAge } = signIn();
const unnamed = signIn({ acr: [] });
const mfa: SignInDemand = { withinSeconds: 900, acr: ['mfa', 'phr'] };
const hours = (count: number) => count * 3600;

describe('whether a sign-in is enough', () => {
  const cases: readonly [string, SignInFacts, number | undefined, SignInDemand | undefined, string][] = [
    ['nothing is demanded', ofUnknownAge, undefined, undefined, 'enough'],
    ['by code, nothing is demanded', signIn({ byCode: true }), hours(12), undefined, 'enough'],
    [
      'young enough for everybody',
      signIn({ authenticatedAt: ago(hours(12)) }),
      hours(12),
      undefined,
      'enough',
    ],
    ['too old for everybody', signIn({ authenticatedAt: ago(hours(12) + 1) }), hours(12), undefined, 'old'],
    [
      'by code and too old',
      signIn({ authenticatedAt: ago(hours(13)), byCode: true }),
      hours(12),
      undefined,
      'old',
    ],
    ['of an age that nobody knows', ofUnknownAge, hours(12), undefined, 'of unknown age'],
    ['from the future', signIn({ authenticatedAt: ago(-301) }), hours(12), undefined, 'of unknown age'],
    ['by a clock that is ahead', signIn({ authenticatedAt: ago(-300) }), hours(12), undefined, 'enough'],
    [
      'at no point in time',
      signIn({ authenticatedAt: new Date(Number.NaN) }),
      hours(12),
      undefined,
      'of unknown age',
    ],
    [
      'as strong and young as demanded',
      signIn({ acr: ['mfa'], authenticatedAt: ago(900) }),
      hours(12),
      mfa,
      'enough',
    ],
    ['as strong in another way', signIn({ acr: ['phr'] }), hours(12), mfa, 'enough'],
    ['strong among others', signIn({ acr: ['c1', 'phr'] }), hours(12), mfa, 'enough'],
    ['strong and too old', signIn({ acr: ['mfa'], authenticatedAt: ago(901) }), hours(12), mfa, 'old'],
    ['young and weak', signIn(), hours(12), mfa, 'weak'],
    ['weak and old', signIn({ authenticatedAt: ago(901) }), hours(12), mfa, 'weak'],
    ['of a strength that nobody names', unnamed, hours(12), mfa, 'weak'],
    ['strong by its methods only', { ...unnamed, amr: ['mfa'] }, hours(12), mfa, 'weak'],
    ['called almost the same', signIn({ acr: ['MFA'] }), hours(12), mfa, 'weak'],
    ['strong and by code', signIn({ acr: ['mfa'], byCode: true }), hours(12), mfa, 'by code'],
    ['young and by code', signIn({ byCode: true }), undefined, { withinSeconds: 900 }, 'by code'],
    [
      'strong, of an age that does not matter',
      { ...ofUnknownAge, acr: ['mfa'] },
      undefined,
      { acr: ['mfa'] },
      'enough',
    ],
    [
      'strong, of an age that nobody knows',
      { ...ofUnknownAge, acr: ['mfa'] },
      undefined,
      mfa,
      'of unknown age',
    ],
  ];
  for (const [what, facts, everybody, demand, expected] of cases)
    it(`${what}: ${expected}`, () => {
      const verdict = judge(facts, { everybody, mfa: demand }, now);
      assert.equal(verdict.is === 'enough' ? 'enough' : verdict.why, expected);
    });

  it('lets a code renew a code, and is no way down from a browser', () => {
    const inBrowser = (byCode: boolean, demand: SignInDemand | undefined) => {
      const verdict = judge(
        signIn({ authenticatedAt: ago(hours(13)), byCode }),
        { everybody: hours(12), mfa: demand },
        now,
      );
      return verdict.is === 'too little' ? verdict.challenge.inBrowser : undefined;
    };
    assert.equal(inBrowser(true, undefined), false);
    assert.equal(inBrowser(false, undefined), true);
    assert.equal(inBrowser(true, { withinSeconds: 900 }), true);
  });

  it('asks for all that is demanded, a little younger than the strictest says', () => {
    const challengeOf = (everybody: number | undefined, demand: SignInDemand | undefined) => {
      const verdict = judge(ofUnknownAge, { everybody, mfa: demand }, now);
      return verdict.is === 'too little' ? verdict.challenge : undefined;
    };
    assert.deepEqual(challengeOf(hours(12), mfa), {
      acrValues: ['mfa', 'phr'],
      maxAge: 840,
      inBrowser: true,
    });
    assert.deepEqual(challengeOf(600, mfa), { acrValues: ['mfa', 'phr'], maxAge: 540, inBrowser: true });
    assert.deepEqual(challengeOf(119, undefined), { maxAge: 59, inBrowser: true });
    assert.deepEqual(challengeOf(0, undefined), { maxAge: 0, inBrowser: true });
    assert.deepEqual(challengeOf(undefined, { acr: ['mfa'] }), { acrValues: ['mfa'], inBrowser: true });
    assert.deepEqual(challengeOf(hours(12), undefined), { maxAge: hours(12) - 60, inBrowser: true });
  });

  it('is looked at when the template says', () => {
    assert.equal(demandAt('request', { ...mfa, at: ['activation'] }), undefined);
    assert.equal(demandAt('activation', undefined), undefined);
    assert.deepEqual(demandAt('activation', { ...mfa, at: ['activation'] })?.acr, mfa.acr);
  });

  const seconds = fc.integer({ min: 0, max: hours(48) });
  const anySignIn = fc
    .record({
      acr: fc.option(fc.constantFrom('pwd', 'mfa', 'phr'), { nil: undefined }),
      age: fc.option(fc.integer({ min: -600, max: hours(48) }), { nil: undefined }),
      byCode: fc.boolean(),
    })
    .map(({ acr, age, byCode }): SignInFacts => ({
      amr: [],
      byCode,
      acr: acr === undefined ? [] : [acr],
      ...(age === undefined ? {} : { authenticatedAt: ago(age) }),
    }));
  const anyDemand = fc.record({
    everybody: fc.option(seconds, { nil: undefined }),
    mfa: fc.option(
      fc
        .record({
          withinSeconds: fc.option(seconds, { nil: undefined }),
          acr: fc.option(fc.subarray(['mfa', 'phr'], { minLength: 1 }), { nil: undefined }),
        })
        .map(({ withinSeconds, acr }): SignInDemand => ({
          ...(withinSeconds === undefined ? {} : { withinSeconds }),
          ...(acr === undefined ? {} : { acr }),
        })),
      { nil: undefined },
    ),
  });

  it('never lets anybody in whom one of the demands alone would not', () => {
    fc.assert(
      fc.property(anySignIn, anyDemand, (facts, { everybody, mfa: demand }) => {
        const all = judge(facts, { everybody, mfa: demand }, now).is;
        const alone = [judge(facts, { everybody }, now).is, judge(facts, { mfa: demand }, now).is];
        assert.equal(
          all === 'enough',
          alone.every((is) => is === 'enough'),
        );
      }),
    );
  });

  it('is satisfied by any that the provider may take for an answer to the challenge, and that takes its time', () => {
    fc.assert(
      fc.property(anySignIn, anyDemand, (facts, demand) => {
        const verdict = judge(facts, demand, now);
        if (verdict.is === 'enough') return;
        const { acrValues: [acr] = [], maxAge = 0 } = verdict.challenge;
        const authenticatedAt = ago(maxAge + Math.min(60, maxAge));
        const taken = { amr: [], byCode: false, authenticatedAt, acr: acr === undefined ? [] : [acr] };
        assert.equal(judge(taken, demand, now).is, 'enough');
      }),
    );
  });

  it('never gets better with age', () => {
    fc.assert(
      fc.property(seconds, seconds, anyDemand, (age, more, demand) => {
        const at = (old: number) =>
          judge(signIn({ acr: ['mfa'], authenticatedAt: ago(old) }), demand, now).is;
        if (at(age) === 'too little') assert.equal(at(age + more), 'too little');
      }),
    );
  });
});
