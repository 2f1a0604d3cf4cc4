import assert from 'node:assert/strict';
import { requestNodes, type RequestNode } from '../../src/extension/views/requestNodes.ts';
import { standingOf } from '../../src/extension/views/standing.ts';
import { templateNodes, whyEmpty, type TemplateNode } from '../../src/extension/views/templateNodes.ts';
import { ana, ben, grant, now, request, template, toLocal, world } from './support/samples.ts';

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
      template({ id: 'shop-read', title: 'Apply a migration' }),
    ],
  };

  it('groups by target and says in one line what, how long, who agrees', () => {
    const nodes = templateNodes(list);
    assert.deepEqual(
      nodes.map((node) => [node.label, labels(node)]),
      [
        ['bank', ['Read accounts']],
        ['shop', ['Apply a migration', 'Fix one order’s status']],
      ],
    );
    const [read] = nodes[0]?.is === 'target' ? nodes[0].children : [];
    assert.equal(read?.is === 'template' && read.description, 'read · up to 1 h · no approval needed');
  });

  it('says what a template allows, line by line, and links the documentation', () => {
    const [target] = templateNodes({
      templates: [template({ ticket: { pattern: 'INC-\\d+', required: true } })],
    });
    const [one] = target?.is === 'target' ? target.children : [];
    assert.deepEqual(labels(one), [
      'update orders.status and orders.updated_at',
      'read orders',
      'Up to 1 h, usually 30 min',
      'One of payments-leads must approve',
      'Needs a ticket',
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
  const nodes = (...has: Parameters<typeof world>) => requestNodes(standingOf(world(...has), now), toLocal);

  it('shows an approver who, what exactly, why, how long and what else is open', () => {
    const [section] = nodes(ben, {
      requests: [request({ may: { withdraw: false, decide: true }, openOnTarget: 2 })],
    });
    assert.equal(section?.label, 'Waiting for you');
    const [one] = section.is === 'section' ? section.children : [];
    assert.deepEqual(labels(one), [
      'Ana Lima asks to fix one order’s status on shop',
      'update orders.status and orders.updated_at',
      'read orders',
      'Why: “Order 4711 stuck after payment retry (INC-2231)”',
      '30 min from the first terminal on',
      '2 other people are on shop now',
    ]);
  });

  it('never offers somebody their own request to decide', () => {
    const sections = nodes(ana, { requests: [request()] });
    assert.deepEqual(
      sections.map(({ label }) => label),
      ['Yours'],
    );
  });

  it('lists the open access of others that may be revoked, and nothing else of theirs', () => {
    const may = { openTerminal: false, end: false, revoke: true };
    const sections = nodes(ben, { grants: [grant({ may }), grant(), grant({ may, state: 'ended' })] });
    assert.deepEqual(
      sections.map((section) => [section.label, labels(section)]),
      [['Open access of others', ['Ana Lima: Fix one order’s status']]],
    );
  });
});
