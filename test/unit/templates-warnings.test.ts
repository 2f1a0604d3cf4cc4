import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { spokenProblem } from '../../src/broker/config/problem.ts';
import { readYaml } from '../../src/broker/config/yaml.ts';
import { changesOf, includes } from '../../src/broker/targets/postgresql/compare.ts';
import { storedScope } from '../../src/broker/targets/postgresql/scope.ts';
import { missedWhenAsking, missingAmong } from '../../src/broker/templates/approvers.ts';
import { loadExamples, loadTemplates } from '../../src/broker/templates/folder.ts';
import { parseTemplates } from '../../src/broker/templates/parse.ts';
import { policyWarnings, secondAccounts } from '../../src/broker/templates/warnings.ts';
import { sandboxReferences } from './support/sandbox-references.ts';

const now = new Date('2026-11-26T12:00:00Z');
const references = {
  groups: ['engineering', 'oncall', 'sre', 'leads', 'security', 'contractors'],
  targets: new Map(['shop', 'books'].map((id) => [id, { kind: 'postgresql' as const, database: id }])),
  schedules: new Map([['payments', { contacts: new Map() }]]),
  channels: new Map([
    ['hook', { kind: 'webhook' as const, name: 'hook', title: 'hook', reaches: [], url: '', secrets: [] }],
  ]),
};

interface Written {
  readonly target?: string;
  readonly scope?: string;
  readonly longest?: string;
  readonly request?: string;
  readonly approve?: string;
  readonly glass?: string;
  readonly notify?: string;
}

const reading = '{ privileges: [select on sales.orders] }';
const fixing = '{ privileges: [select on sales.orders, "update (status, updated_at) on sales.orders"] }';
const all = '{ privileges: ["select, update on all tables in schema sales"] }';

const file = (
  id: string,
  {
    target = 'shop',
    scope = fixing,
    longest = 'PT1H',
    request = 'engineering',
    approve = '',
    glass = '',
    notify = '{ tell: hook }',
  }: Written,
) => ({
  file: `/repo/${id}.yaml`,
  text: `template: ${id}
title: A task
summary: A task.
target: ${target}
scope: ${scope}
duration: { default: PT10M, longest: ${longest} }
request: { by: [${request}] }
approve: ${approve || '{ by: [leads] }'}
revoke: { by: [security] }
${glass && `break_glass: ${glass}\n${notify && `notify: [${notify}]\n`}`}`,
});

type Templates = Readonly<Record<string, Written>>;
type Groups = Readonly<Record<string, readonly string[]>>;

const parsed = (templates: Templates) =>
  parseTemplates(
    Object.entries(templates).map(([id, written]) => file(id, written)),
    references,
  );

function said(templates: Templates, people: Groups = {}): string[] {
  const read = parsed(templates);
  const { targets } = references;
  const found = policyWarnings(read, { targets, people: new Map(Object.entries(people)), now });
  return [...read.problems, ...read.warnings, ...found].map((one) => spokenProblem(one, '/repo'));
}

