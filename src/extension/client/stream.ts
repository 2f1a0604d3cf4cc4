import type { Readable } from 'node:stream';
import type { StreamEvent } from '../../contract/events.ts';
import type { Clock } from '../state/clock.ts';
import { hostOf } from './address.ts';
import { Unreachable } from './call.ts';
import { bare, codeOf, whyUnreachable } from './failures.ts';
import { http, parseJson } from './http.ts';
import { credentials, nonceAsked, nonceHeader, type Access } from './proof.ts';

/** The broker sends something every 15 s; a stream that is silent for longer is dead, whatever the network says. */
const silenceMs = 40_000;
const longestEventBytes = 64 * 1024;

export interface Opening {
  readonly broker: string;
  readonly access: Access;
  /** Where the last stream stood. */
  readonly lastEventId: string | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly onOpen: () => void;
  readonly onEvent: (event: StreamEvent, id: string | undefined) => void;
  readonly silenceMs?: number;
}

/** How a stream ended that ended by itself; a failure is thrown as `Unreachable`. */
export type Ending = 'refused token' | 'token at its end' | 'closed' | 'aborted';

/** One connection to the event stream, from its opening to its end. Events that no schema knows are left out. */
export async function followOnce(opening: Opening): Promise<Ending> {
  const { broker, clock } = opening;
  const [client, { createParser }, { StreamEvent }, { eventsPath }, { timeHeader }] = await Promise.all([
    http(),
    import('eventsource-parser'),
    import('../../contract/events.ts'),
    import('../../contract/routes.ts'),
    import('../../contract/discovery.ts'),
  ]);
  const giveUp = new AbortController();
  const stop = () => giveUp.abort();
  opening.signal.addEventListener('abort', stop, { once: true });
  if (opening.signal.aborted) stop();
  const seen = { silence: false, tokenEnd: false, open: false };
  const watchdog = setTimeout(() => {
    seen.silence = true;
    stop();
  }, opening.silenceMs ?? silenceMs);

  const parser = createParser({
    maxBufferSize: longestEventBytes,
    onEvent: ({ event: type, data, id }) => {
      const parsed = StreamEvent.safeParse({ ...asRecord(parseJson(data)), type });
      if (!parsed.success) return;
      if (parsed.data.type === 'alive') clock.atLeast(Date.parse(parsed.data.now));
      if (parsed.data.type === 'token-expired') seen.tokenEnd = true;
      opening.onEvent(parsed.data, id);
    },
  });

  const url = `${broker}${eventsPath}`;
  const open = async (nonce?: string) => {
    const who = await credentials(opening.access, { method: 'GET', url, at: clock.now(), nonce });
    const sentAt = clock.mark();
    const answer = await client.get<Readable>(url, {
      responseType: 'stream',
      timeout: 0,
      maxContentLength: Infinity,
      signal: giveUp.signal,
      headers: {
        accept: 'text/event-stream',
        ...who,
        ...(opening.lastEventId === undefined ? {} : { 'last-event-id': opening.lastEventId }),
      },
    });
    const time: unknown = answer.headers[timeHeader];
    if (typeof time === 'string') clock.observe(Date.parse(time), sentAt, clock.mark());
    return answer;
  };

  try {
    let answer = await open();
    const nonce = nonceAsked(answer.status, answer.headers[nonceHeader]);
    if (nonce !== undefined) {
      answer.data.destroy();
      answer = await open(nonce);
    }
    const { status, headers, data } = answer;
    if (status !== 200) {
      data.destroy();
      if (status === 401) return 'refused token';
      const asked = Number(headers['retry-after'] ?? Number.NaN);
      throw new Unreachable(`${hostOf(broker)} cannot work at the moment (${status}).`, {
        ...(asked >= 0 ? { retryAfterSeconds: asked } : {}),
      });
    }
    seen.open = true;
    opening.onOpen();
    data.setEncoding('utf8');
    for await (const chunk of data as AsyncIterable<string>) {
      watchdog.refresh();
      parser.feed(chunk);
      if (seen.tokenEnd) break;
    }
    return seen.tokenEnd ? 'token at its end' : 'closed';
  } catch (error) {
    if (opening.signal.aborted) return 'aborted';
    if (error instanceof Unreachable) throw error;
    const host = hostOf(broker);
    if (seen.silence) throw new Unreachable(`${host} has gone silent. Check your network, or the VPN.`);
    // It was open and broke off: the next attempt shows whether that means anything.
    if (seen.open) return 'closed';
    const why =
      codeOf(error) === 'unknown' ? `${host} broke the connection off.` : whyUnreachable(error, host);
    throw new Unreachable(why, { cause: bare(error) });
  } finally {
    clearTimeout(watchdog);
    opening.signal.removeEventListener('abort', stop);
    stop();
  }
}

function asRecord(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
