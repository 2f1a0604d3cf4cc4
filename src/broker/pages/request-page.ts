import { spokenDuration } from '../../contract/durations.ts';
import { needWords } from '../../contract/needs.ts';
import { toldInWords } from '../../contract/telling-words.ts';
import type { Grant } from '../../contract/grants.ts';
import type { AccessRequest } from '../../contract/requests.ts';
import {
  askedOf,
  fromTheFirstTerminal,
  lowerFirst,
  openNow,
  task,
  unverified,
} from '../../contract/words.ts';
import { actions, type Offer } from './actions.ts';
import { hidden, keyField, proofOf, type Fields } from './forms.ts';
import { markup, type Html } from './html.ts';
import type { StepUp } from './provider.ts';
import { wayTo } from './sign-in.ts';
import type { Typed } from './typed.ts';
import { moment, theirs } from './words.ts';
import { who, type Viewer } from './viewer.ts';

/** Why an action was not done, beside what was filled in. */
export interface Refused {
  readonly action: string;
  readonly words: string;
  readonly given: Fields;
  /** What the sign-in must be for it. */
  readonly stepUp?: StepUp | undefined;
}

export interface Shown {
  readonly request: AccessRequest;
  /** What came of it. */
  readonly grant?: Grant | undefined;
  /** What it allows, in the target's own terms, a line each. */
  readonly terms: readonly string[];
  readonly viewer: Viewer;
  readonly now: Date;
  readonly refused?: Refused | undefined;
  /** Before they were led through a sign-in. */
  readonly typed?: Typed | undefined;
}

export function titleOf(request: AccessRequest): string {
  return `${request.requester.name} ${did(request)} ${task(request.template)}`;
}

function did({ brokenGlass }: AccessRequest): string {
  return brokenGlass ? 'broke the glass to' : 'asks to';
}

/** A request with all that matters to whoever decides, in the order in which it matters, and what they can do. */
export function requestPage(shown: Shown): Html {
  const { request, grant, refused, viewer } = shown;
  const offered = actions.flatMap(({ name, offer }): Offered[] => {
    const one = offer(request, viewer.id, grant);
    return one ? [{ ...one, name }] : [];
  });
  const { requester, template } = request;
  return markup`<main>
    <h1>${theirs(requester.name)} ${did(request)} ${lowerFirst(template.title)} on ${template.target.title}</h1>
    <p class="inshort">${inShort(shown)}</p>
    ${
      refused &&
      markup`<div class="state bad" role="alert">
        <span aria-hidden="true">!</span>
        <div><b>${refused.words}</b>${refused.stepUp && signInAgain(request.id, refused.stepUp)}</div>
      </div>`
    }
    ${templateNow(request)} ${stateOf(shown)}
    <h2>Why</h2>
    <blockquote class="reason">${theirs(request.reason)}</blockquote>
    ${exchange(shown)} ${facts(shown)}
    ${offered.length > 0 ? actionBar(shown, offered) : markup`<div class="end">${who(viewer)}</div>`}
  </main>`;
}

/** Leads through one sign-in and back here; nothing is done until a button is pressed again. */
function signInAgain(id: string, stepUp: StepUp): Html {
  const way = wayTo(`/requests/${id}`, { again: false, stepUp });
  return markup`<p><a class="button main" href="${way}">Sign in again</a></p>
    <p>You come back here with what you typed, and nothing is done before you press the button.</p>`;
}

/** How long, for which ticket, since when: what is asked first after who and what. */
function inShort({ request, grant, now }: Shown): Html {
  const { ticket, createdAt } = request;
  return markup`${spokenDuration((grant ?? request).duration)}${ticket !== undefined && markup` · ${theirs(ticket)}`} · asked ${moment(createdAt, now)}`;
}

function ticketOf(ticket: string, link: string | undefined): Html {
  if (link === undefined) return theirs(ticket);
  return markup`<a href="${link}" rel="noreferrer noopener">${theirs(ticket)}</a>`;
}

/** What a request was made under, and is not any more. */
function templateNow({ templateNow: now }: AccessRequest): Html {
  switch (now?.is) {
    case undefined:
      return markup``;
    case 'gone':
      return markup`<div class="state wait">
        <span aria-hidden="true">!</span>
        <div><b>The template is gone</b><p>So this cannot be approved. Deny it, or let it expire.</p></div>
      </div>`;
    case 'changed':
      return markup`<div class="state wait">
        <span aria-hidden="true">!</span>
        <div>
          <b>The template changed since</b>
          <p>What you approve stays what was asked for. Different now:</p>
          <ul>
            ${now.changes.map((line) => markup`<li>${line}</li>`)}
          </ul>
        </div>
      </div>`;
  }
}

