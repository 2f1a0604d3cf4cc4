import assert from 'node:assert/strict';
import { lastUsedFirst } from '../../src/extension/views/order.ts';
import { toldInWords } from '../../src/contract/telling-words.ts';
import type { AccessRequest, Template } from '../../src/extension/state/world.ts';
import { requestNodes, type RequestNode } from '../../src/extension/views/requestNodes.ts';
import { standingOf } from '../../src/extension/views/standing.ts';
import { templateNodes, whyEmpty, type TemplateNode } from '../../src/extension/views/templateNodes.ts';
import { timeOfDay } from '../../src/extension/views/words.ts';
import {
  ana,
  ben,
  grant,
  inMs,
  lease,
  minutes,
  now,
  request,
  template,
  toLocal,
  unopened,
  world,
} from './support/samples.ts';

const labels = (node: TemplateNode | RequestNode | undefined): string[] =>
  node && 'children' in node ? node.children.map((child) => child.label) : [];

describe('the view "Templates"', () => {
  const bank = { ...template().target, id: 'bank', title: 'bank' };
  const list = {
    templates: [
      template(),
      template({
        id: 'bank-read',
        title: 'Read accounts',
        target: bank,
        access: 'read',
        approval: { needed: 0, from: [] },
      }),
      template({ id: 'shop-migrate', title: 'Apply a migration', access: 'owner' }),
      template({ id: 'shop-slow', title: 'Look for slow queries', access: 'read' }),
    ],
  };

  it('groups by target and says in one line what, how long, who agrees', () => {
    const nodes = templateNodes(list);
    assert.deepEqual(
      nodes.map((node) => [node.label, labels(node)]),
      [
        ['bank', ['Read accounts']],
        ['shop', ['Look for slow queries', 'Fix one order’s status', 'Apply a migration']],
      ],
    );
    const [read] = nodes[0]?.is === 'target' ? nodes[0].children : [];
    assert.equal(read?.is === 'template' && read.description, 'read · up to 1 h · no approval needed');
  });

  it('is in the order in which they are offered to somebody who asks, but for what was used last', () => {
    const titles = (templates: readonly Template[]) => templates.map(({ title }) => title);
    const shown = templateNodes(list).flatMap(labels);
    assert.deepEqual(titles(list.templates.toSorted(lastUsedFirst([]))), shown);
    assert.deepEqual(titles(list.templates.toSorted(lastUsedFirst(['shop-migrate', 'shop-slow']))), [
      'Apply a migration',
      'Look for slow queries',
      'Read accounts',
      'Fix one order’s status',
    ]);
  });

  it('says what a template allows, line by line, and links the documentation', () => {
    const [target] = templateNodes({
      templates: [
        template({
          ticket: { pattern: 'INC-\\d+', required: true },
          mfa: { acr: ['mfa'], within: 'PT15M', at: ['request'] },
        }),
      ],
    });
    const [one] = target?.is === 'target' ? target.children : [];
    assert.deepEqual(labels(one), [
      'update orders.status and orders.updated_at',
      'read orders',
      'Up to 1 h, usually 30 min',
      'One of payments-leads must approve',
      'Needs a ticket',
      'Needs your second factor, at most 15 min old',
      'Documentation',
    ]);
  });

  it('has an id of its own for every item', () => {
    const all: string[] = [];
    const walk = (node: TemplateNode): void => {
      all.push(node.id);
      if ('children' in node) node.children.forEach(walk);
    };
    templateNodes(list).forEach(walk);
    assert.equal(new Set(all).size, all.length);
  });

  it('tells Dan why his list is empty and whom to ask', () => {
    assert.equal(
      whyEmpty({
        templates: [],
        empty: { forGroups: ['oncall', 'payments'], yourGroups: ['newcomers'], ask: 'Ben Roth or #platform' },
      }),
      'Nothing here yet. Templates appear for members of oncall or payments; you are in newcomers. Ask Ben Roth or #platform.',
    );
    assert.match(
      whyEmpty({ templates: [], empty: { forGroups: ['a'], yourGroups: [] } })!,
      /you are in no group\.$/,
    );
    assert.equal(whyEmpty(list), undefined);
    assert.equal(whyEmpty(undefined), undefined);
  });
});

