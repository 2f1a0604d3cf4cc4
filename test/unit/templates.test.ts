import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Template } from '../../src/contract/templates.ts';
import { Secret } from '../../src/contract/secret.ts';
import type { TargetConfig } from '../../src/broker/config/config.ts';
import { spokenProblem } from '../../src/broker/config/problem.ts';
import { canonicalJson } from '../../src/broker/templates/digest.ts';
import { parseTemplates } from '../../src/broker/templates/parse.ts';
import { present } from '../../src/broker/templates/present.ts';
import { patternProblem, ticketExpression } from '../../src/broker/templates/ticket.ts';

const shop: TargetConfig = {
  id: 'shop',
  title: 'Shop',
  kind: 'postgresql',
  host: 'shop-db.internal',
  port: 5432,
  database: 'shop',
  tls: { mode: 'verify-full' },
  login: { user: 'daypass_broker', password: new Secret('x') },
  replicas: [],
  advertised: { host: 'shop.example', port: 6432 },
};
const references = {
  groups: ['engineering', 'payments-leads', 'security'],
  targets: new Map([['shop', shop]]),
};

const good = `# templates/shop/fix-order-status.yaml
template: shop-fix-order-status
title: Fix one order's status
summary: Update the status of orders, read orders. Nothing else.
target: shop
documentation: https://docs.shop.example/runbooks/stuck-orders
scope:
  privileges:
    - select on sales.orders
    - update (status, updated_at) on sales.orders
  settings: { statement_timeout: 30s }     # a default, not a limit
duration: { default: PT30M, longest: PT1H }
terminals: 3
request:
  by: [engineering]
  ticket: { pattern: 'INC-\\d+', required: true }
approve:
  by: [payments-leads]
revoke:
  by: [payments-leads, security]
`;

function said(text: string, file = 'templates/shop/fix-order-status.yaml'): string[] {
  const { problems, warnings } = parseTemplates([{ file: `/repo/${file}`, text }], references);
  return [...problems, ...warnings].map((problem) => spokenProblem(problem, '/repo'));
}

function parsed(text: string) {
  const { templates, problems } = parseTemplates([{ file: '/repo/templates/a.yaml', text }], references);
  assert.deepEqual(problems, []);
  return [...templates.values()][0]!;
}

