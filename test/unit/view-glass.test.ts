import assert from 'node:assert/strict';
import { outlookInWords } from '../../src/extension/commands/request/outlook.ts';
import { heading } from '../../src/extension/terminal/lines.ts';
import { noticesOf } from '../../src/extension/views/notices.ts';
import { requestNodes } from '../../src/extension/views/requestNodes.ts';
import { reviewModel } from '../../src/extension/views/reviewModel.ts';
import { sessionModel } from '../../src/extension/views/sessionModel.ts';
import { standingOf } from '../../src/extension/views/standing.ts';
import { statusOf } from '../../src/extension/views/statusText.ts';
import { task } from '../../src/contract/words.ts';
import { ana, ben, grant, inMs, minutes, now, request, toLocal, world } from './support/samples.ts';

const brokenGlass = { reason: 'Checkout is down', at: inMs(-minutes(6)) };
const may = { openTerminal: false, end: false, revoke: true, review: false };
const broken = (more: Parameters<typeof grant>[0] = {}) => grant({ brokenGlass, approvedBy: [], ...more });
const over = { state: 'ended', endedAt: inMs(-minutes(2)), settled: true } as const;
const nodes = (who: typeof ana, has: Parameters<typeof world>[1]) =>
  requestNodes(standingOf(world(who, has), now), { me: who.id, now, toLocal });
const notices = (...has: Parameters<typeof world>) => noticesOf(world(...has), now, toLocal, () => false);

