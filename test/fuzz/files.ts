import fc from 'fast-check';
import assert from 'node:assert/strict';
import { check } from '../../src/broker/config/check.ts';
import { checkConsistency } from '../../src/broker/config/consistency.ts';
import { spokenProblem } from '../../src/broker/config/problem.ts';
import { Report } from '../../src/broker/config/report.ts';
import { Settings } from '../../src/broker/config/settings.ts';
import { readYaml } from '../../src/broker/config/yaml.ts';
import { issueStatements } from '../../src/broker/targets/postgresql/issue.ts';
import { parseScope, storedScope } from '../../src/broker/targets/postgresql/scope.ts';
import { setupSql } from '../../src/broker/targets/postgresql/setup.ts';
import { storedEvidence } from '../../src/broker/targets/postgresql/evidence.ts';
import { receiptOf } from '../../src/broker/targets/postgresql/receipt.ts';
import { parseTemplates } from '../../src/broker/templates/parse.ts';
import { present } from '../../src/broker/templates/present.ts';
import { patternProblem, ticketExpression } from '../../src/broker/templates/ticket.ts';
import { misleads } from '../../src/contract/plain-text.ts';
import { Receipt } from '../../src/contract/receipts.ts';
import { Template } from '../../src/contract/templates.ts';
import { corpusOf, decent, json, jsonText, mostly, sqlName, text } from './alphabet.ts';
import { property, surface } from './surface.ts';
import { isStorable } from './words.ts';

const target = { id: 'shop', title: 'Shop', kind: 'postgresql' as const };
const targets = new Map([
  [
    'shop',
    {
      ...target,
      host: '127.0.0.1',
      port: 5432,
      database: 'shop',
      tls: { mode: 'off' as const },
      login: { user: 'daypass_broker' },
      advertised: { host: '127.0.0.1', port: 5432 },
    },
  ],
]) as never;
const references = { groups: ['engineering', 'leads'], targets };
const quoted = sqlName.map((name) => `"${name.replaceAll('"', '""')}"`);
const line = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(quoted, quoted).map(([schema, name]) => `select on ${schema}.${name}`) },
  { weight: 1, arbitrary: fc.tuple(text, text).map(([a, b]) => `update (${a}) on ${b}`) },
  { weight: 1, arbitrary: fc.tuple(quoted, text).map(([a, b]) => `execute on function ${a}.f(${b})`) },
  { weight: 1, arbitrary: text },
);
const scope = fc.record(
  {
    database: mostly(sqlName),
    privileges: mostly(fc.array(line, { minLength: 1, maxLength: 4 }), 8),
    roles: mostly(fc.array(sqlName, { minLength: 1, maxLength: 3 }), 8),
    owner: mostly(sqlName),
    schema: mostly(sqlName),
    settings: mostly(
      fc.record(
        { search_path: text, statement_timeout: text, 'my.setting': mostly(text) },
        { requiredKeys: [] },
      ),
    ),
    connections: mostly(fc.integer({ min: 1, max: 100 })),
  },
  { requiredKeys: ['privileges'] },
);
const good = {
  template: 'fix-it',
  title: 'Fix it',
  summary: 'Fix it.',
  target: 'shop',
  duration: { default: 'PT30M', longest: 'PT1H' },
  request: { by: ['engineering'] },
  approve: { by: ['leads'] },
};
/** A template with something hostile in some of its places. */
const written = fc
  .tuple(
    fc.record({
      title: mostly(fc.oneof(decent, text)),
      summary: mostly(fc.oneof(decent, text)),
      scope: mostly(scope, 12),
    }),
    fc.record(
      {
        template: json,
        target: text,
        documentation: fc.oneof(
          text,
          text.map((more) => `https://x.example/${more}`),
        ),
        duration: json,
        terminals: json,
        request: fc.oneof(
          json,
          fc.record({ by: fc.array(text) }),
          fc.record({
            by: fc.constant(['engineering']),
            ticket: fc.record({ pattern: text, hint: text }, { requiredKeys: ['pattern'] }),
          }),
        ),
        approve: json,
        revoke: json,
        __proto__: json,
      },
      { requiredKeys: [] },
    ),
    fc.nat(9),
  )
  .map(([places, others, how]) => ({ ...good, ...places, ...(how < 3 ? others : {}) }));

