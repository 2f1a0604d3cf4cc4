import assert from 'node:assert/strict';
import { Cancelled, SignedOut, Unreachable } from '../../src/extension/client/call.ts';
import { bodyOf, Keys, type Complete } from '../../src/extension/commands/request/body.ts';
import { drive, type StepAnswer, type Surroundings } from '../../src/extension/commands/request/drive.ts';
import type { Draft, Position } from '../../src/extension/commands/request/flow.ts';
import type { AccessRequest, Template } from '../../src/extension/state/world.ts';
import { refusal } from './support/lease-broker.ts';
import { grant, request, template } from './support/samples.ts';

const back: StepAnswer = { is: 'back' };
const escape: StepAnswer = { is: 'cancelled' };
const value = (draft: Draft): StepAnswer => ({ is: 'value', value: draft });

/** A person who answers what was planned, step after step, before a broker that does as it was told. */
class Play implements Surroundings {
  readonly steps: string[] = [];
  readonly notices: string[] = [];
  readonly drafts: Draft[] = [];
  readonly sent: { readonly body: ReturnType<typeof bodyOf>; readonly key: string }[] = [];
  readonly told: string[] = [];
  offered: Template | 'unknown' | undefined = template();
  afterRefresh: Template | undefined = undefined;
  signsIn = true;
  inTheWay: string | undefined;
  readonly #answers: StepAnswer[];
  readonly #broker: (() => AccessRequest)[];
  readonly #keys = new Keys();

  constructor(answers: StepAnswer[], broker: (() => AccessRequest)[] = []) {
    this.#answers = [...answers];
    this.#broker = [...broker];
  }

