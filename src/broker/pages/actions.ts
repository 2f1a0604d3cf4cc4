import * as z from 'zod';
import { Comment, type AccessRequest } from '../../contract/requests.ts';
import { Digest } from '../../contract/values.ts';
import type { Context } from '../context.ts';
import type { Caller } from '../http/caller.ts';
import { Refusal } from '../http/problem.ts';
import { decideOnce } from '../http/requests.ts';
import type { Fields } from './forms.ts';
import { markup, type Html } from './html.ts';

/** What came with the press of a button, as the action understands it. */
export interface Pressed {
  readonly context: Context;
  readonly caller: Caller;
  readonly id: string;
  readonly key: string;
  readonly fields: Fields;
}

/** Something that a person can do to a request. Each stands on the page where it is offered, and has an address of its own. */
export interface Action {
  /** Last part of the address that its form is sent to. */
  readonly name: string;
  readonly label: string;
  /** What is done by one press stands first; the others open, and ask for something. */
  readonly asks?: (request: AccessRequest, given: Fields) => Html;
  readonly offered: (request: AccessRequest) => boolean;
  /** Through the same function as the call of the API. */
  readonly press: (pressed: Pressed) => Promise<void>;
}

/** The digest of what was shown goes with every form, so that a decision holds for that and nothing else. */
const Shown = z.object({ digest: Digest });
const WithComment = z.object({ comment: z.preprocess(onOneLine, Comment) });

const approve: Action = {
  name: 'approve',
  label: 'Approve',
  offered: ({ may }) => may.decide,
  press: ({ context, caller, id, key, fields }) =>
    decideOnce(context, caller, id, { verdict: 'approve', digest: shownIn(fields) }, key),
};

const deny: Action = {
  name: 'deny',
  label: 'Deny',
  offered: ({ may }) => may.decide,
  asks: ({ requester }, { comment = '' }) =>
    markup` <label for="comment">What should <bdi>${requester.name}</bdi> know? They will read this.</label>
      <textarea
        id="comment"
        name="comment"
        rows="2"
        required
        minlength="3"
        maxlength="500"
        autocomplete="off"
      >
${comment}</textarea>`,
  press: ({ context, caller, id, key, fields }) => {
    const digest = shownIn(fields);
    const said = WithComment.safeParse(fields);
    if (!said.success) throw new Refusal('invalid-request', commentWrong);
    return decideOnce(context, caller, id, { verdict: 'deny', digest, comment: said.data.comment }, key);
  },
};

export const actions: readonly Action[] = [approve, deny];

function shownIn(fields: Fields): string {
  const shown = Shown.safeParse(fields);
  if (!shown.success)
    throw new Refusal('changed-meanwhile', 'This is not what you were shown. Look at the request again.');
  return shown.data.digest;
}

/** A field with room for two lines is filled in with line breaks too. */
function onOneLine(text: unknown): unknown {
  return typeof text === 'string' ? text.replace(/[\r\n\t]+/g, ' ') : text;
}

const commentWrong =
  'Say in 3 to 500 plain characters why, for the person who asked. Nothing was decided yet.';