const noise = fc.oneof(
  text,
  jsonText,
  fc.constantFrom(...corpusOf('yaml')),
  fc
    .tuple(
      fc.constantFrom(
        'a: 1\n',
        '- ',
        '? ',
        ': ',
        '[',
        '{',
        '- - ',
        '&a ',
        '*a ',
        '!t ',
        '"',
        '|\n',
        '%Y\n',
        '1,',
      ),
      fc.nat(8000),
    )
    .map(([part, times]) => part.repeat(times)),
);

function readTemplate(file: string): void {
  const { templates, problems, warnings } = parseTemplates(
    [{ file: '/t/fix-it.yaml', text: file }],
    references,
  );
  assert.ok(templates.size === 1 || problems.length > 0);
  for (const problem of [...problems, ...warnings]) assert.ok(!misleads(spokenProblem(problem, '/')));
  for (const template of templates.values()) {
    if (problems.length > 0) continue;
    assert.ok(isStorable(template), 'cannot be stored');
    const shown = present(template, { targets });
    assert.ok(Template.safeParse(shown).success);
    for (const each of [shown.title, shown.summary, ...shown.allows]) assert.ok(!misleads(each), each);
    const inSql = storedScope(JSON.parse(JSON.stringify(template.scope)));
    setupSql({ id: 'shop', database: 'shop', login: { user: 'daypass_broker' } }, [
      { id: template.id, scope: inSql },
    ]);
    if (template.ticket) ticketExpression(template.ticket.pattern);
  }
}

export const templates = surface('templates', 60, [
  property(
    'with anything in its places is right, or wrong in words',
    written,
    (input) => readTemplate(JSON.stringify(input)),
    12,
  ),
  property('of any text is wrong in words', noise, readTemplate),
]);

const settings = {
  public_url: 'https://access.shop.example',
  organisation: { name: 'Shop' },
  groups: ['engineering'],
  identity: { issuer: 'https://login.shop.example', clients: ['daypass-vscode'] },
  database: { embedded: './data' },
  targets: {
    shop: {
      title: 'Shop',
      kind: 'postgresql',
      host: 'db.internal',
      database: 'shop',
      login: { user: 'daypass_broker', password: { file: './shop' } },
    },
  },
};
const secretText = 'hunter2-is-the-password';

function readSettings(file: string): void {
  const document = readYaml('/daypass.yaml', file);
  const { value, problems } = check(document, Settings);
  const report = new Report(document);
  if (value) {
    checkConsistency(value, report);
    assert.ok(isStorable(value.groups) && isStorable(value.organisation));
  }
  for (const problem of [...problems, ...report.wrong, ...report.warnings]) {
    const said = spokenProblem(problem, '/');
    assert.ok(!misleads(said));
    assert.ok(!said.includes(secretText), said);
  }
}

export const configuration = surface('configuration', 50, [
  property(
    'with anything in its places is right, or wrong in words that tell no secret',
    fc
      .tuple(
        fc.constantFrom(
          ...Object.keys(settings),
          'listen',
          'tls',
          'metrics',
          'audit',
          'templates',
          'requests',
          '__proto__',
        ),
        fc.oneof(json, text),
        fc.constantFrom('login', 'host', 'hostaddr', 'port', 'database', 'tls', 'advertised', 'title'),
        fc.oneof(json, text),
      )
      .map(([key, value, inTarget, its]) => ({
        ...settings,
        ...Object.fromEntries([[key, value]]),
        ...(key === 'targets'
          ? { targets: { shop: { ...settings.targets.shop, ...Object.fromEntries([[inTarget, its]]) } } }
          : {}),
      })),
    (input) => readSettings(JSON.stringify(input)),
  ),
  property(
    'with a password in clear does not repeat it',
    text.map(
      (around) =>
        `targets: { shop: { login: { user: ${JSON.stringify(around)}, password: "${secretText}" } } }`,
    ),
    readSettings,
  ),
  property('of any text is wrong in words', noise, readSettings),
]);