describe('what a policy hardly means', () => {
  const table: [what: string, templates: Templates, people: Groups, ...words: string[]][] = [
    [
      'what nobody could ever approve, which is wrong',
      { fix: { approve: '{ by: [leads], never: [leads, contractors] }' } },
      {},
      'fix.yaml:8:16  approve.by: nobody could ever approve this: "never" keeps everybody in leads out. Name another group here, or take it out of "never".',
    ],
    [
      'one part of a quorum that nobody could ever fill',
      { fix: { approve: '{ all_of: [{ by: [leads] }, { by: [sre, security] }], never: [sre, security] }' } },
      {},
      'fix.yaml:8:44  approve.all_of[1].by: nobody could ever approve this: "never" keeps everybody in sre and security out. Name another group here, or take it out of "never".',
    ],
    [
      'a group that is named and kept out',
      { fix: { approve: '{ by: [leads, sre], never: [sre] }' } },
      {},
      'fix.yaml:8:16  approve.by: names sre, and "never" keeps everybody there out. Take it out of one of the two.',
    ],
    [
      'what nobody in the examples could approve, where they name approvers',
      { fix: { approve: '{ by: [security] }' }, other: { scope: reading } },
      { dan: ['engineering'], eva: ['leads'] },
      'fix.yaml:8:10  approve: takes one of security, and nobody in the examples could approve it: requests would wait in vain. Name whoever else could under "people" there, or ask for others here.',
    ],
    [
      'what too few in the examples could approve: nobody counts twice, or where "never" says so',
      {
        fix: { approve: '{ all_of: [{ by: [leads] }, { by: [security] }], never: [contractors] }' },
      },
      { eva: ['leads', 'security'], kim: ['security', 'contractors'] },
      'fix.yaml:8:10  approve: takes one of leads and one of security, and of the people in the examples only eva could approve it: requests would wait in vain. Name whoever else could under "people" there, or ask for others here.',
    ],
    [
      'what one person could approve alone although it changes everything',
      { migrate: { scope: '{ owner: sales_owner, schema: sales }' } },
      {},
      'migrate.yaml:8:10  approve: one person can approve this alone, and it can change everything in a schema. Ask two: number: 2, or "all_of" with another group.',
    ],
    [
      'what changes data and nobody looks at',
      { fix: { approve: 'nobody', request: 'engineering, oncall' } },
      {},
      'fix.yaml:8:10  approve: whoever is in engineering or oncall gets this alone, and it changes data. Say who approves it, or let it only read.',
    ],
    [
      'what changes data and nobody looks at for a while',
      { fix: { approve: '{ by: [leads], automatic: [{ up_to: PT15M }] }' } },
      {},
      'fix.yaml:8:37  approve.automatic: whoever is in engineering gets this alone for up to 15 min, at any time and as often as they like, and it changes data. Add "on_call", "hours" or "a_day".',
    ],
    [
      'a glass that whoever may request breaks at once',
      { fix: { request: 'engineering, oncall', glass: '{ by: [oncall, sre], longest: PT10M, acr: [mfa] }' } },
      {},
      'fix.yaml:10:20  break_glass.by: whoever is in oncall may request this and break the glass at once, so approval is a matter of their own choice. Give approvers time (after: PT5M), or name fewer people.',
    ],
    ...['', "{ call: '+49 30 1234' }"].map((notify): [string, Templates, Groups, string] => [
      `a glass that nobody would hear of (notify: [${notify}])`,
      { fix: { glass: '{ by: [oncall], longest: PT10M, acr: [mfa] }', notify } },
      {},
      'fix.yaml:10:14  break_glass: is loud only where somebody hears it: where "notify" tells nobody, those alone are told who have their editor open.',
    ]),
    [
      'what allows more than its neighbours with fewer approvals',
      {
        all: { scope: all, approve: '{ by: [leads], number: 2 }', longest: 'PT10M' },
        fix: { approve: '{ by: [sre], number: 3 }' },
        read: { scope: reading, approve: '{ all_of: [{ by: [sre] }, { by: [leads], number: 2 }] }' },
      },
      {},
      'all.yaml:8:10  approve: takes fewer approvals (2 of leads) than "fix" (3 of sre) and "read" (one of sre and 2 of leads), and allows no less. Whoever may request both gets around that. Demand as much here, or allow less.',
    ],
    [
      'what allows the same without anybody, for as long',
      { one: { scope: reading, approve: 'nobody' }, two: { scope: reading } },
      {},
      'one.yaml:8:10  approve: takes fewer approvals (nobody) than "two" (one of leads), and allows no less. Whoever may request both gets around that. Demand as much here, or allow less.',
    ],
    [
      'what is approved automatically where a neighbour is not',
      {
        fix: { approve: '{ by: [leads], automatic: [{ on_call: payments, up_to: PT30M }] }' },
        read: {
          scope: reading,
          approve: '{ by: [leads], automatic: [{ on_call: payments, up_to: PT15M }, { up_to: PT5M }] }',
        },
      },
      {},
      'fix.yaml:8:37  approve.automatic: needs nobody (on call (payments), up to 30 min, as often as they like) where "read" (one of leads) would wait, and allows no less. Whoever may request both gets around that. Demand as much here, or allow less.',
    ],
    [
      'what is approved automatically oftener than a neighbour',
      {
        often: { approve: '{ by: [leads], automatic: [{ up_to: PT15M, a_day: { of_person: 3 } }] }' },
        rare: { approve: '{ by: [leads], automatic: [{ up_to: PT15M, a_day: { of_person: 2 } }] }' },
      },
      {},
      'often.yaml:8:37  approve.automatic: needs nobody (up to 15 min, 3 a day of each person) where "rare" (one of leads) would wait, and allows no less. Whoever may request both gets around that. Demand as much here, or allow less.',
    ],
    [
      'what is approved automatically in hours in which a neighbour is not, by the clocks of both',
      {
        early: {
          approve:
            '{ by: [leads], automatic: [{ up_to: PT5M, hours: { from: "08:00", until: "09:00", zone: Europe/Berlin } }] }',
        },
        late: {
          scope: reading,
          approve:
            '{ by: [leads], automatic: [{ up_to: PT5M, hours: { from: "07:15", until: "24:00", zone: Europe/London } }] }',
        },
      },
      {},
      'early.yaml:8:37  approve.automatic: needs nobody (up to 5 min, Mon to Fri, 08:00 to 09:00 (Europe/Berlin), as often as they like) where "late" (one of leads) would wait, and allows no less. Whoever may request both gets around that. Demand as much here, or allow less.',
    ],
  ];
  for (const [what, templates, people, ...words] of table)
    it(`is told: ${what}`, () => assert.deepEqual(said(templates, people), words));

  const quiet: [what: string, templates: Templates, people?: Groups][] = [
    ['one approval for what changes something', { fix: {}, read: { scope: reading, approve: 'nobody' } }],
    ['two for what changes everything', { all: { scope: all, approve: '{ by: [leads], number: 2 }' } }],
    [
      'a function that needs nobody',
      { end: { scope: '{ privileges: ["execute on function ops.end_query(int)"] }', approve: 'nobody' } },
    ],
    [
      'a glass that is broken after a while, or by fewer than may request',
      {
        fix: { glass: '{ by: [engineering], after: PT5M, longest: PT10M, acr: [mfa] }' },
        other: { glass: '{ by: [oncall], longest: PT10M, acr: [mfa] }' },
      },
    ],
    ['examples that name nobody who approves', { fix: {} }, { dan: ['engineering'] }],
    ['enough people', { fix: { approve: '{ by: [sre], number: 2 }' } }, { a: ['sre'], b: ['sre', 'leads'] }],
    [
      'a neighbour that others may request',
      {
        fix: { approve: '{ by: [leads], automatic: [{ on_call: payments }] }', request: 'oncall' },
        two: { approve: '{ by: [leads], number: 2 }' },
      },
    ],
    [
      'a neighbour at another target',
      { fix: { target: 'books' }, two: { approve: '{ by: [leads], number: 2 }' } },
    ],
    [
      'the same for a shorter time',
      { short: { longest: 'PT15M' }, long: { longest: 'PT8H', approve: '{ by: [leads], number: 2 }' } },
    ],
    [
      'fewer hours, shorter and rarer than the neighbour',
      {
        fix: {
          approve:
            '{ by: [leads], automatic: [{ on_call: payments, up_to: PT15M, hours: { from: "09:00", until: "17:00", zone: Europe/Berlin }, a_day: { of_person: 1, in_total: 2 } }] }',
        },
        read: {
          scope: reading,
          approve:
            '{ by: [leads], automatic: [{ up_to: PT15M, hours: { from: "00:00", until: "12:00", zone: UTC } }, { on_call: payments, hours: { from: "12:00", until: "24:00", zone: UTC }, a_day: { of_person: 1, in_total: 2 } }] }',
        },
      },
    ],
  ];
  for (const [what, templates, people] of quiet)
    it(`is not: ${what}`, () => assert.deepEqual(said(templates, people), []));

  it('stands once in the sandbox, where one person is enough for an owner’s rights', async () => {
    const folder = fileURLToPath(new URL('../../src/sandbox/templates', import.meta.url));
    const { targets } = sandboxReferences;
    const read = await loadTemplates(folder, sandboxReferences);
    const { people } = await loadExamples(folder, read, sandboxReferences, now);
    assert.deepEqual(
      policyWarnings(read, { targets, people, now }).map(({ file: name, words }) => [
        name.split('/').at(-1),
        words.slice(0, 37),
      ]),
      [['apply-migration.yaml', 'one person can approve this alone, an']],
    );
    const migration = read.templates.get('shop-apply-migration')!;
    assert.deepEqual(missingAmong(migration, people), []);
    assert.deepEqual(missedWhenAsking(migration, people), []);
  });
});

