import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { AccessRequest, Template } from '../../src/extension/state/world.ts';
import { noticesOf } from '../../src/extension/views/notices.ts';
import { requestNodes, type RequestNode } from '../../src/extension/views/requestNodes.ts';
import { actIn, reviewModel } from '../../src/extension/views/reviewModel.ts';
import { reviewPage } from '../../src/extension/views/reviewPage.ts';
import { sessionModel } from '../../src/extension/views/sessionModel.ts';
import { standingOf } from '../../src/extension/views/standing.ts';
import { statusOf } from '../../src/extension/views/statusText.ts';
import {
  ana,
  ben,
  inMs,
  minutes,
  now,
  request,
  template,
  toLocal,
  unopened,
  world,
} from './support/samples.ts';

const eva = { id: '00000000-0000-4000-8000-00000000000e', name: 'Eva Lang' };
const decides = { withdraw: false, decide: true, approve: true, write: true };
const reads = { withdraw: false, decide: false, approve: false, write: false };
const asked = (more: Partial<AccessRequest> = {}) => request({ may: decides, ...more });
const shown = (of: AccessRequest, me = ben) => reviewModel(of, me.id, now, toLocal);
const said = (by: typeof ana, text: string) => ({ id: randomUUID(), by, text, at: inMs(-1000) });
const claimed = (by: typeof ana, sinceMs = -minutes(1)) => ({
  by,
  since: inMs(sinceMs),
  until: inMs(sinceMs + minutes(10)),
});

describe('what an approver is shown', () => {
  it('is who, what, how long and why, what exactly in words and in the target’s terms, and what else is open', () => {
    const model = shown(
      asked({
        ticket: 'INC-2231',
        ticketLink: 'https://issues.shop.example/INC-2231',
        terms: ['SELECT ON orders'],
        openOnTarget: { own: ['Read orders'], others: 2 },
      }),
    );
    assert.equal(model.heading, 'Ana Lima asks to fix one order’s status on shop');
    assert.deepEqual(model.inShort.slice(0, 2), ['30 min', 'INC-2231']);
    assert.equal(model.why, 'Order 4711 stuck after payment retry (INC-2231)');
    assert.deepEqual(model.ticket, { text: 'INC-2231', link: 'https://issues.shop.example/INC-2231' });
    assert.equal(model.access, 'Changes data');
    assert.deepEqual(model.allows, ['update orders.status and orders.updated_at', 'read orders']);
    assert.deepEqual(model.terms, ['SELECT ON orders']);
    assert.deepEqual(model.facts.slice(0, 3), [
      ['How long', '30 min, from the first terminal on'],
      ['On shop now', 'Ana Lima is on shop already: read orders. 2 other people are on shop now'],
      ['Must approve', 'one of payments-leads'],
    ]);
    assert.equal(model.outcome, undefined);
  });

  it('who would add nothing waits for others, and can deny it', () => {
    const { outcome, actions } = shown(asked({ may: { ...decides, approve: false }, askedOf: ['Eva Lang'] }));
    assert.deepEqual(outcome, {
      look: 'calm',
      words: 'Waiting for Eva Lang. Your approval would add nothing; you can deny it.',
    });
    assert.deepEqual([actions.approve, actions.shorten, actions.claim], [undefined, undefined, undefined]);
    assert.ok(actions.deny);
  });

  it('says who else knows of it while it waits', () => {
    const told: AccessRequest['told'] = [
      { is: 'told', who: 'Ben Roth', at: inMs(-minutes(2)) },
      { is: 'next', who: 'Eva', at: inMs(minutes(3)) },
    ];
    const line = (more: Partial<AccessRequest>) =>
      new Map(shown(asked({ told, ...more })).facts).get('Who is told');
    assert.equal(line({}), 'Ben Roth told 2 min ago; Eva in 3 min');
    assert.equal(line({ state: 'denied' }), undefined);
  });

  it('is said in a breath to whoever hears it', () => {
    assert.equal(
      shown(asked()).spoken,
      'Ana Lima asks to fix one order’s status on shop. 30 min. Why: Order 4711 stuck after payment retry (INC-2231). It allows: update orders.status and orders.updated_at and read orders. Nobody else is on shop now.',
    );
  });

  it('says where the target is not verified', () => {
    const { target } = template();
    const careful = (tls: Template['target']['tls']) =>
      shown(asked({ template: template({ target: { ...target, tls } }) })).careful;
    assert.deepEqual(careful('off'), ['The connection to shop is not encrypted']);
    assert.equal(careful('verify-ca').length, 1);
    assert.deepEqual(careful('verify-full'), []);
  });

  it('says how the template changed, what approving gives then, and that one that is gone cannot be approved', () => {
    const changes = ['No longer allows: read orders'];
    const less = shown(asked({ templateNow: { is: 'changed', changes, allowsLess: true } }));
    assert.deepEqual(less.changed, {
      headline: 'This template changed since',
      lines: changes,
      meaning:
        'It allows less now than what was asked for. Approving gives what was asked for, as it stands below.',
    });
    assert.match(less.spoken, /This template changed since\./);
    const gone = shown(asked({ templateNow: { is: 'gone' } }));
    assert.match(gone.changed?.meaning ?? '', /cannot be approved any more\. Deny it/);
    assert.deepEqual(Object.keys(gone.actions), ['deny', 'write', 'claim']);
  });

  it('offers to approve, to shorten, to deny, to ask and to claim', () => {
    const { actions } = shown(asked());
    assert.equal(actions.approve?.label, 'Approve 30 min');
    assert.deepEqual(
      actions.shorten?.map(({ label }) => label),
      ['15 min', '10 min', '5 min'],
    );
    assert.equal(actions.shorten[0]?.spoken, 'Approve 15 min instead of 30 min');
    assert.equal(actions.write?.label, 'Ask');
    assert.deepEqual(actions.claim, { label: 'I’m looking' });
    assert.equal(actions.withdraw, undefined);
    assert.deepEqual(shown(asked({ duration: 'PT5M' })).actions.shorten, []);
  });

  it('tells who looks, offers to take over, and to stop where it is oneself; after its time it is nobody', () => {
    const others = shown(asked({ claim: claimed(eva) }));
    assert.match(others.looking?.words ?? '', /^Eva Lang is looking, since \d\d:\d\d$/);
    assert.deepEqual(others.actions.claim, { label: 'Take over from Eva Lang', from: eva.id });
    assert.equal(others.actions.approve?.label, 'Approve 30 min', 'it keeps nobody from deciding');
    const own = shown(asked({ claim: claimed(ben) }));
    assert.match(own.looking?.words ?? '', /^You are looking/);
    assert.deepEqual([own.actions.claim, own.actions.release], [undefined, true]);
    assert.equal(shown(asked({ claim: claimed(eva, -minutes(10)) })).looking, undefined);
  });

  it('shows whoever asked the same, to answer and to withdraw, and an auditor nothing to do', () => {
    const mine = shown(request({ messages: [said(ben, 'Which customer?')] }), ana);
    assert.equal(mine.heading, 'You ask to fix one order’s status on shop');
    assert.equal(mine.outcome?.words, 'Waiting for Ben Roth');
    assert.deepEqual(Object.keys(mine.actions), ['write', 'withdraw']);
    assert.equal(mine.actions.write?.label, 'Answer');
    assert.deepEqual(
      mine.exchange.map(({ who, text }) => [who, text]),
      [['Ben Roth', 'Which customer?']],
    );
    assert.deepEqual(shown(request({ may: reads }), eva).actions, {});
  });

  it('tells what came of it and who said so', () => {
    const over = shown(
      request({
        state: 'approved',
        may: reads,
        stillNeeded: [],
        decisions: [{ by: eva, verdict: 'approve', duration: 'PT15M', at: inMs(0) }],
      }),
    );
    assert.equal(over.outcome?.words, 'Approved. Ana Lima has been told.');
    assert.equal(over.facts[0]?.[1], '15 min instead of 30 min, from the first terminal on');
    assert.match(over.decided[0] ?? '', /^Eva Lang approved 15 min at \d\d:\d\d$/);
    assert.deepEqual(over.actions, {});
  });
});

