import fc from 'fast-check';
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { NewLease } from '../../src/contract/leases.ts';
import { kindOf, Problem, problems, problemType, type ProblemKind } from '../../src/contract/problems.ts';
import { NewDecision, NewRequest, Reason } from '../../src/contract/requests.ts';
import { IdempotencyKey, routes, type Route } from '../../src/contract/routes.ts';
import { Secret } from '../../src/contract/secret.ts';
import { Duration, durationOf, Instant, secondsOf, spokenDuration } from '../../src/contract/values.ts';

const digest = 'a'.repeat(64);

describe('Values of the contract', () => {
  it('a duration says the same in seconds, ISO 8601 and back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 * 24 * 3600 }), (seconds) => {
        assert.equal(secondsOf(durationOf(seconds)), seconds);
        assert.ok(Duration.safeParse(durationOf(seconds)).success);
      }),
    );
  });

  for (const text of [
    '',
    'PT',
    'PT0S',
    'P1D',
    'PT1.5H',
    'PT-5M',
    '30m',
    'pt5m',
    'PT5M ',
    'PT169H',
    'PT1M1H',
  ]) {
    it(`"${text}" is no duration`, () => assert.equal(Duration.safeParse(text).success, false));
  }

  for (const [iso, spoken] of [
    ['PT30M', '30 min'],
    ['PT1H', '1 h'],
    ['PT90M', '1 h 30 min'],
    ['PT45S', '45 s'],
  ] as const) {
    it(`${iso} is read as ${spoken}`, () => assert.equal(spokenDuration(iso), spoken));
  }

  it('a point in time is RFC 3339 in UTC', () => {
    assert.ok(Instant.safeParse('2026-03-01T02:14:00.000Z').success);
    for (const text of ['2026-03-01T02:14:00+01:00', '2026-03-01 02:14:00Z', '2026-02-30T00:00:00Z', 'now'])
      assert.equal(Instant.safeParse(text).success, false, text);
  });

  for (const [what, text] of Object.entries({
    'a line break': 'first line\nsecond line',
    'a carriage return': 'overwritten\rtext here',
    'a terminal escape': 'red \u001b[31m alert now',
    'a C1 control': 'something \u009b31m here',
    'text turned around': 'invoice \u202egpj.exe please',
    'an isolate': 'invoice \u2066gpj.exe please',
    'an invisible space': 'zero\u200bwidth space here',
    'a tag character': 'hidden \u{e0041} tag here',
    'half a character': 'broken \ud800 surrogate',
    'nothing but spaces': '            ',
    'too little': 'fix',
    'too much': 'x'.repeat(501),
  })) {
    it(`a reason with ${what} is refused`, () => assert.equal(Reason.safeParse(text).success, false));
  }

  it('a reason in any language is taken, without the spaces around it', () => {
    assert.equal(Reason.parse('  Zahlungen prüfen 💳 — INC-4211  '), 'Zahlungen prüfen 💳 — INC-4211');
    assert.ok(Reason.safeParse('データベースを確認します。').success);
    assert.ok(Reason.safeParse('בדיקת הזמנות תקועות').success);
  });

  it('what is sent has no member that nobody knows', () => {
    const request = {
      template: 'read-orders',
      templateDigest: digest,
      duration: 'PT30M',
      reason: 'A look at one order',
    };
    assert.ok(NewRequest.safeParse(request).success);
    assert.equal(NewRequest.safeParse({ ...request, approved: true }).success, false);
    assert.equal(NewLease.safeParse({ kind: 'postgresql', verifier: 'x' }).success, false);
  });

  it('a denial has a comment, an approval may have one, both a digest', () => {
    assert.ok(NewDecision.safeParse({ verdict: 'approve', digest }).success);
    assert.equal(NewDecision.safeParse({ verdict: 'approve' }).success, false);
    assert.equal(NewDecision.safeParse({ verdict: 'deny', digest }).success, false);
    assert.ok(NewDecision.safeParse({ verdict: 'deny', digest, comment: 'Not tonight.' }).success);
  });

  const salt = Buffer.alloc(16).toString('base64');
  const key = Buffer.alloc(32).toString('base64');
  for (const [what, verifier, fits] of [
    ['as it must be', `SCRAM-SHA-256$4096:${salt}$${key}:${key}`, true],
    ['with more iterations', `SCRAM-SHA-256$100000:${salt}$${key}:${key}`, false],
    ['with one iteration', `SCRAM-SHA-256$1:${salt}$${key}:${key}`, false],
    ['with a short key', `SCRAM-SHA-256$4096:${salt}$${salt}:${key}`, false],
    ['with SQL behind it', `SCRAM-SHA-256$4096:${salt}$${key}:${key}' superuser`, false],
    ['with a line break behind it', `SCRAM-SHA-256$4096:${salt}$${key}:${key}\n`, false],
    ['that is a password', 'hunter2', false],
    ['of MD5', `md5${'0'.repeat(32)}`, false],
  ] as const) {
    it(`a verifier ${what} is ${fits ? 'taken' : 'refused'}`, () =>
      assert.equal(NewLease.safeParse({ kind: 'postgresql', verifier }).success, fits));
  }

  it('an Idempotency-Key is long enough to be nobody else’s', () => {
    assert.ok(IdempotencyKey.safeParse('0123456789abcdef').success);
    for (const text of ['0123456789abcde', 'x'.repeat(65), '0123456789abcde\n', '0123456789 abcdef'])
      assert.equal(IdempotencyKey.safeParse(text).success, false);
  });

  it('a secret is seen by nobody who does not ask for it', () => {
    const secret = new Secret('hunter2');
    const seen = [
      String(secret),
      'secret: ' + (secret as unknown as string),
      JSON.stringify({ secret }),
      inspect({ deep: { secret } }, { showHidden: true, depth: 9 }),
      Object.values(secret).join(),
      JSON.stringify(Object.assign({}, secret)),
    ];
    for (const text of seen) assert.ok(!text.includes('hunter2'), text);
    assert.equal(secret.reveal(), 'hunter2');
  });

  it('every problem has a type of its own that leads back to it', () => {
    for (const kind of Object.keys(problems) as ProblemKind[]) {
      const { status, title } = problems[kind];
      const problem = Problem.parse({ type: problemType(kind), title, status, detail: 'What to do.' });
      assert.equal(kindOf(problem), kind);
    }
  });

  it('no two calls share a method and a path, and every parameter of a path has its schema', () => {
    const all: Route[] = Object.values(routes);
    assert.equal(new Set(all.map(({ method, path }) => `${method} ${path}`)).size, all.length);
    for (const { path, params } of all) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      assert.deepEqual(Object.keys(params?.shape ?? {}), named, path);
    }
  });
});
