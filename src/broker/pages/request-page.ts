import { stringify } from 'yaml';
import { spokenDuration } from '../../contract/durations.ts';
import type { AccessRequest } from '../../contract/requests.ts';
import { either, fromTheFirstTerminal, lowerFirst, openNow, task, unverified } from '../../contract/words.ts';
import { actions, type Action } from './actions.ts';
import { keyField, proofOf, type Fields } from './forms.ts';
import { markup, type Html } from './html.ts';
import { moment, theirs } from './words.ts';
import { who, type Viewer } from './viewer.ts';

/** Why an action was not done, beside what was filled in. */
export interface Refused {
  readonly action: string;
  readonly words: string;
  readonly given: Fields;
}

export interface Shown {
  readonly request: AccessRequest;
  /** As it is stored, in the target's own terms. */
  readonly scope: unknown;
  readonly viewer: Viewer;
  readonly now: Date;
  readonly refused?: Refused | undefined;
}

export function titleOf({ requester, template }: AccessRequest): string {
  return `${requester.name} asks to ${task(template)}`;
}

/** A request with all that matters to whoever decides, in the order in which it matters, and what they can do. */
export function requestPage(shown: Shown): Html {
  const { request, refused, viewer } = shown;
  const offered = actions.filter((action) => action.offered(request));
  const { requester, template } = request;
  return markup`<main>
    <h1>${theirs(requester.name)} asks to ${lowerFirst(template.title)} on ${template.target.title}</h1>
    ${
      refused &&
      markup`<div class="state bad" role="alert">
        <span aria-hidden="true">!</span><span><b>${refused.words}</b></span>
      </div>`
    }
    <p class="inshort">${inShort(shown)}</p>
    ${stateOf(shown)}
    <h2>Why</h2>
    <blockquote class="reason">${theirs(request.reason)}</blockquote>
    ${facts(shown)}
    ${offered.length > 0 ? actionBar(shown, offered) : markup`<div class="end">${who(viewer)}</div>`}
  </main>`;
}

/** How long, for which ticket, since when: what is asked first after who and what. */
function inShort({ request: { duration, ticket, createdAt }, now }: Shown): Html {
  return markup`${spokenDuration(duration)}${ticket !== undefined && markup` · ${theirs(ticket)}`} · asked ${moment(createdAt, now)}`;
}

function facts({ request, scope, now }: Shown): Html {
  const { template } = request;
  return markup`<h2>What exactly</h2>
    <dl class="facts">
      <div>
        <dt>Allows</dt>
        <dd>
          <p>${template.summary}</p>
          <ul>
            ${template.allows.map((line) => markup`<li>✓ ${line}</li>`)}
          </ul>
          <details>
            <summary>In the target’s own terms</summary>
            <pre>${stringify(scope).trim()}</pre>
          </details>
        </dd>
      </div>
      <div>
        <dt>For how long</dt>
        <dd>${fromTheFirstTerminal(request)}</dd>
      </div>
      ${
        request.ticket !== undefined &&
        markup`<div>
          <dt>Ticket</dt>
          <dd>${theirs(request.ticket)}</dd>
        </div>`
      }
      <div>
        <dt>At ${template.target.title} now</dt>
        <dd>
          <ul>
            ${unverified(request).map((line) => markup`<li class="warn">${line}.</li>`)}
            ${openNow(request).map((line) => markup`<li>${line}.</li>`)}
          </ul>
        </dd>
      </div>
      <div>
        <dt>Asked</dt>
        <dd>
          ${moment(request.createdAt, now)}${request.state === 'pending' && markup`, waits until it expires ${moment(request.answerBy, now)}`}
        </dd>
      </div>
      ${
        template.documentation !== undefined &&
        markup`<div>
          <dt>Documentation</dt>
          <dd><a href="${template.documentation}" rel="noreferrer noopener">How this is done</a></dd>
        </div>`
      }
    </dl>`;
}

/** What became of it, or whom it waits for, and who decided already. */
function stateOf({ request, viewer, now }: Shown): Html {
  const { state, askedOf, decisions } = request;
  const said = decisions.map(
    ({ by, verdict, comment, at }) =>
      markup`<p>
        ${by.id === viewer.id ? 'You' : theirs(by.name)} ${verdict === 'approve' ? 'approved' : 'denied'} it
        ${moment(at, now)}${comment !== undefined && markup`: “${theirs(comment)}”`}
      </p>`,
  );
  const banner = (look: string, sign: string, words: string, more?: Html) =>
    markup`<div class="state ${look}">
      <span aria-hidden="true">${sign}</span>
      <div><b>${words}</b>${more}${said}</div>
    </div>`;
  const { name } = request.requester;
  const mine = request.requester.id === viewer.id;
  switch (state) {
    case 'pending':
      if (request.may.decide) return said.length > 0 ? banner('wait', '…', 'Waits for you too') : markup``;
      return banner(
        'wait',
        '…',
        `Waits for ${askedOf.length > 0 && askedOf.length < 4 ? either(askedOf) : 'an answer'}`,
      );
    case 'approved':
      return banner(
        'good',
        '✓',
        'Approved',
        markup`<p>
          ${mine ? 'You have' : markup`${theirs(name)} has`} been told. The time starts with the first terminal.
        </p>`,
      );
    case 'denied':
      return banner('bad', '✕', 'Denied', markup`<p>Nothing was opened.</p>`);
    case 'withdrawn':
      return banner(
        '',
        '–',
        'Withdrawn',
        markup`<p>${mine ? 'You' : theirs(name)} took it back. Nothing needs to be decided any more.</p>`,
      );
    case 'expired':
      return banner('', '–', 'Expired', markup`<p>Nobody answered in time. Nothing was opened.</p>`);
    case 'refused':
      return banner('bad', '✕', 'Refused by policy', markup`<p>Nothing was opened.</p>`);
  }
}

function actionBar(shown: Shown, offered: readonly Action[]): Html {
  const atOnce = offered.filter(({ asks }) => !asks);
  const asking = offered.filter(({ asks }) => asks);
  return markup`<section class="actions" aria-label="Decide">
    ${atOnce.map((action) => markup`<div class="now">${formOf(shown, action, markup`<button class="main">${action.label} <span class="small">· ${spokenDuration(shown.request.duration)}</span></button>`)}</div>`)}
    <div class="more">${asking.map((action) => opened(shown, action))}</div>
    ${who(shown.viewer)}
  </section>`;
}

function opened(shown: Shown, action: Action): Html {
  const { request, refused } = shown;
  const given = refused?.action === action.name ? refused.given : undefined;
  return markup`<details${given && markup` open`}><summary>${action.label}…</summary>
${formOf(shown, action, markup`${action.asks?.(request, given ?? {})}<button>${action.label}</button>`)}</details>`;
}

function formOf({ request, viewer }: Shown, { name }: Action, content: Html): Html {
  const address = `/requests/${request.id}/${name}`;
  return markup`<form method="post" action="${address}">
    ${proofOf(viewer.session, address)}${keyField()}<input
      type="hidden"
      name="digest"
      value="${request.digest}"
    />${content}
  </form>`;
}