describe('the page of a review', () => {
  it('takes from a page only what it can ask for', () => {
    const digest = 'a'.repeat(64);
    assert.deepEqual(actIn({ do: 'approve', digest }), { do: 'approve', digest });
    assert.deepEqual(actIn({ do: 'approve', digest, duration: 'PT5M' }), {
      do: 'approve',
      digest,
      duration: 'PT5M',
    });
    assert.deepEqual(actIn({ do: 'deny', digest, text: 'No' }), { do: 'deny', digest, comment: 'No' });
    for (const nonsense of [
      undefined,
      null,
      'approve',
      {},
      { do: 'approve' },
      { do: 'deny', digest },
      { do: 7 },
      { do: 'constructor' },
    ])
      assert.equal(actIn(nonsense), undefined);
  });

  it('holds nothing that people wrote as markup', () => {
    const page = reviewPage('<img src=x onerror=alert(1)>', {
      style: 's',
      script: 's',
      source: 'x',
      nonce: 'n',
      id: 'i',
    });
    assert.doesNotMatch(page, /<img/);
    assert.match(page, /default-src 'none'; style-src x; script-src 'nonce-n'/);
  });
});

describe('who is told of what is said, claimed and shortened', () => {
  const notices = (...has: Parameters<typeof world>) => noticesOf(world(...has), now, toLocal, () => false);
  const texts = (...has: Parameters<typeof world>) => notices(...has).map(({ text }) => text);

  it('a question goes to whoever asked for access, and offers to answer; not to other approvers', () => {
    const messages = [said(ben, 'Which customer?')];
    const [notice] = notices(ana, { requests: [request({ messages })] });
    assert.equal(notice?.text, 'Ben Roth asks: “Which customer?” (fix one order’s status on shop)');
    assert.deepEqual([notice.action?.label, notice.id], ['Answer', `said ${messages[0]!.id}`]);
    assert.deepEqual(
      notices(eva, { requests: [asked({ messages })] }).map(({ id }) => id.split(' ')[0]),
      ['asked'],
    );
  });

  it('an answer goes to whoever takes part, once per answer', () => {
    const messages = [said(ben, 'Which customer?'), said(ana, 'Mia')];
    assert.ok(
      texts(ben, { requests: [asked({ messages })] }).some((text) =>
        text.startsWith('Ana Lima answers: “Mia”'),
      ),
    );
    assert.ok(!texts(eva, { requests: [asked({ messages })] }).some((text) => text.includes('Mia')));
    assert.deepEqual(texts(ana, { requests: [request({ messages })] }), []);
    const claim = claimed(eva);
    assert.ok(texts(eva, { requests: [asked({ messages, claim })] }).some((text) => text.includes('Mia')));
  });

  it('nobody else is told of a request that somebody looks at, until they do no more', () => {
    assert.deepEqual(texts(ben, { requests: [asked({ claim: claimed(eva) })] }), []);
    assert.equal(texts(eva, { requests: [asked({ claim: claimed(eva) })] }).length, 1);
    assert.equal(texts(ben, { requests: [asked({ claim: claimed(eva, -minutes(11)) })] }).length, 1);
  });

  it('what is different since is told anew, to whoever decides; that it is gone, also to whoever asked', () => {
    const one = asked({
      templateNow: { is: 'changed', changes: ['Longest: 20 min (was 1 h)'], allowsLess: false },
    });
    const [notice] = notices(ben, { requests: [one] });
    assert.match(notice!.text, /The template changed since\.$/);
    assert.notEqual(notice!.id, `asked ${one.id}`);
    assert.deepEqual(texts(ana, { requests: [{ ...one, may: request().may }] }), []);
    const [removed] = notices(ana, { requests: [request({ templateNow: { is: 'gone' } })] });
    assert.match(removed!.text, /cannot be approved any more/);
    assert.equal(removed!.action?.label, 'Withdraw');
  });

  it('an approval that is shorter says so', () => {
    assert.equal(
      texts(ana, { grants: [unopened({ duration: 'PT15M', asked: 'PT30M' })] })[0],
      'Ben Roth approved 15 min instead of 30 min: fix one order’s status on shop. The time starts when you open the terminal.',
    );
  });
});