/** What was asked back and answered. */
function exchange({ request: { messages }, viewer, now }: Shown): Html {
  if (messages.length === 0) return markup``;
  return markup`<h2>Questions and answers</h2>
    <ul class="said">
      ${messages.map(
        ({ by, text, at }) =>
          markup`<li><b>${by.id === viewer.id ? 'You' : theirs(by.name)}</b>
            <span class="soft small">${moment(at, now)}</span><br />${theirs(text)}</li>`,
      )}
    </ul>`;
}

function facts({ request, grant, terms, viewer, now }: Shown): Html {
  const { template } = request;
  const told = request.requester.id === viewer.id ? [] : toldOf(request, now);
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
            <pre>${terms.join('\n')}</pre>
          </details>
        </dd>
      </div>
      <div>
        <dt>For how long</dt>
        <dd>${fromTheFirstTerminal(grant ?? request)}</dd>
      </div>
      ${
        request.ticket !== undefined &&
        markup`<div>
          <dt>Ticket</dt>
          <dd>${ticketOf(request.ticket, request.ticketLink)}</dd>
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
      ${
        request.stillNeeded.length > 0 &&
        markup`<div>
          <dt>Still needed</dt>
          <dd>${needWords(request.stillNeeded)}</dd>
        </div>`
      }
      ${
        told.length > 0 &&
        markup`<div>
          <dt>Who is told</dt>
          <dd>
            <ul>
              ${told.map((piece) => markup`<li>${theirs(piece)}</li>`)}
            </ul>
          </dd>
        </div>`
      }
      ${
        request.state === 'pending' &&
        markup`<div>
          <dt>Expires</dt>
          <dd>${moment(request.answerBy, now)}, if nobody answers</dd>
        </div>`
      }
      ${
        template.documentation !== undefined &&
        markup`<div>
          <dt>Documentation</dt>
          <dd><a href="${template.documentation}" rel="noreferrer noopener">How this is done</a></dd>
        </div>`
      }
    </dl>`;
}

/** Who was told, who is next and whom to call, while it waits. */
function toldOf({ state, told }: AccessRequest, now: Date): string[] {
  return state === 'pending' ? toldInWords(told, now.getTime()) : [];
}

/** What became of it, or whom it waits for, and who decided already. */
function stateOf({ request, grant, viewer, now }: Shown): Html {
  const { state, decisions, claim } = request;
  const said = decisions.map(
    ({ by, verdict, comment, duration, at }) =>
      markup`<p>
        ${by.id === viewer.id ? 'You' : theirs(by.name)} ${verdict === 'approve' ? 'approved' : 'denied'} ${duration === undefined ? 'it' : `${spokenDuration(duration)} of it`}
        ${moment(at, now)}${comment !== undefined && markup`: “${theirs(comment)}”`}
      </p>`,
  );
  const banner = (look: string, sign: string, words: string | Html, more?: Html | false) =>
    markup`<div class="state ${look}">
      <span aria-hidden="true">${sign}</span>
      <div><b>${words}</b>${more}${said}</div>
    </div>`;
  const looking = claim && {
    words: markup`${claim.by.id === viewer.id ? 'You are' : markup`${theirs(claim.by.name)} is`} looking at it`,
    more: markup`<p>
      Said ${moment(claim.since, now)}.
      ${request.may.approve && (claim.by.id === viewer.id ? 'Others read that they need not.' : 'You can decide all the same.')}
    </p>`,
  };
  const { name } = request.requester;
  const mine = request.requester.id === viewer.id;
  const told = mine && markup`${toldOf(request, now).map((piece) => markup`<p>${theirs(piece)}</p>`)}`;
  switch (state) {
    case 'pending':
      if (looking) return banner('wait', '…', looking.words, markup`${looking.more}${told}`);
      if (!request.may.approve)
        return banner(
          'wait',
          '…',
          `Waits for ${askedOf(request)}`,
          request.may.decide ? markup`<p>Your approval would add nothing. You can deny it.</p>` : told,
        );
      return said.length > 0 ? banner('wait', '…', 'Waits for you too') : markup``;
    case 'approved':
      if (request.brokenGlass)
        return banner(
          grant?.brokenGlass?.review ? '' : 'bad',
          '!',
          markup`${mine ? 'You' : theirs(name)} broke the glass`,
          markup`<p>
              Access without approval, ${moment(request.brokenGlass.at, now)}: “${theirs(request.brokenGlass.reason)}”
            </p>
            ${grant && accessOf(grant, viewer, now)} ${grant && reviewOf(grant, viewer, now)}`,
        );
      return banner(
        'good',
        '✓',
        'Approved',
        markup`${request.automatic !== undefined && markup`<p>Nobody was asked: ${request.automatic}.</p>`} ${grant && accessOf(grant, viewer, now)}`,
      );
    case 'denied':
      return banner('bad', '✕', 'Denied', markup`<p>Nothing was opened.</p>`);
    case 'withdrawn':
      return banner('', '–', 'Withdrawn', markup`<p>${mine ? 'You' : theirs(name)} took it back.</p>`);
    case 'expired':
      return banner('', '–', 'Expired', markup`<p>Nobody answered in time. Nothing was opened.</p>`);
    case 'refused':
      return banner('bad', '✕', 'Refused by policy', markup`<p>Nothing was opened.</p>`);
  }
}

/** What became of what was given. */
function accessOf(grant: Grant, viewer: Viewer, now: Date): Html {
  const { state, holder, endedBy, comment, activateBy, expiresAt, endedAt, template } = grant;
  const name = (one: Grant['holder']) => (one.id === viewer.id ? 'You' : theirs(one.name));
  const at = (instant: string | undefined) => instant !== undefined && moment(instant, now);
  const by = endedBy ? name(endedBy) : 'Somebody';
  const said = {
    approved: markup`Nothing is open yet: the time starts with the first terminal. If there is none, it lapses ${at(activateBy)}.`,
    active: markup`Open now, at ${template.target.title}. It ends ${at(expiresAt)}.`,
    lapsed: markup`${name(holder)} never used it. It lapsed ${at(endedAt)}.`,
    ended: markup`${name(holder)} ended it ${at(endedAt)}.`,
    expired: markup`Its time was up ${at(endedAt)}.`,
    revoked: markup`${by} revoked it ${at(endedAt)}${comment !== undefined && markup`: “${theirs(comment)}”`}`,
  }[state];
  const isOver = state !== 'approved' && state !== 'active';
  return markup`<p>${said}</p>
    ${isOver && !grant.settled && markup`<p>Its end is not confirmed at ${template.target.title} yet. Look again.</p>`}`;
}

/** Whether somebody has looked at what was done without approval. */
function reviewOf({ brokenGlass, may }: Grant, viewer: Viewer, now: Date): Html {
  const review = brokenGlass?.review;
  if (!review)
    return markup`<p>${may.review ? 'It waits for you, or somebody else who could have approved it, to sign it off.' : 'Nobody has signed it off yet.'}</p>`;
  return markup`<p>
    ${review.by.id === viewer.id ? 'You' : theirs(review.by.name)} signed it off ${moment(review.at, now)}: “${theirs(review.comment)}”
  </p>`;
}

interface Offered extends Offer {
  readonly name: string;
}

function actionBar(shown: Shown, offered: readonly Offered[]): Html {
  const first = offered.filter(({ main }) => main);
  const others = offered.filter(({ main }) => !main);
  return markup`<section class="actions" aria-label="What you can do">
    ${first.map((one) => markup`<div class="now">${formOf(shown, one, button(one, 'main'))}</div>`)}
    <div class="more">${others.map((one) => (one.asks ? opened(shown, one) : formOf(shown, one, button(one, 'plain'))))}</div>
    ${who(shown.viewer)}
  </section>`;
}

function button({ label, does = label, note }: Offered, look: 'main' | 'plain' | 'usual'): Html {
  return markup`<button class="${look}">${does}${note !== undefined && markup` <span class="small">· ${note}</span>`}</button>`;
}

function opened(shown: Shown, one: Offered): Html {
  const { refused, typed } = shown;
  const given = [refused, typed].find((what) => what?.action === one.name)?.given;
  return markup`<details${given && markup` open`}><summary>${one.label}…</summary>
${formOf(shown, one, markup`${one.asks?.(given ?? {})}${button(one, 'usual')}`)}</details>`;
}

function formOf({ request, viewer }: Shown, { name, says = {} }: Offered, content: Html): Html {
  const address = `/requests/${request.id}/${name}`;
  const fields = Object.entries({ digest: request.digest, ...says });
  return markup`<form method="post" action="${address}">
    ${proofOf(viewer.session, address)}${keyField()}${fields.map(([field, value]) => hidden(field, value))}${content}
  </form>`;
}
