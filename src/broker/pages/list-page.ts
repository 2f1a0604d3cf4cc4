import { spokenDuration } from '../../contract/durations.ts';
import type { Grant } from '../../contract/grants.ts';
import type { AccessRequest } from '../../contract/requests.ts';
import { task } from '../../contract/words.ts';
import { markup, type Html } from './html.ts';
import { moment, theirs } from './words.ts';
import { who, type Viewer } from './viewer.ts';

/** Requests that are settled, of those that are shown at all. */
const settledShown = 10;

export interface Listed {
  readonly requests: readonly AccessRequest[];
  /** Given without approval, and signed off by nobody. */
  readonly owed: readonly Grant[];
  readonly viewer: Viewer;
  readonly now: Date;
}

/** What waits for whoever looks first, then what else waits, then what was settled lately. */
export function listPage({ requests, owed, viewer, now }: Listed): Html {
  const asked = (one: AccessRequest) => requestCard(one, viewer, now);
  const glass = owed.filter(({ may }) => may.revoke || may.review);
  const waiting = [
    ...glass.map((one) => glassCard(one, now)),
    ...requests.filter(({ may }) => may.approve).map(asked),
  ];
  const pending = requests.filter(({ state, may }) => state === 'pending' && !may.approve);
  const settled = requests
    .filter(({ id, state }) => state !== 'pending' && !glass.some(({ requestId }) => requestId === id))
    .slice(0, settledShown);
  const section = (title: string, some: readonly AccessRequest[]) =>
    some.length > 0 &&
    markup`<h2>${title}</h2>
      <ul class="cards">
        ${some.map(asked)}
      </ul>`;
  return markup`<main>
    <h1>Waiting for you</h1>
    ${
      waiting.length > 0
        ? markup`<ul class="cards">
            ${waiting}
          </ul>`
        : markup`<p class="soft">Nothing waits for you. <a href="/requests">Look again</a></p>`
    }
    ${section('Waiting for others', pending)} ${section('Settled lately', settled)}
    <div class="end">${who(viewer)}</div>
  </main>`;
}

function requestCard(request: AccessRequest, viewer: Viewer, now: Date): Html {
  const { id, requester, template, duration, createdAt, reason, state, brokenGlass } = request;
  const told = brokenGlass ? 'glass broken · ' : state === 'pending' ? '' : `${state} · `;
  return card(
    id,
    markup`${requester.id === viewer.id ? 'You' : theirs(requester.name)}: ${task(template)}`,
    markup`<span class="soft small">${told}${spokenDuration(duration)} · asked ${moment(createdAt, now)}</span>`,
    reason,
  );
}

function glassCard({ requestId, holder, template, brokenGlass, may }: Grant, now: Date): Html {
  if (!brokenGlass) return markup``;
  const { at, reason } = brokenGlass;
  return card(
    requestId,
    markup`${theirs(holder.name)}: ${task(template)}`,
    markup`<span class="loud">Glass broken ${moment(at, now)} · ${may.revoke ? 'open still' : 'sign it off'}</span>`,
    reason,
  );
}

function card(requestId: string, title: Html, line: Html, words: string): Html {
  return markup`<li>
    <a href="/requests/${requestId}"
      ><strong>${title}</strong>${line}<span class="words">“${theirs(words)}”</span></a
    >
  </li>`;
}
