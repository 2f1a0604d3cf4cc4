import * as z from 'zod';
import { durationOf, secondsOf, spokenDuration } from '../../contract/durations.ts';
import type { Grant } from '../../contract/grants.ts';
import { Comment, NewMessage, type AccessRequest } from '../../contract/requests.ts';
import { Digest, Duration, Id } from '../../contract/values.ts';
import type { Context } from '../context.ts';
import type { Caller } from '../http/caller.ts';
import { claim, release } from '../http/claims.ts';
import { withdraw } from '../http/decisions.ts';
import { end, noGrant, revoke } from '../http/grants.ts';
import { Refusal } from '../http/problem.ts';
import { askOnce, decideOnce } from '../http/requests.ts';
import { review } from '../http/reviews.ts';
import { grantsOf } from '../store/grant.ts';
import type { Trx } from '../store/schema.ts';
import type { Fields } from './forms.ts';
import { markup, type Html } from './html.ts';

/** What came with the press of a button. */
export interface Pressed {
  readonly context: Context;
  readonly caller: Caller;
  readonly id: string;
  /** Of this one intention, however often it was pressed. */
  readonly key: string;
  readonly fields: Fields;
}

/** An action as it stands on the page of one request. */
export interface Offer {
  readonly label: string;
  /** Smaller, beside the label. */
  readonly note?: string;
  /** What most people come for. */
  readonly main?: true;
  /** Opens first, and asks this. */
  readonly asks?: (given: Fields) => Html;
  /** On the button, where it is not the label. */
  readonly does?: string;
  /** What the form says beside the digest. */
  readonly says?: Fields;
}

/** Something that a person can do to a request or its grant, through the same function as the call of the API. */
export interface Action {
  /** Last part of the address that its form is sent to. */
  readonly name: string;
  /** Takes access away: not refused for being one of many. */
  readonly ends?: true;
  /** Undefined where it is not for this person, or not now. */
  readonly offer: (request: AccessRequest, personId: string, grant?: Grant) => Offer | undefined;
  readonly press: (pressed: Pressed) => Promise<void>;
}

/** The digest of what was shown goes with every form, so that a decision holds for that and nothing else. */
const Shown = z.object({ digest: Digest });
const WithComment = z.object({ comment: z.preprocess(onOneLine, Comment) });
const WithText = z.object({ text: z.preprocess(onOneLine, NewMessage.shape.text) });
const WithDuration = z.object({ duration: Duration });
const From = z.object({ from: Id.optional() });

const approve: Action = {
  name: 'approve',
  offer: ({ may, duration, templateNow }) =>
    may.approve && templateNow?.is !== 'gone'
      ? { label: 'Approve', note: spokenDuration(duration), main: true }
      : undefined,
  press: ({ context, caller, id, key, fields }) =>
    decideOnce(context, caller, id, { verdict: 'approve', digest: shownIn(fields) }, key),
};

/** Minutes that people give. */
const usualMinutes = [5, 15, 30, 60, 120, 240, 480];

function shorterThan(duration: string): string[] {
  return usualMinutes
    .map((minutes) => minutes * 60)
    .filter((seconds) => seconds < secondsOf(duration))
    .map(durationOf);
}

const shorten: Action = {
  name: 'shorten',
  offer: ({ may, duration, templateNow }) => {
    const shorter = shorterThan(duration);
    if (!may.approve || templateNow?.is === 'gone' || shorter.length === 0) return undefined;
    return {
      label: 'Shorten',
      asks: ({
        duration: chosen = shorter.at(-1),
      }) => markup`<label for="duration">How long is enough?</label>
<select id="duration" name="duration">${shorter.map((one) => markup`<option value="${one}"${one === chosen && markup` selected`}>${spokenDuration(one)}</option>`)}</select>`,
      does: 'Approve shorter',
    };
  },
  press: ({ context, caller, id, key, fields }) => {
    const digest = shownIn(fields);
    const { duration } = given(WithDuration, fields, 'Choose how long.');
    return decideOnce(context, caller, id, { verdict: 'approve', digest, duration }, key);
  },
};

const deny: Action = {
  name: 'deny',
  offer: ({ may, requester }) =>
    may.decide
      ? {
          label: 'Deny',
          asks: ({ comment }) =>
            field('comment', `What should ${requester.name} know? They will read this.`, comment),
        }
      : undefined,
  press: ({ context, caller, id, key, fields }) => {
    const digest = shownIn(fields);
    const { comment } = commentIn(fields);
    return decideOnce(context, caller, id, { verdict: 'deny', digest, comment }, key);
  },
};

