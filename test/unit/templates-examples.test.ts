import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spokenProblem } from '../../src/broker/config/problem.ts';
import { noPolicy } from '../../src/broker/templates/policy.ts';
import { examine, isExamples, secondsSaid } from '../../src/broker/templates/examples.ts';
import { approversAmong } from '../../src/broker/templates/approvers.ts';
import { loadExamples, loadTemplates } from '../../src/broker/templates/folder.ts';
import { momentOf } from '../../src/broker/templates/moment.ts';
import type { ResolvedTemplate } from '../../src/broker/templates/template.ts';
import { sandboxReferences } from './support/sandbox-references.ts';

const template: ResolvedTemplate = {
  id: 'orders-write',
  title: 'Fix orders',
  summary: '',
  target: 'shop',
  scope: {},
  duration: { defaultSeconds: 1800, longestSeconds: 3600 },
  terminals: 1,
  requestBy: ['engineering'],
  needs: [{ by: ['sre'], number: 2 }],
  never: ['contractors'],
  automatic: [
    { onCall: 'payments', upToSeconds: 1800 },
    {
      upToSeconds: 900,
      hours: { days: [1, 2, 3, 4, 5], fromMinute: 540, untilMinute: 1020, zone: 'Europe/Berlin' },
    },
  ],
  breakGlass: { by: ['oncall'], afterSeconds: 300, longestSeconds: 900, acr: ['mfa'] },
  revokeBy: ['sre'],
  digest: '',
  notify: [],
};
const templates = new Map([
  [template.id, template],
  ['orders-read', { ...template, id: 'orders-read', needs: [], automatic: [] }],
]);
const references = { groups: ['engineering', 'oncall', 'sre', 'contractors'] };
const now = new Date('2026-11-26T12:00:00Z');
const file = (...examples: string[]) => `zone: Europe/Berlin
people:
  dan: [engineering]
  ana: [engineering, oncall]
  eva: [sre]
  kim: [sre, contractors]
examples:
${examples.map((line) => `  - ${JSON.stringify(line)}\n`).join('')}`;
const examined = (text: string, policy = noPolicy) =>
  examine({ file: '/repo/shop.examples.yaml', text }, { templates, policy }, references, now);
const said = (text: string) => examined(text).problems.map((one) => spokenProblem(one, '/repo'));