describe('a template', () => {
  it('is read whole', () => {
    assert.deepEqual(said(good), []);
    const { digest, ...rest } = parsed(good);
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      id: 'shop-fix-order-status',
      title: "Fix one order's status",
      summary: 'Update the status of orders, read orders. Nothing else.',
      target: 'shop',
      scope: {
        privileges: ['select on sales.orders', 'update (status, updated_at) on sales.orders'],
        settings: { statement_timeout: '30s' },
      },
      documentation: 'https://docs.shop.example/runbooks/stuck-orders',
      duration: { defaultSeconds: 1800, longestSeconds: 3600 },
      terminals: 3,
      requestBy: ['engineering'],
      ticket: { pattern: 'INC-\\d+', required: true },
      needs: [{ by: ['payments-leads'], number: 1 }],
      never: [],
      automatic: [],
      revokeBy: ['payments-leads', 'security'],
    });
  });

  it('is shown as the contract has it, in words', () => {
    const shown = Template.parse(present(parsed(good), references));
    assert.deepEqual(shown.allows, ['read sales.orders', 'update status and updated_at of sales.orders']);
    assert.equal(shown.access, 'write');
    assert.deepEqual(shown.target, {
      id: 'shop',
      title: 'Shop',
      kind: 'postgresql',
      host: 'shop.example',
      port: 6432,
      tls: 'verify-full',
    });
    assert.deepEqual(shown.duration, { default: 'PT30M', longest: 'PT1H' });
    assert.deepEqual(shown.approval, { needed: 1, from: ['payments-leads'] });
  });

  it('says how many of which groups approve, and who never does', () => {
    const approvedBy = (approve: string) =>
      good.replace('approve:\n  by: [payments-leads]', `approve: ${approve}`);
    const two = parsed(approvedBy('{ by: [payments-leads], number: 2, never: [engineering] }'));
    assert.deepEqual([two.needs, two.never], [[{ by: ['payments-leads'], number: 2 }], ['engineering']]);
    assert.deepEqual(present(two, references).approval, { needed: 2, from: ['payments-leads'] });
    const both = parsed(approvedBy('{ all_of: [{ by: [payments-leads] }, { by: [security], number: 2 }] }'));
    assert.deepEqual(present(both, references).approval, {
      needed: 3,
      from: ['payments-leads', 'security'],
      needs: [
        { number: 1, by: ['payments-leads'] },
        { number: 2, by: ['security'] },
      ],
    });
    for (const [approve, complaint] of [
      ['{}', /approve: should name either "by", groups of which somebody approves, or "all_of"/],
      ['{ by: [security], all_of: [{ by: [security] }, { by: [engineering] }] }', /should name either "by"/],
      ['{ all_of: [{ by: [security] }] }', /approve\.all_of: should list at least 2/],
      ['{ by: [security], number: 0 }', /approve\.number: should be at least 1/],
      [
        '{ by: [security], never: [securty] }',
        /approve\.never: nobody is in "securty". Did you mean "security"/,
      ],
      ['{ all_of: [{ by: [sec] }, { by: [engineering] }] }', /approve\.all_of\S*by: nobody is in "sec"/],
    ] as const)
      assert.match(said(approvedBy(approve)).join('\n'), complaint);
  });

  it('says when it needs nobody', () => {
    const automatic = (text: string) => good.replace('approve:\n', `approve:\n  automatic:\n    - ${text}\n`);
    const ways = parsed(
      automatic(
        '{ up_to: PT15M, hours: { days: [fri, mon], from: "09:00", until: "24:00", zone: Europe/Berlin }, a_day: { of_person: 2 } }',
      ),
    ).automatic;
    assert.deepEqual(ways, [
      {
        upToSeconds: 900,
        hours: { days: [1, 5], fromMinute: 540, untilMinute: 1440, zone: 'Europe/Berlin' },
        aDay: { ofPerson: 2 },
      },
    ]);
    for (const [text, complaint] of [
      ['{ a_day: { of_person: 2 } }', /should say whom or what it is for: "on_call", "up_to"/],
      ['{ on_call: payments }', /on_call: there is no schedule "payments"/],
      ['{ up_to: PT15M, hours: { from: "17:00", until: "09:00" } }', /until: should be later than "from"/],
      [
        '{ up_to: PT15M, hours: { from: "9:00", until: "17:00" } }',
        /from: should be a time of day, like 09:00/,
      ],
      ['{ up_to: PT15M, hours: { from: "09:00", until: "17:00", zone: Berlin } }', /zone: is no time zone/],
    ] as const)
      assert.match(said(automatic(text)).join('\n'), complaint);
  });

  describe('with a policy.yaml beside it', () => {
    const withPolicy = (text: string) =>
      parseTemplates(
        [
          { file: '/repo/templates/a.yaml', text: good },
          { file: '/repo/templates/policy.yaml', text },
        ],
        references,
      );

    it('is frozen and capped by it', () => {
      const { templates, policy, problems } = withPolicy(`
freezes:
  - { reason: "Christmas: nothing changes", from: 2026-12-18T18:00+01:00, until: 2027-01-02T07:00Z, targets: [shop] }
caps: { shop: { of_person: 2 } }
`);
      assert.deepEqual([problems, templates.size], [[], 1]);
      assert.deepEqual(policy.freezes, [
        {
          reason: 'Christmas: nothing changes',
          from: new Date('2026-12-18T17:00:00Z'),
          until: new Date('2027-01-02T07:00:00Z'),
          targets: ['shop'],
          except: [],
        },
      ]);
      assert.deepEqual([...policy.caps], [['shop', { ofPerson: 2 }]]);
    });

    it('is told what is wrong there', () => {
      const freeze = (more: string) => `freezes: [{ reason: Christmas, ${more} }]`;
      for (const [text, complaint] of [
        [freeze('from: 2026-12-18, until: 2027-01-02T07:00Z'), /from: should be a time with its offset/],
        [freeze('from: 2026-12-18T18:00Z, until: 2026-12-18T18:00Z'), /until: should be later than "from"/],
        [
          freeze('from: 2026-12-18T18:00Z, until: 2027-01-02T07:00Z, targets: [shp]'),
          /no target "shp". Did you mean "shop"/,
        ],
        [
          freeze('from: 2026-12-18T18:00Z, until: 2027-01-02T07:00Z, except: [shop-fix-order-statu]'),
          /no template "shop-fix-order-statu". Did you mean "shop-fix-order-status"/,
        ],
        ['caps: { billing: { of_person: 2 } }', /no target "billing"/],
        ['caps: { shop: { of_person: 0 } }', /of_person: should be at least 1/],
        ['freeze: []', /no such key. Did you mean "freezes"/],
      ] as const) {
        const { problems } = withPolicy(text);
        const words = problems.map((problem) => spokenProblem(problem, '/repo')).join('\n');
        assert.match(words, complaint);
        assert.match(words, /^templates\/policy\.yaml:/);
      }
    });
  });

  it('with a policy.yaml in several folders are frozen by all, and capped at a target by one', () => {
    const inFolders = (...texts: string[]) =>
      parseTemplates(
        texts.map((text, at) => ({ file: `/repo/templates/${['', 'shop/'][at] ?? ''}policy.yaml`, text })),
        references,
      );
    const freeze = (reason: string) =>
      `freezes: [{ reason: ${reason}, from: 2026-12-18T18:00Z, until: 2027-01-02T07:00Z }]\n`;
    const both = inFolders(freeze('Christmas'), `${freeze('Inventory')}caps: { shop: { of_person: 1 } }`);
    assert.deepEqual(both.problems, []);
    assert.deepEqual(
      both.policy.freezes.map(({ reason }) => reason),
      ['Christmas', 'Inventory'],
    );
    assert.deepEqual([...both.policy.caps], [['shop', { ofPerson: 1 }]]);

    const twice = inFolders('caps: { shop: { of_person: 1 } }', '\ncaps:\n  shop: { of_person: 9 }');
    assert.deepEqual(
      twice.problems.map((one) => spokenProblem(one, '/repo')),
      [
        'templates/shop/policy.yaml:3:3  caps.shop: ../policy.yaml:1 caps "shop" already, so it is not clear which one holds. Keep one of the two.',
      ],
    );
  });

  it('that nobody approves says so, and who may end it', () => {
    const open = parsed(good.replace('approve:\n  by: [payments-leads]', 'approve: nobody'));
    assert.deepEqual([open.needs, open.revokeBy], [[], ['payments-leads', 'security']]);
    assert.equal(present(open, references).approval.needed, 0);
  });

  it('without anybody who may revoke leaves it to those who approve', () => {
    assert.deepEqual(parsed(good.slice(0, good.indexOf('revoke:'))).revokeBy, ['payments-leads']);
  });

  it('has another digest with every change of what it says, and with nothing else', () => {
    const { digest } = parsed(good);
    assert.equal(parsed(`${good.replace(/#.*$/gm, '')}\n\n# same\n`).digest, digest);
    assert.equal(parsed(good.replace('PT1H', 'PT60M')).digest, digest);
    const changes: [string, string][] = [
      ['Fix one', 'Fix an'],
      ['Nothing else', 'No more'],
      ['stuck-orders', 'orders'],
      ['select on', 'select (id) on'],
      ['30s', '31s'],
      ['PT30M', 'PT20M'],
      ['PT1H', 'PT2H'],
      ['terminals: 3', 'terminals: 4'],
      ['by: [engineering]', 'by: [security]'],
      ['INC', 'CHG'],
      ['required: true', 'required: false'],
      ['by: [payments-leads]\n', 'by: [security]\n'],
      ['[payments-leads, security]', '[security]'],
      ['shop-fix', 'shop-mend'],
    ];
    const digests = changes.map(([from, to]) => parsed(good.replace(from, to)).digest);
    assert.equal(new Set([digest, ...digests]).size, changes.length + 1);
  });
});