  ask(position: Position): Promise<StepAnswer> {
    this.steps.push(position.step);
    this.drafts.push(position.draft);
    if (position.notice !== undefined) this.notices.push(position.notice);
    const answer = this.#answers.shift();
    if (!answer) throw new Error(`Nobody answers at ${this.steps.join(', ')}.`);
    return Promise.resolve(answer);
  }
  async send(draft: Complete): Promise<AccessRequest> {
    await Promise.resolve();
    const body = bodyOf(draft);
    this.sent.push({ body, key: this.#keys.for(body) });
    return this.#broker.shift()?.() ?? request();
  }
  trouble = () => this.inTheWay;
  now = () => this.offered;
  refresh(): Promise<void> {
    this.offered = this.afterRefresh;
    return Promise.resolve();
  }
  signIn = () => Promise.resolve(this.signsIn);
  tell = (message: string) => void this.told.push(message);
  warn = () => undefined;
}

const fails = (error: Error) => () => {
  throw error;
};
const chosen = { template: template(), duration: 'PT30M' };
const reason = 'order 4711 is stuck';
const all = [value({ template: template() }), value({ duration: 'PT30M' }), value({ reason })];

describe('the way to a request', () => {
  it('asks three times, sends once', async () => {
    const play = new Play(all);
    assert.ok(await drive(play));
    assert.deepEqual(play.steps, ['template', 'duration', 'reason']);
    assert.deepEqual(
      play.sent.map(({ body }) => body),
      [{ template: template().id, templateDigest: template().digest, duration: 'PT30M', reason }],
    );
  });

  it('leaves nothing after Escape at any step', async () => {
    for (const given of [0, 1, 2]) {
      const play: Play = new Play([...all.slice(0, given), escape]);
      assert.equal(await drive(play), undefined);
      assert.deepEqual([play.sent, play.told], [[], []]);
    }
  });

  it('keeps what was chosen when somebody goes back', async () => {
    const play = new Play([...all.slice(0, 2), back, value({ duration: 'PT15M' }), value({ reason })]);
    await drive(play);
    assert.deepEqual(play.steps, ['template', 'duration', 'reason', 'duration', 'reason']);
    assert.equal(play.drafts[3]?.duration, 'PT30M');
    assert.equal(play.sent[0]?.body.duration, 'PT15M');
  });

  it('hands over an access that is there already', async () => {
    const open = grant();
    const play = new Play([{ is: 'value', value: { open } }]);
    assert.deepEqual(await drive(play), { open });
    assert.deepEqual(play.sent, []);
  });

  it('sends nothing twice when an answer was lost, and keeps what was typed', async () => {
    const play = new Play([...all, value({ reason })], [fails(new Unreachable('No answer.'))]);
    assert.ok(await drive(play));
    assert.equal(play.steps.at(-1), 'reason');
    assert.equal(play.drafts.at(-1)?.reason, reason);
    assert.match(play.notices[0]!, /^No answer\. What you typed is kept/);
    assert.equal(play.sent.length, 2);
    assert.equal(play.sent[0]?.key, play.sent[1]?.key);
  });

  it('is another intention with other words', async () => {
    const play = new Play(
      [...all, value({ reason: 'something else' })],
      [fails(new Unreachable('No answer.'))],
    );
    await drive(play);
    assert.notEqual(play.sent[0]?.key, play.sent[1]?.key);
  });

  it('signs in on the way and goes on; a cancelled sign-in ends it without a word', async () => {
    const again = new Play(all, [fails(new SignedOut())]);
    assert.ok(await drive(again));
    assert.equal(again.sent.length, 2);
    assert.equal(again.steps.length, 3);
    const never = new Play(all, [fails(new SignedOut())]);
    never.signsIn = false;
    assert.equal(await drive(never), undefined);
    assert.deepEqual(never.told, []);
  });

  it('ends quietly when sending was cancelled', async () => {
    const play = new Play(all, [fails(new Cancelled())]);
    assert.equal(await drive(play), undefined);
    assert.deepEqual(play.told, []);
  });

  it('notices a template that changed, before sending and when the broker says so', async () => {
    const shorter = template({ digest: 'c'.repeat(64), duration: { default: 'PT5M', longest: 'PT10M' } });
    const known = new Play([
      value({ duration: 'PT30M' }),
      value({ reason }),
      value({ duration: 'PT10M' }),
      value({ reason }),
    ]);
    known.offered = shorter;
    assert.ok(await drive(known, chosen.template));
    assert.match(known.notices[0]!, /longest is now 10 min \(was 1 h\)/);
    assert.equal(known.sent[0]?.body.templateDigest, shorter.digest);

    for (const kind of ['changed-meanwhile', 'too-long'] as const) {
      const told = new Play(
        [...all, value({ duration: 'PT10M' }), value({ reason })],
        [fails(refusal(kind))],
      );
      told.afterRefresh = shorter;
      assert.ok(await drive(told));
      assert.deepEqual(told.steps.slice(3), ['duration', 'reason']);
      assert.equal(told.sent[1]?.body.duration, 'PT10M');
    }
  });

  it('offers the others when the template is gone', async () => {
    const play = new Play([...all, escape], [fails(refusal('template-gone'))]);
    await drive(play);
    assert.equal(play.steps.at(-1), 'template');
    assert.equal(play.drafts.at(-1)?.reason, reason);
  });

  it('asks for a ticket that the broker wants', async () => {
    const withTicket = template({ ticket: { pattern: 'INC-\\d+', required: true } });
    const play = new Play(
      [value({ duration: 'PT5M' }), value({ reason: 'see INC-1' }), value({ ticket: 'INC-2' })],
      [fails(refusal('ticket-needed'))],
    );
    play.offered = withTicket;
    assert.ok(await drive(play, withTicket));
    assert.equal(play.steps.at(-1), 'ticket');
    assert.equal(play.sent[1]?.body.ticket, 'INC-2');
  });

  it('keeps what was typed while three requests wait, for when one of them is answered', async () => {
    const play = new Play([...all, value({ reason })], [fails(refusal('too-many-pending'))]);
    assert.ok(await drive(play));
    assert.equal(play.steps.at(-1), 'reason');
    assert.equal(play.drafts.at(-1)?.reason, reason);
    assert.ok(play.notices[0]!.startsWith(refusal('too-many-pending').message));
    assert.equal(play.sent[0]?.key, play.sent[1]?.key);
  });

  it('says what ends it', async () => {
    const play = new Play(all, [fails(refusal('not-allowed'))]);
    assert.equal(await drive(play), undefined);
    assert.deepEqual(play.told, [refusal('not-allowed').message]);
    const refused = new Play(all, [() => request({ state: 'refused' })]);
    assert.equal(await drive(refused), undefined);
    assert.match(refused.told[0]!, /refused/);
  });

  it('says what is in the way before anybody is asked, and asks all the same if wanted', async () => {
    const play = new Play([...all, value({ accepted: 'no psql' })]);
    play.inTheWay = 'no psql';
    assert.ok(await drive(play));
    assert.deepEqual(play.steps, ['template', 'duration', 'reason', 'trouble']);
  });
});
