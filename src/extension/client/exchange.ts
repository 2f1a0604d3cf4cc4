import type { Clock } from '../state/clock.ts';
import { hostOf } from './address.ts';
import { Cancelled, Unreachable } from './call.ts';
import { bare, nothingWasSent, whyUnreachable } from './failures.ts';
import { http } from './http.ts';

export interface Ask {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** As it came; nobody has looked whether it is JSON. */
  readonly text: unknown;
}

/**
 * One HTTP request and its answer, whatever its status; the answer's time goes to the clock.
 * @throws Unreachable without an answer
 * @throws Cancelled
 */
export async function exchange(ask: Ask, clock: Clock): Promise<Answer> {
  const [client, { timeHeader }] = await Promise.all([http(), import('../../contract/discovery.ts')]);
  const sentAt = clock.mark();
  try {
    const { status, headers, data } = await client.request<unknown>({
      method: ask.method,
      url: ask.url,
      headers: {
        accept: 'application/json, application/problem+json',
        // `false`: without it axios says that a POST without a body carries a form.
        'content-type': ask.body === undefined ? false : 'application/json',
        ...ask.headers,
      },
      ...(ask.body === undefined ? {} : { data: JSON.stringify(ask.body) }),
      ...(ask.signal ? { signal: ask.signal } : {}),
    });
    const receivedAt = clock.mark();
    const header = (name: string) => {
      const value: unknown = headers[name];
      return typeof value === 'string' ? value : undefined;
    };
    clock.observe(Date.parse(header(timeHeader) ?? ''), sentAt, receivedAt);
    return { status, header, text: data };
  } catch (error) {
    if (ask.signal?.aborted) throw new Cancelled();
    throw new Unreachable(whyUnreachable(error, hostOf(ask.url)), {
      cause: bare(error),
      nothingSent: nothingWasSent(error),
    });
  }
}