describe('a template with a mistake', () => {
  const table: [what: string, from: string, to: string, ...words: string[]][] = [
    [
      'a group that nobody is in',
      'by: [payments-leads]\n',
      'by: [payments-lead]\n',
      '18:8  approve.by: nobody is in "payments-lead". Did you mean "payments-leads"?',
    ],
    [
      'a target that is not there',
      'target: shop',
      'target: shp',
      '5:9  target: there is no target "shp". Did you mean "shop"?',
    ],
    [
      'a key that is not there',
      'summary:',
      'sumary:',
      '4:1  sumary: there is no such key. Did you mean "summary"?',
    ],
    [
      'a key of the scope',
      'settings:',
      'setings:',
      '11:3  scope.setings: there is no such key. Did you mean "settings"?',
    ],
    [
      'nothing on who approves',
      'approve:\n  by: [payments-leads]\n',
      '',
      '2:1  approve: is missing. Who must approve: members of these groups, or "nobody". For example: approve: { by: [payments-leads] }',
    ],
    [
      'an empty list of those who approve',
      'by: [payments-leads]\n',
      'by: []\n',
      '18:7  approve.by: is an empty list. Groups whose members approve; never the requester. For example: by: [payments-leads]',
    ],
    [
      'nobody who approves and nobody who revokes',
      good.slice(good.indexOf('approve:')),
      'approve: nobody\n',
      '17:10  approve: with "nobody" to approve, say who may end it early. For example: revoke: { by: [security] }',
    ],
    [
      'a duration in other words',
      'PT30M',
      '30m',
      '12:22  duration.default: Write a duration like PT30M or PT1H.',
    ],
    [
      'a default over the longest',
      'PT30M',
      'PT2H',
      '12:22  duration.default: is longer than the longest, 1 h (PT1H).',
    ],
    [
      'more than a day',
      'PT1H',
      'PT25H',
      '12:38  duration.longest: should lie between 1 min (PT1M) and 24 h (PT24H).',
    ],
    ['too many terminals', 'terminals: 3', 'terminals: 11', '13:12  terminals: should be at most 10.'],
    [
      'half a terminal',
      'terminals: 3',
      'terminals: 1.5',
      '13:12  terminals: should be a whole number, not 1.5. How many terminals may be open at once under one grant; 3 unless said.',
    ],
    [
      'an id that cannot be a name',
      'template: shop-fix',
      'template: Shop_Fix',
      '2:11  template: Lower-case words joined by hyphens, e.g. shop-read-orders.',
    ],
    [
      'a title that shows other text than it holds',
      "title: Fix one order's status",
      'title: "Read \\u202esredro"',
      '3:8  title: Plain text on one line, please: no line breaks, control or invisible characters.',
    ],
    [
      'a summary over several lines',
      'summary: Update',
      'summary: "x\\ny" #',
      '4:10  summary: Plain text on one line, please: no line breaks, control or invisible characters.',
    ],
    [
      'a link that is a script',
      'https://docs',
      'javascript:docs',
      '6:16  documentation: should be a complete address that begins with https://.',
    ],
    [
      'a link with a password',
      'https://docs',
      'https://u:p@docs',
      '6:16  documentation: should be a complete address that begins with https://.',
    ],
    [
      'a privilege that is none',
      'select on',
      'selct on',
      '9:7  scope.privileges: A line begins with a privilege: select, insert, update, delete, truncate, maintain, usage, execute; "selct" is none.',
    ],
    [
      'a pattern that never ends',
      'INC-\\d+',
      '(a+)+',
      '16:22  request.ticket.pattern: repeats within repeats, which can take forever. Use one + or * for each part, like [A-Z]+-\\d+.',
    ],
    [
      'a pattern in double quotes',
      "'INC-\\d+'",
      '"INC-\\d+"',
      '16:27  this \\ means nothing inside "…". Use single quotes, where \\ is just a \\.',
    ],
    [
      'a text for a list',
      'by: [engineering]',
      'by: engineering',
      '15:7  request.by: should be a list, not a text. Groups whose members may request it. For example: by: [engineering]',
    ],
  ];
  for (const [what, from, to, ...words] of table)
    it(`names ${what}, its place, and what would be right`, () => {
      assert.ok(good.includes(from), 'the table changes what is there');
      const lines = said(good.replace(from, to));
      for (const line of words)
        assert.ok(lines.includes(`templates/shop/fix-order-status.yaml:${line}`), lines.join('\n'));
    });

  it('says everything at once', () => {
    const lines = said(
      good
        .replace('target: shop', 'target: shp')
        .replace('terminals: 3', 'terminals: 30')
        .replace('by: [payments-leads]\n', 'by: [nobodies]\n'),
    );
    assert.deepEqual(
      lines.map((line) => / {2}([^:]+):/.exec(line)?.[1]),
      ['target', 'terminals', 'approve.by'],
    );
  });

  it('lets nobody break the glass without a second factor, wherever that is demanded', () => {
    const glass = (more = '') =>
      said(`${good}break_glass: { by: [engineering], after: PT5M, longest: PT10M${more} }\n`);
    assert.match(glass().join('\n'), /break_glass: always takes a second factor, proved for it/);
    const others = (text: string) => said(text).filter((line) => line.includes('second factor'));
    const demanding = `${good.replace('  by: [payments-leads]', '  by: [payments-leads]\n  mfa: { acr: [mfa] }')}break_glass: { by: [engineering], longest: PT10M }\n`;
    assert.deepEqual(others(demanding), []);
    assert.deepEqual(
      glass(', acr: [mfa]').filter((line) => line.includes('second factor')),
      [],
    );
  });

  it('is left out, the others stay', () => {
    const { templates, problems } = parseTemplates(
      [
        { file: '/repo/a.yaml', text: good },
        { file: '/repo/b.yaml', text: good.replace('shop-fix', 'shop-mend').replace('PT30M', 'x') },
      ],
      references,
    );
    assert.deepEqual([...templates.keys()], ['shop-fix-order-status']);
    assert.equal(problems.length, 1);
  });

  it('is told of a name that another file has', () => {
    const files = ['/repo/a.yaml', '/repo/b.yaml'].map((file) => ({ file, text: good }));
    const { problems } = parseTemplates(files, references);
    assert.deepEqual(
      problems.map((problem) => spokenProblem(problem, '/repo')),
      ['b.yaml:2:11  template: "shop-fix-order-status" is taken already, by a.yaml:2. Choose another name.'],
    );
  });

  it('is warned of a file that is called otherwise', () => {
    assert.deepEqual(said(good, 'templates/shop/fix-orders.yaml'), [
      'templates/shop/fix-orders.yaml:2:11  template: is called "shop-fix-order-status" in a file called "fix-orders". Alike, it is found sooner.',
    ]);
    for (const name of ['shop-fix-order-status.yml', 'shop/fix-order-status.daypass.yaml'])
      assert.deepEqual(said(good, name), []);
  });

  it('can be any text without doing harm', function () {
    this.timeout(30_000);
    const lines = good.split('\n');
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.nat(lines.length),
            fc.oneof(
              fc.string({ maxLength: 40 }),
              fc.constantFrom(...lines, '- ', ' [', '&a', '*a', '"', '\t'),
            ),
          ),
          { maxLength: 4 },
        ),
        (edits) => {
          const text = [...lines];
          for (const [at, put] of edits) text.splice(at, 1, put);
          const { templates, problems } = parseTemplates(
            [{ file: '/a.yaml', text: text.join('\n') }],
            references,
          );
          assert.ok(templates.size === 1 || problems.length > 0);
          for (const problem of problems)
            assert.ok(problem.words.length > 5 && !/undefined|\[object/.test(problem.words));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a ticket’s pattern', () => {
  const taken: [pattern: string, matches: string[], not: string[]][] = [
    ['INC-\\d+', ['INC-1', 'INC-2231'], ['INC-', 'XINC-1', 'INC-1 ', 'INC-1\n', 'inc-1']],
    ['INC-\\d+|CHG-\\d+', ['INC-1', 'CHG-2'], ['INC-1|CHG-2', 'INC-1x']],
    ['(INC|CHG)-\\d{4,8}', ['INC-1234'], ['INC-123', 'INC-123456789']],
    ['[A-Z][A-Z0-9]+-\\d+', ['PAY2-17'], ['2PAY-17', 'P-17']],
    ['[A-Z]+-\\d+(?:-[a-z]+)?', ['A-1', 'A-1-b'], ['A-1-', 'A-1-B']],
    ['^INC-\\d+$', ['INC-1'], ['INC-1 INC-2']],
    ['#\\d{1,7}', ['#4711'], ['4711']],
    ['\\w+\\.\\w+', ['a.b'], ['ab']],
    ['[^\\s\\]]{3}', ['abc'], ['a c', 'ab]']],
  ];
  for (const [pattern, matches, not] of taken)
    it(`${pattern} is matched as a whole`, () => {
      assert.equal(patternProblem(pattern), undefined);
      for (const ticket of matches) assert.match(ticket, ticketExpression(pattern));
      for (const ticket of not) assert.doesNotMatch(ticket, ticketExpression(pattern));
    });

  const refused = [
    '(a+)+',
    '(a*)*b',
    '(a|a)*',
    '(a|ab)+c',
    '(\\w+\\s?)*',
    '(.*)(.*)(.*)(.*)x',
    'a?'.repeat(30),
    '((a{1,9}){1,9}){1,9}',
    '(a|b|ab){1,60}',
    '(?=a)a',
    '(?<!a)b',
    '(?<name>a)',
    '(a)\\1',
    '\\p{L}+',
    '\\bINC',
    '(INC',
    'INC)',
    '[INC',
    '*',
    'a{5,2}',
    'a**',
    '\\',
    'x'.repeat(201),
  ];
  for (const pattern of refused)
    it(`${pattern.slice(0, 24)} is refused, and it is said why`, () => {
      assert.match(patternProblem(pattern) ?? 'taken', /^(is|has|uses|repeats) .*\.$/);
    });
});

describe('a digest', () => {
  it('is over JSON that is the same for equal values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const shuffled = JSON.parse(JSON.stringify(value), (_key, part: unknown) =>
          typeof part === 'object' && part !== null && !Array.isArray(part)
            ? Object.fromEntries(Object.entries(part).reverse())
            : part,
        ) as unknown;
        assert.equal(canonicalJson(shuffled), canonicalJson(JSON.parse(JSON.stringify(value))));
        assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
