import assert from 'node:assert/strict';
import { Comment, Reason, Ticket } from '../../src/contract/requests.ts';
import { checkReason, checkText, checkTicket, limits } from '../../src/extension/commands/request/checks.ts';
import { durationChoices, typedDuration } from '../../src/extension/commands/request/durations.ts';
import {
  answered,
  back,
  begin,
  changedMeanwhile,
  stepsOf,
  ticketIn,
  type Draft,
  type Position,
} from '../../src/extension/commands/request/flow.ts';
import { bodyOf, Keys, type Complete } from '../../src/extension/commands/request/body.ts';
import { template } from './support/samples.ts';

const withTicket = template({ ticket: { pattern: 'INC-\\d+', required: true } });

/** Answers step after step. */
function through(start: Position, ...answers: Draft[]): Position {
  return answers.reduce((position, answer) => answered(position, answer), start);
}

describe('requesting access, step by step', () => {
  it('takes template, duration and reason, and sends', () => {
    const steps: string[] = [];
    let position = begin();
    for (const answer of [
      { template: template() },
      { duration: 'PT15M' },
      { reason: 'order 4711 is stuck' },
    ]) {
      steps.push(position.step);
      position = answered(position, answer);
    }
    assert.deepEqual([...steps, position.step], ['template', 'duration', 'reason', 'send']);
  });

  it('skips the first step after a click on a template', () => {
    const position = begin(template());
    assert.equal(position.step, 'duration');
    assert.equal(back(position), undefined);
  });

  it('asks for a ticket only where the reason does not name it', () => {
    const typed = through(begin(withTicket), { duration: 'PT15M' }, { reason: 'order 4711 is stuck' });
    assert.equal(typed.step, 'ticket');
    assert.equal(answered(typed, { ticket: 'INC-7' }).step, 'send');
    const named = through(begin(withTicket), { duration: 'PT15M' }, { reason: 'order stuck (INC-2231).' });
    assert.equal(named.step, 'send');
    assert.equal(bodyOf(named.draft as Complete).ticket, 'INC-2231');
  });

  it('goes back with everything kept', () => {
    const sent = through(
      begin(),
      { template: withTicket },
      { duration: 'PT15M' },
      { reason: 'order 4711 is stuck' },
    );
    const steps: string[] = [];
    let position: Position | undefined = sent;
    for (; position; position = back(position)) {
      steps.push(position.step);
      assert.deepEqual(position.draft, sent.draft);
    }
    assert.deepEqual(steps, ['ticket', 'reason', 'duration', 'template']);
  });

  it('does not carry a duration over to a template that does not allow it', () => {
    const short = template({ id: 'short', duration: { default: 'PT5M', longest: 'PT10M' } });
    const kept = through(begin(), { template: template() }, { duration: 'PT1H' }, { reason: 'order 4711' });
    const changed = answered({ ...kept, step: 'template' }, { template: short });
    assert.deepEqual(
      [changed.step, changed.draft.duration, changed.draft.reason],
      ['duration', undefined, 'order 4711'],
    );
  });

  it('says what stands in the way before sending, once', () => {
    const position = through(begin(template()), { duration: 'PT15M' });
    const stopped = answered(position, { reason: 'order 4711' }, 'psql');
    assert.equal(stopped.step, 'trouble');
    assert.equal(back(stopped)?.step, 'reason');
    const accepted = answered(stopped, { accepted: 'psql' }, 'psql');
    assert.equal(accepted.step, 'send');
    assert.equal(answered({ ...accepted, step: 'reason' }, { reason: 'order 4712' }, 'psql').step, 'send');
    assert.equal(answered({ ...accepted, step: 'reason' }, {}, 'psql and network').step, 'trouble');
    assert.equal(answered(stopped, {}).step, 'send');
  });
});