describe('second accounts', () => {
  const document = readYaml(
    '/repo/daypass.yaml',
    'groups: [a]\nidentity:\n  issuer: https://login.example\n',
  );
  const said = (identity: { personClaim?: string }, templates: Templates) =>
    secondAccounts(identity, parsed(templates).templates, document).map((one) => spokenProblem(one, '/repo'));

  it('are told of once, where approval is needed and no claim says who is one person', () => {
    assert.deepEqual(
      said({}, { fix: {}, all: { scope: all }, read: { scope: reading, approve: 'nobody' } }),
      [
        'daypass.yaml:3:3  identity.person_claim: is missing, so two accounts of one person count as two people: with the second, somebody in the right group approves what they asked for with the first (2 templates need approval). Name a claim that is the same in all accounts of somebody; or sub, where nobody has two.',
      ],
    );
    assert.deepEqual(said({}, { read: { scope: reading, approve: 'nobody' } }), []);
    assert.deepEqual(said({ personClaim: 'sub' }, { fix: {} }), []);
  });
});

describe('whether a scope includes another one', () => {
  const privileges = (...lines: string[]) => ({ privileges: lines });
  const wide = privileges(
    'select, update on all tables in schema sales',
    'execute on all functions in schema sales',
  );
  const table: [more: object, less: object, boolean][] = [
    [privileges('select on sales.orders'), privileges('select on sales.orders'), true],
    [privileges('select on sales.orders'), privileges('select (id) on sales.orders'), true],
    [privileges('select (id) on sales.orders'), privileges('select on sales.orders'), false],
    [privileges('select (a, b) on s.t', 'select (c) on s.t'), privileges('select (c, a) on s.t'), true],
    [privileges('select (a, b) on s.t', 'update (c) on s.t'), privileges('select (c, a) on s.t'), false],
    [wide, privileges('update (status) on sales.orders', 'usage on schema sales'), true],
    [wide, privileges('execute on function sales.refund(int)'), true],
    [wide, privileges('delete on sales.orders'), false],
    [wide, privileges('select on payments.orders'), false],
    [wide, privileges('select on sequence sales.ids'), false],
    [privileges('select on sales.orders'), privileges('select on all tables in schema sales'), false],
    [privileges('execute on function s.f(int)'), privileges('execute on function s.f(text)'), false],
    [{ owner: 'o', schema: 'sales' }, privileges('delete on sales.orders'), true],
    [{ owner: 'o', schema: 'sales' }, privileges('select on payments.payments'), false],
    [{ owner: 'o', schema: 'sales' }, { owner: 'o', schema: 'sales' }, true],
    [{ owner: 'o', schema: 'sales' }, { owner: 'p', schema: 'sales' }, false],
    [{ roles: ['o'] }, { owner: 'o', schema: 'sales' }, false],
    [{ roles: ['pg_monitor'] }, { roles: ['pg_read_all_stats'] }, true],
    [{ roles: ['pg_read_all_stats'] }, { roles: ['pg_monitor'] }, false],
    [{ roles: ['pg_read_all_data'] }, privileges('select on sales.orders'), true],
    [{ roles: ['pg_read_all_data'] }, privileges('update on sales.orders'), false],
    [{ roles: ['pg_read_all_data'] }, privileges('execute on function s.f()'), false],
  ];
  for (const [more, less, is] of table)
    it(`${JSON.stringify(more)} ${is ? 'includes' : 'does not include'} ${JSON.stringify(less)}`, () =>
      assert.equal(includes(storedScope(more), storedScope(less)), is));

  it('and how much it changes', () => {
    const changes = (...lines: string[]) => changesOf(storedScope(privileges(...lines)));
    assert.equal(changes('select on all tables in schema sales', 'usage on schema sales'), 'nothing');
    assert.equal(changes('update (status) on sales.orders'), 'something');
    assert.equal(changes('delete on all tables in schema sales'), 'everything');
    assert.equal(changes('maintain on all tables in schema sales'), 'nothing');
  });
});
