import assert from 'node:assert/strict';
import { changesOf, type Version } from '../../src/broker/templates/changes.ts';
import { scopeLanguages } from '../../src/broker/templates/scopes.ts';
import { template } from './support/samples.ts';

const { describe: shownOf, parts } = scopeLanguages.postgresql;
/** A template with this scope, as the broker holds two against each other. */
const scoped = (scope: object) => ({
  shown: template({ allows: shownOf(scope).allows }),
  ...parts(scope),
});
const orders = ['update(status, updated_at) on public.orders', 'select on public.orders'];
const scope = { privileges: orders, connections: 10 };
const was: Version = {
  ...scoped(scope),
  never: [],
  revokeBy: ['security'],
  requestBy: ['engineering'],
  approvedAlone: [],
};
const { shown } = was;
const glass = { by: ['oncall'], longest: 'PT10M' };
const changed = (now: Partial<Version>, askedSeconds = 1800, longestSeconds = 3600) =>
  changesOf(was, { ...was, ...now }, askedSeconds, longestSeconds);

describe('how a template differs from what it was', () => {
  const rows: readonly [
    what: string,
    now: Partial<Version>,
    lines: readonly string[],
    allowsLess: boolean,
  ][] = [
    [
      'less is allowed',
      scoped({ ...scope, privileges: orders.slice(1) }),
      ['No longer allows: update status and updated_at of public.orders'],
      true,
    ],
    [
      'more is allowed',
      scoped({ ...scope, privileges: [...orders, 'select on public.payments'] }),
      ['Now also allows: read public.payments'],
      false,
    ],
    ['fewer connections', scoped({ ...scope, connections: 2 }), ['Connections at once: 2 (was 10)'], true],
    [
      'more of what is said in words and of what is not',
      scoped({ privileges: [...orders, 'select on public.payments'], connections: 20 }),
      ['Now also allows: read public.payments', 'Connections at once: 20 (was 10)'],
      false,
    ],
    [
      'another setting and another database',
      scoped({ ...scope, database: 'archive', settings: { statement_timeout: '30s' } }),
      [
        'No longer allows: connect to the target’s own database',
        'Now also allows: connect to the database archive',
        'Setting statement_timeout: 30s (was not set)',
      ],
      true,
    ],
    [
      'what only the target’s terms tell apart',
      { rights: was.rights.map((one) => ({ ...one, term: one.term.replace('orders', 'Orders') })) },
      was.rights
        .flatMap(({ term }) => (term.includes('orders') ? [`No longer allows: ${term}`] : []))
        .concat(
          was.rights.flatMap(({ term }) =>
            term.includes('orders') ? [`Now also allows: ${term.replace('orders', 'Orders')}`] : [],
          ),
        ),
      true,
    ],
    [
      'the requester’s sign-in',
      { shown: { ...shown, mfa: { acr: ['mfa'], within: 'PT15M', at: ['request', 'activation'] } } },
      ['The requester’s sign-in: mfa, not older than 15 min, to request it and to open it (was any)'],
      false,
    ],
    [
      'an approver’s sign-in',
      { shown: { ...shown, approval: { ...shown.approval, mfa: {} } } },
      ['An approver’s sign-in: any in a browser (was any)'],
      false,
    ],
    [
      'what needs nobody',
      {
        approvedAlone: [
          { onCall: 'payments', upToSeconds: 900 },
          { upToSeconds: 300, aDay: { ofPerson: 2, inTotal: 9 } },
        ],
      },
      [
        'Approved without anybody: on call (payments), up to 15 min; or up to 5 min, 2 a day for one person, 9 a day for all (was never)',
      ],
      false,
    ],
    [
      'who may break the glass, and how they sign in for it',
      { shown: { ...shown, breakGlass: glass }, glassAcr: ['mfa'] },
      ['Breaking the glass: oncall, at once, for 10 min at most, signed in by mfa (was nobody)'],
      false,
    ],
    [
      'who is told',
      {
        shown: {
          ...shown,
          notify: [
            { afterSeconds: 0, tell: 'whoever is on call (payments)' },
            { afterSeconds: 480, call: '+49 30 1234' },
          ],
        },
      },
      ['Told of a request: whoever is on call (payments), call +49 30 1234 after 8 min (was nobody)'],
      false,
    ],
    ['who may request it', { requestBy: ['sre'] }, ['May request: sre (was engineering)'], false],
    [
      'how long',
      { shown: { ...shown, duration: { default: 'PT15M', longest: 'PT45M' } } },
      ['Longest: 45 min (was 1 h)', 'Usual: 15 min (was 30 min)'],
      false,
    ],
    [
      'who approves',
      { shown: { ...shown, approval: { needed: 2, from: ['sre'] } }, never: ['contractors'] },
      [
        'Must approve: 2 of sre (was one of payments-leads)',
        'Never approve: contractors (was nobody besides the requester)',
      ],
      false,
    ],
    ['who revokes', { revokeBy: ['sre'] }, ['May revoke: sre (was security)'], false],
    [
      'where it is',
      { shown: { ...shown, target: { ...shown.target, id: 'billing', title: 'billing' } } },
      ['Target: billing (was shop)'],
      true,
    ],
    [
      'what is not shown',
      {},
      ['What it allows and who must approve it is as it was; something else changed, or how it is written'],
      false,
    ],
  ];
  for (const [what, now, lines, allowsLess] of rows)
    it(`says ${what}`, () => assert.deepEqual(changed(now), { lines, allowsLess }));

  it('says nothing of what was not kept with the request', () => {
    const { requestBy: _, approvedAlone: __, ...before } = was;
    const now = { ...was, requestBy: ['sre'], approvedAlone: [{ upToSeconds: 60 }] };
    assert.match(
      changesOf(before, now, 1800, 3600).lines.join(),
      /^What it allows .* something else changed/,
    );
  });

  it('says when what was asked for is longer than it allows now', () => {
    const now = { shown: { ...shown, duration: { default: 'PT30M', longest: 'PT30M' } } };
    assert.deepEqual(changed(now, 3600, 1800), {
      lines: ['Longest: 30 min (was 1 h)', 'What was asked for is longer than it allows now'],
      allowsLess: true,
    });
  });
});