const ask: Action = {
  name: 'ask',
  offer: ({ may, requester }, personId) => {
    if (!may.write) return undefined;
    const own = requester.id === personId;
    return {
      label: own ? 'Answer' : 'Ask',
      asks: ({ text }) => field('text', own ? 'Your answer' : `Your question to ${requester.name}`, text),
    };
  },
  press: ({ context, caller, id, key, fields }) =>
    askOnce(context, caller, id, given(WithText, fields, 'Write 1 to 500 plain characters.'), key),
};

const look: Action = {
  name: 'claim',
  offer: ({ may, claim: held }, personId) => {
    if (!may.approve || held?.by.id === personId) return undefined;
    return held
      ? { label: `Take over from ${held.by.name}`, says: { from: held.by.id } }
      : { label: 'I’m looking' };
  },
  press: async ({ context, caller, id, fields }) => {
    const { from } = given(From, fields, 'Whose look is taken over is not said.');
    await context.store.transaction('request claimed', (trx) =>
      claim(trx, context, caller, id, from === undefined ? {} : { from }),
    );
  },
};

const stopLooking: Action = {
  name: 'release',
  offer: ({ state, claim: held }, personId) =>
    state === 'pending' && held?.by.id === personId ? { label: 'Stop looking' } : undefined,
  press: ({ context, caller, id }) =>
    context.store.transaction('claim released', (trx) => release(trx, context, caller, id)),
};

const takeBack: Action = {
  name: 'withdraw',
  offer: ({ may }) => (may.withdraw ? { label: 'Withdraw' } : undefined),
  press: ({ context, caller, id }) =>
    context.store.transaction('request withdrawn', (trx) => withdraw(trx, context, caller, id)),
};

const endIt: Action = {
  name: 'end',
  ends: true,
  offer: (_request, _personId, grant) =>
    grant?.may.end ? { label: 'End access now', main: true } : undefined,
  press: ({ context, caller, id }) =>
    context.store.transaction('grant ended', async (trx) =>
      end(trx, context, caller, await grantOf(trx, id)),
    ),
};

const revokeIt: Action = {
  name: 'revoke',
  ends: true,
  offer: ({ requester }, _personId, grant) =>
    grant?.may.revoke
      ? {
          label: 'Revoke',
          asks: ({ comment }) => field('comment', `Why? ${requester.name} will read this.`, comment),
        }
      : undefined,
  press: async ({ context, caller, id, fields }) => {
    const { comment } = commentIn(fields);
    await context.store.transaction('grant revoked', async (trx) =>
      revoke(trx, context, caller, await grantOf(trx, id), comment),
    );
  },
};

const signOff: Action = {
  name: 'review',
  offer: (_request, _personId, grant) =>
    grant?.may.review
      ? {
          label: 'Sign off',
          asks: ({ comment }) =>
            field('comment', 'What did you look at, and what do you say to it?', comment),
        }
      : undefined,
  press: async ({ context, caller, id, fields }) => {
    const { comment } = commentIn(fields);
    await context.store.transaction('grant reviewed', async (trx) =>
      review(trx, context, caller, await grantOf(trx, id), comment),
    );
  },
};

/** In the order in which they stand on the page. */
export const actions: readonly Action[] = [
  approve,
  deny,
  shorten,
  ask,
  look,
  stopLooking,
  takeBack,
  endIt,
  revokeIt,
  signOff,
];

async function grantOf(trx: Trx, requestId: string): Promise<string> {
  const [grant] = await grantsOf(trx, [requestId]);
  if (!grant) throw noGrant();
  return grant.id;
}

function commentIn(fields: Fields): { readonly comment: string } {
  return given(WithComment, fields, 'Say in 3 to 500 plain characters why.');
}

function shownIn(fields: Fields): string {
  const shown = Shown.safeParse(fields);
  if (!shown.success)
    throw new Refusal('changed-meanwhile', 'This is not what you were shown. Look at the request again.');
  return shown.data.digest;
}

function given<T>(schema: z.ZodType<T>, fields: Fields, wrong: string): T {
  const read = schema.safeParse(fields);
  if (!read.success) throw new Refusal('invalid-request', `${wrong} Nothing was done yet.`);
  return read.data;
}

/** A field with room for two lines is filled in with line breaks too. */
function onOneLine(text: unknown): unknown {
  return typeof text === 'string' ? text.replace(/[\r\n\t]+/g, ' ') : text;
}

/** A line break right behind the tag is none of the text (HTML, section 13.1.2.5). */
function field(name: string, label: string, text = ''): Html {
  return markup`<label for="${name}">${label}</label>
<textarea id="${name}" name="${name}" rows="2" required maxlength="500" autocomplete="off">
${text}</textarea>`;
}