const pattern = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '(',
        ')',
        '(?:',
        '[',
        ']',
        '*',
        '+',
        '?',
        '|',
        '\\d',
        '\\w',
        '.',
        'a',
        'A-Z',
        '-',
        '{0}',
        '{9999}',
        '{2,}',
        '{1,64}',
        '^',
        '$',
        '\\',
        '(?=',
        '\\1',
        '\\p{L}',
      ),
      fc.constantFrom(
        '(a+)+',
        '(a|a)*',
        '(a?){64}',
        '\\d*\\d*\\d*',
        '(){9999}',
        '((a{0}){9999}){9999}',
        '[A-Z]+-\\d+',
      ),
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(''));

const verifier = `SCRAM-SHA-256$4096:${'A'.repeat(22)}==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`;

export const stored = surface('scopes, evidence, patterns', 100, [
  property('a stored scope is used as it is, or not at all', fc.oneof(json, scope), (input) => {
    const read = parseScope(input);
    if ('issues' in read) {
      assert.ok(read.issues.length > 0);
      for (const { message } of read.issues) assert.ok(!message.includes('[native code]'), message);
      return;
    }
    const statements = issueStatements(
      {
        leaseId: '00000000-0000-4000-8000-000000000001',
        role: 'daypass_00000000_00000000000040008000000000000001',
        templateId: 'fix-it',
        scope: input,
        verifier,
        expiresAt: new Date(0),
      },
      read.scope,
    );
    assert.equal(statements.length, 2 + read.scope.settings.size);
    assert.ok(statements.every((statement) => isStorable(statement)));
  }),
  property('stored evidence is read, or counts as none', json, (input) => {
    const evidence = storedEvidence(input);
    const receipt = receiptOf({ leaseId: '00000000-0000-4000-8000-000000000001', role: 'x' }, evidence);
    assert.ok(typeof receipt === 'string' || Receipt.safeParse(receipt).success);
  }),
  property(
    'what a lease left makes a receipt that can be stored and read',
    fc.array(text, { minLength: 4, maxLength: 4 }),
    ([a = '', b = '', c = '', d = '']) => {
      const at = '2026-03-01T02:14:00.000Z';
      const evidence = storedEvidence({
        version: 1,
        ended: [],
        cut: { at },
        quiet: { since: at, forMs: 500 },
        probe: { at, sqlstate: '28000', routine: 'InitializeSessionUserId' },
        leftovers: [{ database: a, what: b, done: c, heir: d }],
        gone: { at },
        remains: [],
      });
      const receipt = receiptOf({ leaseId: '00000000-0000-4000-8000-000000000001', role: 'x' }, evidence);
      assert.ok(typeof receipt === 'object' && Receipt.safeParse(receipt).success);
      assert.ok(isStorable(receipt), JSON.stringify(receipt));
      for (const shown of [
        ...receipt.remains,
        ...receipt.cleaned.flatMap(({ database, what }) => [database, what]),
      ])
        assert.ok(!/[\p{Cc}\p{Bidi_C}]/u.test(shown), shown);
    },
  ),
  property(
    'a pattern is matched in time, or refused',
    fc.tuple(
      pattern,
      fc.oneof(fc.constantFrom('a'.repeat(63) + '!', '1'.repeat(63) + 'x', 'aA1-'.repeat(16)), text),
    ),
    ([input, ticket]) => {
      if (patternProblem(input) === undefined) ticketExpression(input).test(ticket.slice(0, 64));
    },
  ),
]);