describe('the view "Requests"', () => {
  const nodes = (...has: Parameters<typeof world>) =>
    requestNodes(standingOf(world(...has), now), { me: has[0].id, now, toLocal });

  const asked = (more: Parameters<typeof request>[0] = {}) => {
    const [section] = nodes(ben, {
      requests: [request({ may: { withdraw: false, decide: true, approve: true, write: true }, ...more })],
    });
    assert.equal(section?.label, 'Waiting for you');
    const [one] = section.is === 'section' ? section.children : [];
    assert.ok(one?.is === 'waiting for me');
    return one;
  };

  it('shows an approver who, why, what exactly, how long and what else is open', () => {
    const one = asked({ openOnTarget: { own: ['Read orders'], others: 2 } });
    assert.equal(one.label, 'Ana Lima');
    assert.equal(one.description, 'fix one order’s status · shop · 30 min');
    assert.deepEqual(labels(one), [
      '“Order 4711 stuck after',
      'payment retry (INC-2231)”',
      'update orders.status and orders.updated_at',
      'read orders',
      '30 min, from the first terminal on',
      'Ana Lima is on shop already: read orders',
      '2 other people are on shop now',
    ]);
    const ids = one.children.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('cuts no reason off unseen: all of it stands in lines that fit a narrow sidebar, or is a hover away', () => {
    const reason = 'Refunds of the third of March were booked twice; see the list in the ticket';
    const lines = asked({ reason }).children.filter(
      (child) => child.is === 'line' && child.tooltip.includes(reason),
    );
    assert.equal(lines.map(({ label }) => label).join(' '), `“${reason}”`);
    for (const { label } of lines) assert.ok(label.length <= 28, label);
    const long = asked({ reason: 'x'.repeat(400) }).children.filter(
      (child) => child.is === 'line' && /^[“x]+…?$/.test(child.label),
    );
    assert.equal(long.length, 4);
    assert.match(long[3]!.label, /…$/);
  });

  it('warns an approver of a target that is not verified', () => {
    const { target } = template();
    const unsafe = { template: template({ target: { ...target, tls: 'require' as const } }) };
    assert.ok(
      labels(asked(unsafe)).includes('The connection to shop is encrypted, but the server is not verified'),
    );
  });

  it('says to whoever waits who was told, who is next, and whom to call', () => {
    const told: AccessRequest['told'] = [
      { is: 'told', who: 'Ben', at: inMs(-minutes(2)) },
      { is: 'not reached', who: 'Pager', at: inMs(-minutes(1)) },
      { is: 'next', who: 'Eva', at: inMs(minutes(3)) },
      { is: 'not needed', who: 'Dan' },
      { is: 'call', number: '+49 30 1234', at: inMs(minutes(8)) },
    ];
    const [section] = nodes(ana, { requests: [request({ told })] });
    assert.ok(section?.is === 'section');
    const lines = labels(section.children[0]).slice(0, 4);
    assert.deepEqual(lines, [
      'Ben told 2 min ago',
      'Pager could not be reached',
      'Eva in 3 min',
      'or call +49 30 1234',
    ]);
    assert.deepEqual(toldInWords([{ is: 'told', who: 'Ben', at: inMs(-59_000) }], now), [
      'Ben told just now',
    ]);
    assert.deepEqual(toldInWords([{ is: 'next', who: 'Eva', at: inMs(-1) }], now), ['Eva is being told']);
    const none: AccessRequest['told'] = [
      { is: 'nobody', at: inMs(-1) },
      { is: 'nobody else', at: inMs(-1) },
    ];
    assert.deepEqual(toldInWords(none, now), ['nobody is known to be on call', 'nobody else is on call']);
    assert.deepEqual(toldInWords(undefined, now), []);
  });

  it('shows as many as can be looked at, those that wait longest first, and says how many more there are', () => {
    const shown = (count: number) => {
      const [section] = nodes(ben, {
        requests: Array.from({ length: count }, (_, n) =>
          request({
            createdAt: inMs(-minutes(1) - n),
            reason: `Reason ${n}`,
            may: { withdraw: false, decide: true, approve: true, write: true },
          }),
        ),
      });
      assert.equal(section?.is, 'section');
      return section.children;
    };
    assert.equal(shown(250).length, 250);
    assert.ok(shown(250).every(({ is }) => is === 'waiting for me'));
    const many = shown(3_000);
    assert.equal(many.length, 251);
    const [first, last] = [many[0], many.at(-1)];
    assert.ok(first?.is === 'waiting for me' && last?.is === 'line');
    assert.match(first.tooltip, /Reason 2999/);
    assert.equal(last.label, '2,750 more');
    assert.equal(last.tooltip, '250 are shown here. The others come up as these are settled.');
  });

  it('never offers somebody their own request to decide', () => {
    const sections = nodes(ana, { requests: [request()] });
    assert.deepEqual(
      sections.map(({ label }) => label),
      ['Yours'],
    );
  });

  it('lists the open access of others, to be revoked where the person may', () => {
    const may = { openTerminal: false, end: false, revoke: true, review: false };
    const [section, ...rest] = nodes(ben, {
      grants: [grant(), grant({ may }), grant({ may, state: 'ended', settled: true })],
    });
    assert.deepEqual(rest, []);
    assert.equal(section?.label, 'Open access of others');
    assert.deepEqual(labels(section), ['Ana Lima', 'Ana Lima']);
    assert.deepEqual('children' in section ? section.children.map((child) => child.is) : [], [
      'revocable',
      'readable',
    ]);
  });

  describe('while an end is not confirmed at the target', () => {
    const carol = { id: '00000000-0000-4000-8000-00000000000c', name: 'Carol Weber' };
    const obstacle = 'shop cannot be reached: connection refused';
    const over = (more: Parameters<typeof grant>[0] = {}, late = true) => {
      const one = grant({ state: 'revoked', endedAt: inMs(-minutes(2)), ...more });
      const unconfirmed = { since: inMs(-minutes(1)), obstacle };
      return { ...one, leases: [lease(one, { state: 'closing', ...(late ? { unconfirmed } : {}) })] };
    };
    const shownTo = (who: typeof ben, one: ReturnType<typeof over>, cutOff = false) => {
      const [section] = requestNodes(standingOf(world(who, { grants: [one] }), now), {
        me: who.id,
        now,
        toLocal,
        cutOff,
      });
      assert.ok(section?.is === 'section');
      const [node, ...others] = section.children;
      assert.deepEqual(others, []);
      assert.ok(node?.is === 'unproven');
      return { section: section.label, node };
    };
    const may = { openTerminal: false, end: false, revoke: false, review: false };
    const at = (instant: string) => timeOfDay(toLocal(Date.parse(instant)));
    const late = `not confirmed since ${at(inMs(-minutes(1)))} · over since ${at(inMs(-minutes(2)))}`;

    for (const [who, person] of [
      ['whoever approved or revoked it', ben],
      ['an auditor', carol],
    ] as const)
      it(`${who} reads that, since when and what stands in the way`, () => {
        const { section, node } = shownTo(person, over({ may }));
        assert.equal(section, 'Open access of others');
        assert.equal(node.label, 'Ana Lima');
        assert.equal(node.description, `${late} · fix one order’s status · shop`);
        assert.deepEqual(labels(node).slice(0, 6), [
          'shop cannot be reached:',
          'connection refused.',
          'A new login may be possible',
          `there until ${at(inMs(minutes(24)))}; a`,
          'connection that is open may',
          'last until shop answers.',
        ]);
        assert.deepEqual(node.tooltip.split('\n').slice(1), [
          `shop has not confirmed the end yet (since ${at(inMs(-minutes(1)))}).`,
          'What stands in the way: shop cannot be reached: connection refused.',
          `A new login may be possible there until ${at(inMs(minutes(24)))}; a connection that is open may last until shop answers.`,
        ]);
      });

    it('whoever had it reads it among their own', () => {
      const { section, node } = shownTo(ana, over());
      assert.equal(section, 'Yours');
      assert.equal(node.label, 'Fix one order’s status');
      assert.equal(node.description, late);
    });

    it('it is no more said than known: at first it is awaited, without the broker it is not known', () => {
      const soon = over({ may }, false);
      assert.match(shownTo(ben, soon).node.description, /^waiting for shop to confirm · over since /);
      assert.match(shownTo(ben, soon, true).node.description, /^not known whether confirmed · over since /);
      assert.match(shownTo(ben, over({ may }), true).node.description, /^not confirmed since /);
    });

    it('one that the clock ended is shown although the broker has not said so yet', () => {
      const expired = { ...over({ may }, false), ...grant({ may, state: 'active' }, -minutes(1)) };
      assert.match(shownTo(carol, expired).node.description, /^waiting for shop to confirm/);
    });

    it('it goes as soon as it is confirmed, and never came where nobody had opened anything', () => {
      for (const one of [
        { ...over({ may }), settled: true },
        unopened({ may, state: 'revoked', endedAt: inMs(0) }),
      ])
        assert.deepEqual(nodes(ben, { grants: [one] }), []);
    });

    it('a terminal that was closed is told of while the access goes on', () => {
      const one = grant({ may });
      const open = { ...one, leases: [lease(one, { unconfirmed: { since: inMs(-minutes(1)), obstacle } })] };
      const [section] = nodes(carol, { grants: [open] });
      const [node] = section?.is === 'section' ? section.children : [];
      assert.equal(node?.is, 'readable');
      assert.match(labels(node).slice(0, 2).join(' '), /^shop has not confirmed the end yet/);
      assert.notEqual(node.id, shownTo(carol, { ...over({ may }), id: one.id }).node.id, 'opened anew');
    });
  });

  it('shows an auditor what others ask for, to be read and not decided', () => {
    const carol = { id: '00000000-0000-4000-8000-00000000000c', name: 'Carol Weber' };
    const may = { decide: false, approve: false, withdraw: false, write: false };
    const [section, ...rest] = nodes(carol, { requests: [request({ may })] });
    assert.deepEqual(rest, []);
    assert.equal(section?.label, 'Requests of others');
    assert.deepEqual('children' in section ? section.children.map((child) => child.is) : [], [
      'waiting for others',
    ]);
    const standing = standingOf(world(carol, { requests: [request({ may })] }), now);
    assert.deepEqual(standing.waitingForMe, []);
  });
});
