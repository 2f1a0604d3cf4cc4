import { spokenDuration } from '../../contract/durations.ts';
import type { AccessRequest } from '../../contract/requests.ts';
import { task } from '../../contract/words.ts';
import { markup, type Html } from './html.ts';
import { moment, theirs } from './words.ts';
import { who, type Viewer } from './viewer.ts';

/** Requests that are settled, of those that are shown at all. */
const settledShown = 10;

/** What waits for whoever looks first, then what else waits, then what was settled lately. */
export function listPage(requests: readonly AccessRequest[], viewer: Viewer, now: Date): Html {
  const waiting = requests.filter(({ may }) => may.decide);
  const pending = requests.filter(({ state, may }) => state === 'pending' && !may.decide);
  const settled = requests.filter(({ state }) => state !== 'pending').slice(0, settledShown);
  const section = (title: string, some: readonly AccessRequest[]) =>
    some.length > 0 &&
    markup`<h2>${title}</h2>
      <ul class="cards">
        ${some.map((one) => card(one, viewer, now))}
      </ul>`;
  return markup`<main>
    <h1>Waiting for you</h1>
    ${
      waiting.length > 0
        ? markup`<ul class="cards">
            ${waiting.map((one) => card(one, viewer, now))}
          </ul>`
        : markup`<p class="soft">Nothing waits for you. <a href="/requests">Look again</a></p>`
    }
    ${section('Waiting for others', pending)} ${section('Settled lately', settled)}
    <div class="end">${who(viewer)}</div>
  </main>`;
}

function card(request: AccessRequest, viewer: Viewer, now: Date): Html {
  const { requester, template, duration, createdAt, reason, state } = request;
  const told = state === 'pending' ? '' : `${state} · `;
  return markup`<li>
    <a href="/requests/${request.id}"
      ><strong>${requester.id === viewer.id ? 'You' : theirs(requester.name)}: ${task(template)}</strong
      ><span class="soft small">${told}${spokenDuration(duration)} · asked ${moment(createdAt, now)}</span
      ><span class="words">“${theirs(reason)}”</span></a
    >
  </li>`;
}