describe('examples of a policy', () => {
  const right = [
    'dan, Sunday 02:14, orders-write → 2 approvals from sre',
    'dan, Sunday 02:14, orders-write -> 2 of sre',
    'dan, Sunday 02:14, orders-write for 30 min while on call (payments) → approved: on call (payments)',
    'dan, Sunday 02:14, orders-write for 1 h while on call → 2 of sre',
    'dan, Tuesday 10:00, orders-write for 15 min → approved: up to 15 min',
    'dan, Tue 17:00, orders-write for PT15M → 2 of sre',
    'dan, now, orders-read → approved',
    'ana, Sunday 02:14, orders-write → 2 of sre, may break the glass',
    'ana, Sunday 02:14, orders-write → 2 approvals from sre, may break the glass after 5 min',
    'dan, Sunday 02:14, orders-write → 2 of sre, may not break the glass',
    'ana, now, orders-read → approved, may not break the glass',
    'dan, 2026-12-24T10:00+01:00, orders-write for 2 h → refused: too long',
    'eva, now, orders-write → refused: not a member',
  ];
  for (const line of right)
    it(`hold: ${line}`, () => {
      assert.deepEqual(said(file(line)), []);
      assert.equal(examined(file(line)).proven, 1);
    });

  const wrong: [string, RegExp][] = [
    [
      'dan, Sunday 02:14, orders-write → one of sre',
      /^shop\.examples\.yaml:8:5 {2}examples: is not so: it needs 2 of sre; not automatic: not on call \(payments\); not automatic: longer than 15 min\.$/,
    ],
    ['dan, Sunday 02:14, orders-write → approved', /is not so: it needs 2 of sre/],
    ['dan, now, orders-read → refused', /is not so: it is approved: no approval needed\./],
    [
      'dan, now, orders-write for 2 h → approved',
      /it is refused \(too long\): Longest for this template: 1 h\./,
    ],
    [
      'ana, Sunday 02:14, orders-write → 2 of sre, may break the glass after 1 min',
      /is not so: ana may break the glass after 5 min, for 15 min at most\.$/,
    ],
    [
      'ana, Sunday 02:14, orders-write → 2 of sre, may not break the glass',
      /is not so: ana may break the glass after 5 min/,
    ],
    [
      'dan, Sunday 02:14, orders-write → 2 of sre, may break the glass',
      /is not so: dan may not break the glass\.$/,
    ],
    ['ana, Sunday 02:14, orders-write → one of sre, may break the glass', /is not so: it needs 2 of sre/],
    ['ana, now, orders-read → approved, may break the glass', /is not so: ana may not break the glass/],
    ['dna, now, orders-read → approved', /there is no "dna". Did you mean "dan"\?/],
    ['dan, someday, orders-read → approved', /"someday" is no moment. Write it like "Sunday 02:14"/],
    ['dan, now, order-read → approved', /there is no template "order-read". Did you mean "orders-read"\?/],
    ['dan, now, orders-read for ever → approved', /"ever" is no duration/],
    ['dan may read', /should read like: dan, Sunday 02:14/],
  ];
  for (const [line, complaint] of wrong)
    it(`do not hold: ${line}`, () => assert.match(said(file(line)).join('\n'), complaint));

  it('know a freeze', () => {
    const freezes = [
      { reason: 'Christmas', from: new Date('2026-11-01'), until: new Date('2027-01-01'), except: [] },
    ];
    const { problems } = examined(file('dan, now, orders-read → refused: frozen'), {
      freezes,
      caps: new Map(),
    });
    assert.deepEqual(problems, []);
  });

  it('of a weekday mean any such day, whatever is frozen on the next one; a date means that day', () => {
    const freezes = [
      { reason: 'Christmas', from: new Date('2026-11-27'), until: new Date('2027-01-01'), except: [] },
    ];
    const policy = { freezes, caps: new Map() };
    const lines = [
      right[0]!,
      'dan, 2026-12-24T10:00+01:00, orders-write → refused: frozen',
      'dan, 2027-01-03T02:14+01:00, orders-write → 2 of sre',
    ];
    assert.deepEqual(examined(file(...lines), policy).problems, []);
    const { problems } = examined(file('dan, Sunday 02:14, orders-write → refused: frozen'), policy);
    assert.match(
      problems.map(({ words }) => words).join(),
      /^is not so: it needs 2 of sre.*\. A weekday is any such day, free of freezes: name a date, like 2026-12-24T10:00\+01:00\.$/,
    );
  });

  it('of one person are in the same groups in all files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'daypass-test-examples-'));
    try {
      await mkdir(join(folder, 'shop'));
      const inFile = (people: string) =>
        `people: ${people}\nexamples: ["dan, now, orders-read → approved"]\n`;
      await writeFile(
        join(folder, 'a.examples.yaml'),
        inFile('\n  dan: [engineering, oncall]\n  eva: [sre]'),
      );
      await writeFile(join(folder, 'b.examples.yaml'), inFile('{ dan: [oncall, engineering] }'));
      await writeFile(
        join(folder, 'shop/c.examples.yaml'),
        inFile('\n  dan: [engineering, oncall]\n  eva: [oncall]'),
      );
      const rules = { templates, policy: noPolicy };
      const { problems } = await loadExamples(folder, rules, { ...sandboxReferences, ...references }, now);
      assert.deepEqual(
        problems.map((one) => spokenProblem(one, folder)),
        [
          'shop/c.examples.yaml:3:3  people.eva: ../a.examples.yaml:3 says other groups of "eva". Let both say the same, or choose another name.',
        ],
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('name groups that there are', () => {
    const text = file(right[0]!).replace('dan: [engineering]', 'dan: [enginering]');
    assert.match(
      said(text).join('\n'),
      /people\.dan\S*: nobody is in "enginering". Did you mean "engineering"/,
    );
  });

  it('are told by their name, and say who could approve', () => {
    assert.ok(isExamples('/repo/shop/shop.examples.yaml'));
    assert.ok(!isExamples('/repo/shop/examples.yaml'));
    assert.deepEqual(approversAmong(template, examined(file(right[0]!)).people), ['eva']);
  });

  it('of the sandbox hold', async () => {
    const folder = fileURLToPath(new URL('../../src/sandbox/templates', import.meta.url));
    const rules = await loadTemplates(folder, sandboxReferences);
    assert.deepEqual(rules.problems, []);
    const { problems, proven } = await loadExamples(folder, rules, sandboxReferences, now);
    assert.deepEqual([problems, proven], [[], 5]);
  });
});

describe('a moment and a duration as people say them', () => {
  const table: [string, string, string | undefined][] = [
    ['Sunday 02:14', 'UTC', '2026-11-29T02:14:00.000Z'],
    ['sun 02:14', 'Europe/Berlin', '2026-11-29T01:14:00.000Z'],
    ['Thursday 12:00', 'UTC', '2026-11-26T12:00:00.000Z'],
    ['Thursday 11:59', 'UTC', '2026-12-03T11:59:00.000Z'],
    ['now', 'UTC', '2026-11-26T12:00:00.000Z'],
    ['2026-12-24T10:00+01:00', 'UTC', '2026-12-24T09:00:00.000Z'],
    ['Sunday 24:00', 'UTC', undefined],
    ['Someday 02:14', 'UTC', undefined],
    ['', 'UTC', undefined],
  ];
  for (const [text, zone, expected] of table)
    it(`${text} (${zone})`, () => assert.equal(momentOf(text, zone, now)?.toISOString(), expected));

  it('30 min, 1 h, 1 h 30 min, PT5M', () => {
    assert.deepEqual(['30 min', '1 h', '1 h 30 min', 'PT5M', '', 'long', '0 min'].map(secondsSaid), [
      1800,
      3600,
      5400,
      300,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