describe('a template that changes while it is chosen', () => {
  const position = through(
    begin(),
    { template: template() },
    { duration: 'PT1H' },
    { reason: 'order 4711 is stuck' },
  );

  it('says what changed and goes back to that step, with what was typed', () => {
    const now = template({ digest: 'c'.repeat(64), duration: { default: 'PT15M', longest: 'PT30M' } });
    const next = changedMeanwhile(position, now);
    assert.equal(next.step, 'duration');
    assert.equal(
      next.notice,
      'This template changed while you chose: longest is now 30 min (was 1 h). Look again.',
    );
    assert.equal(next.draft.reason, 'order 4711 is stuck');
    assert.equal(next.draft.template, now);
  });

  it('lets the person look again where what it allows is another', () => {
    const next = changedMeanwhile(position, template({ allows: ['delete orders'] }));
    assert.equal(next.step, 'reason');
    assert.match(next.notice ?? '', /it now allows: delete orders/);
  });

  it('asks for a ticket that is needed now', () => {
    assert.equal(changedMeanwhile(position, withTicket).step, 'ticket');
  });

  it('offers the others if it is gone, and keeps the reason', () => {
    const next = changedMeanwhile({ ...position, given: true }, undefined);
    assert.equal(next.step, 'template');
    assert.match(next.notice ?? '', /“Fix one order’s status” is no longer there/);
    assert.deepEqual(stepsOf(next)[0], 'template');
    assert.equal(next.draft.reason, 'order 4711 is stuck');
  });
});

describe('durations', () => {
  it('offers the usual one first and never more than the longest', () => {
    assert.deepEqual(
      durationChoices(template()).map(({ label }) => label),
      ['30 min (usual)', '15 min', '1 h (longest)'],
    );
    const only = durationChoices(template({ duration: { default: 'PT5M', longest: 'PT5M' } }));
    assert.deepEqual(
      only.map(({ label }) => label),
      ['5 min (usual)'],
    );
  });

  it('takes what is typed, and says the cap at the field', () => {
    const typed = (text: string) => typedDuration(text, template())[0];
    for (const [text, duration] of [
      ['45', 'PT45M'],
      ['45 min', 'PT45M'],
      ['1h', 'PT1H'],
      ['0:20', 'PT20M'],
      ['1 hour', 'PT1H'],
    ] as const)
      assert.equal(typed(text)?.duration, duration, text);
    assert.deepEqual(typed('90'), { label: 'Longest for this template: 1 h.' });
    assert.deepEqual(typed('1 h 30'), { label: 'Longest for this template: 1 h.' });
    assert.equal(typed('soon'), undefined);
    assert.equal(typed('0'), undefined);
  });
});

describe('what is typed', () => {
  it('is judged while typing exactly as the contract judges it afterwards', () => {
    const texts = [
      '',
      ' ',
      'ab',
      'short',
      '12345678',
      '  12345678  ',
      'x'.repeat(500),
      'x'.repeat(501),
      'a\u202eb reversed',
      'two\nlines of text',
      'zero\u200bwidth text',
      'ordinary words, größer',
    ];
    for (const text of texts)
      for (const [schema, limit] of [
        [Reason, limits.reason],
        [Comment, limits.comment],
        [Ticket, limits.ticket],
      ] as const)
        assert.equal(
          checkText(text, limit) === undefined,
          schema.safeParse(text).success,
          JSON.stringify(text),
        );
  });

  it('is answered with what to do', () => {
    assert.match(checkText('x'.repeat(600), limits.reason)!.text, /at most 500 characters, this has 600/);
    assert.match(checkText('abc', limits.reason)!.text, /at least 8 characters/);
    assert.match(checkText('a\u202eb reversed', limits.reason)!.text, /invisible/);
    assert.deepEqual(checkReason('stuck after INC-2231', withTicket), {
      text: 'Ticket: INC-2231',
      kind: 'info',
    });
    assert.match(checkTicket('2231', withTicket)!.text, /INC-/);
    assert.equal(checkTicket('INC-2231', withTicket), undefined);
    const hint = 'The incident, for example INC-2231';
    assert.equal(
      checkTicket('2231', template({ ticket: { pattern: 'INC-\\d+', required: true, hint } }))!.text,
      'Name the incident, for example INC-2231.',
    );
  });

  it('finds a ticket only where there is exactly one', () => {
    const found = (reason: string) => ticketIn(reason, withTicket);
    assert.equal(found('see INC-1, again INC-1.'), 'INC-1');
    assert.equal(found('see INC-1 and INC-2'), undefined);
    assert.equal(found('see XINC-1'), undefined);
    assert.equal(ticketIn('INC-1', template()), undefined);
  });
});

it('the same words are sent with the same key, others with another', () => {
  const keys = new Keys();
  const draft = { template: template(), duration: 'PT15M', reason: 'order 4711 is stuck' };
  const key = keys.for(bodyOf(draft));
  assert.equal(keys.for(bodyOf({ ...draft })), key);
  assert.notEqual(keys.for(bodyOf({ ...draft, reason: 'another order' })), key);
});