describe('where a request stands, in the sidebar', () => {
  const nodes = (...has: Parameters<typeof world>) =>
    requestNodes(standingOf(world(...has), now), { me: has[0].id, now, toLocal });
  const first = (all: readonly RequestNode[]) => {
    const [section] = all;
    const [node] = section?.is === 'section' ? section.children : [];
    assert.ok(node && 'requestId' in node);
    return node;
  };
  const labels = (node: ReturnType<typeof first>) => node.children.map((child) => child.label);

  it('an approver sees who looks, what was said last and that the template changed, before all else', () => {
    const node = first(
      nodes(ben, {
        requests: [
          asked({
            claim: claimed(eva),
            messages: [said(eva, 'Who?'), said(ana, 'Mia'), said(eva, 'Ok')],
            templateNow: { is: 'gone' },
          }),
        ],
      }),
    );
    assert.match(node.description, /Eva Lang is looking$/);
    const lines = labels(node).join(' ');
    assert.match(
      lines,
      /^The template was removed since Eva Lang is looking, since \d\d:\d\d Ana Lima answers: “Mia” Eva Lang asks: “Ok”/,
    );
  });

  it('whoever asked sees the question, in every place where their request stands', () => {
    const requests = [request({ messages: [said(ben, 'Which customer?')] })];
    assert.equal(first(nodes(ana, { requests })).description, 'Ben Roth asks you');
    const [card] = sessionModel(world(ana, { requests }), now, toLocal).cards;
    assert.ok(card?.is === 'waiting');
    assert.deepEqual([card.headline, card.asked], ['Ben Roth asks: “Which customer?”', true]);
    assert.equal(
      statusOf(world(ana, { requests }), now, toLocal)?.text,
      '$(comment-unresolved) Ben Roth asks',
    );
  });

  it('and who looks', () => {
    const requests = [request({ claim: claimed(eva) })];
    assert.equal(first(nodes(ana, { requests })).description, 'Eva Lang is looking');
    const [card] = sessionModel(world(ana, { requests }), now, toLocal).cards;
    assert.match(card?.is === 'waiting' ? card.headline : '', /^Eva Lang is looking, since/);
    assert.equal(statusOf(world(ana, { requests }), now, toLocal)?.text, '$(eye) Eva Lang is looking');
  });
});