/** Access that nobody approved: never taken for any other, and in sight until somebody looked at it. */
describe('broken glass on the screen', () => {
  it('whoever waits reads when they may, and is offered it from then on', () => {
    const soon = request({ breakableFrom: inMs(minutes(3)) });
    const ready = request({ breakableFrom: inMs(-1), createdAt: inMs(-minutes(5)) });
    const shown = (one: typeof soon) => {
      const [section] = nodes(ana, { requests: [one] });
      const [node] = section?.is === 'section' ? section.children : [];
      const [card] = sessionModel(world(ana, { requests: [one] }), now, toLocal).cards;
      return [
        node?.is,
        card?.is === 'waiting' && card.breakable,
        notices(ana, { requests: [one] }).map(({ action }) => action?.label),
      ];
    };
    assert.deepEqual(shown(soon), ['mine', false, []]);
    assert.deepEqual(shown(ready), ['mine breakable', true, ['Break the glass…']]);
  });

  it('says how far a request that waits has come', () => {
    const ready = request({ breakableFrom: inMs(-1), createdAt: inMs(-minutes(5)) });
    const told = (over: Partial<typeof ready>) =>
      notices(ana, { requests: [{ ...ready, ...over }] }).find(({ id }) => id.startsWith('breakable'))?.text;
    const at = inMs(-1);
    const approved = { by: ben, verdict: 'approve', at } as const;
    const goesOn = `: ${task(ready.template)}. In an emergency you can break the glass.`;
    const claim = { by: ben, since: at, until: inMs(minutes(5)) };
    assert.equal(told({}), `Nobody has answered yet${goesOn}`);
    assert.equal(told({ claim }), `Ben Roth is looking at it and has not decided yet${goesOn}`);
    assert.equal(
      told({ decisions: [approved], stillNeeded: [{ number: 1, by: ['sre'] }] }),
      `Ben Roth approved it, and it still takes one of sre${goesOn}`,
    );
    assert.equal(
      told({ messages: [{ id: ready.id, by: ben, text: 'Which order?', at }] }),
      `Nobody has decided yet${goesOn}`,
    );
  });

  it('is told before anybody asks', () => {
    const asked = {
      is: 'asked',
      needs: [{ number: 1, by: ['leads'] }],
      people: ['Ben'],
      notAutomatic: [],
    } as const;
    const words = (after?: string) =>
      outlookInWords({
        ...asked,
        needs: [...asked.needs.map(({ number, by }) => ({ number, by: [...by] }))],
        people: ['Ben'],
        notAutomatic: [],
        breakGlass: { by: ['oncall'], longest: 'PT10M', ...(after === undefined ? {} : { after }) },
      });
    assert.equal(words('PT5M'), 'Ben will read this. If nobody answers for 5 min, you can break the glass.');
    assert.equal(words(), 'Ben will read this. In an emergency you can break the glass.');
  });

  it('looks different in the session view, the status bar and the terminal', () => {
    const has = { grants: [broken()] };
    const [card] = sessionModel(world(ana, has), now, toLocal).cards;
    assert.ok(card?.is === 'running' && card.glassBroken);
    assert.deepEqual(card.facts, ['0 terminals']);
    const status = statusOf(world(ana, has), now, toLocal);
    assert.match(String(status?.text), /^\$\(flame\) break glass /);
    assert.equal(status?.level, 'soon', 'never calm');
    assert.match(status.label, /without approval/);
    const [first, second] = heading(broken(), { tls: 'verify-full' }, toLocal(now), true);
    assert.match(String(first), /^BREAK GLASS: /);
    assert.match(String(second), /^Nobody approved this\./);
    const [usual] = heading(grant(), { tls: 'verify-full' }, toLocal(now), true);
    assert.match(String(usual), /^Production: /);
  });

  it('everybody else whom it concerns is told, with what they can do about it', () => {
    const [notice, ...others] = notices(ben, { grants: [broken({ may })] });
    assert.deepEqual(others, []);
    assert.match(
      String(notice?.text),
      /^Ana Lima broke the glass to .*“Checkout is down”.*Nobody approved it/,
    );
    assert.deepEqual(
      [notice?.kind, notice?.where, notice?.action?.label],
      ['warning', 'anywhere', 'Revoke…'],
    );
    const [section] = nodes(ben, { grants: [broken({ may })] });
    const [node] = section?.is === 'section' ? section.children : [];
    assert.ok(node?.is === 'revocable' && node.description.startsWith('glass broken, until '));
    const auditors = notices(ben, { grants: [broken({ may: { ...may, revoke: false } })] });
    assert.deepEqual(
      auditors.map(({ action }) => action?.label),
      ['Show requests'],
    );
    assert.deepEqual(notices(ana, { grants: [broken()] }), [], 'whoever did it knows');
    const shown = reviewModel(request({ state: 'approved', brokenGlass }), ben.id, now, toLocal);
    assert.match(String(shown.outcome?.words), /Ana Lima broke the glass: “Checkout is down”/);
    assert.equal(shown.outcome?.look, 'bad');
  });

  it('stays with whoever may sign it off, and with whoever owes it, until that is done', () => {
    const owed = broken({ ...over, may: { ...may, revoke: false, review: true } });
    const [section] = nodes(ben, { grants: [owed] });
    assert.equal(section?.label, 'To sign off');
    const [node] = section.is === 'section' ? section.children : [];
    assert.ok(node?.is === 'to sign off');
    assert.equal(node.label, 'Ana Lima');
    const lines = node.children.map(({ label }) => label).join(' ');
    assert.match(lines, /Did not wait: “Checkout is down”/);
    assert.deepEqual(
      notices(ben, { grants: [owed] }).map(({ action }) => action?.label),
      ['Sign off…'],
    );
    const mine = broken({ ...over, endedAt: inMs(-minutes(60 * 24)) });
    const [yours] = nodes(ana, { grants: [mine] });
    assert.deepEqual(yours?.is === 'section' && yours.children.map((child) => child.is), ['owed']);
    const review = { by: ben, at: inMs(-1), comment: 'It was down' };
    const done = broken({ ...over, endedAt: mine.endedAt ?? '', brokenGlass: { ...brokenGlass, review } });
    assert.deepEqual(nodes(ana, { grants: [done] }), []);
    assert.match(String(notices(ana, { grants: [done] })[0]?.text), /^Ben Roth signed off: .*“It was down”/);
  });
});
