import { createParser } from 'eventsource-parser';
import { StreamEvent } from '../../../src/contract/events.ts';

export interface Heard {
  readonly event: StreamEvent;
  readonly id: string | undefined;
}

/** An open event stream as a client has it. */
export interface OpenStream {
  readonly status: number;
  readonly headers: Headers;
  readonly heard: readonly Heard[];
  /** The next event that was not asked for before; fails when the stream ends first. `alive` is left out unless asked for. */
  next(): Promise<Heard>;
  nextOf(type: StreamEvent['type']): Promise<Heard>;
  /** Resolves when so many events have come in all. */
  heardAtLeast(count: number): Promise<void>;
  /** Resolves when the broker has ended it. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens `/v1/events` with a real HTTP client. */
export async function openStream(url: string, token: string, lastEventId?: string): Promise<OpenStream> {
  const abort = new AbortController();
  const response = await fetch(`${url}/v1/events`, {
    signal: abort.signal,
    headers: { authorization: `Bearer ${token}`, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
  });
  const heard: Heard[] = [];
  let wake: () => void = () => undefined;
  let over = false;
  const parser = createParser({
    onEvent: ({ event, data, id }) => {
      heard.push({ event: StreamEvent.parse({ ...(JSON.parse(data) as object), type: event }), id });
      wake();
    },
  });
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? [])
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
  };
  const ended = read()
    .catch(() => undefined)
    .then(() => {
      over = true;
      wake();
    });
  let asked = 0;
  const nextWhere = async (wanted: (heard: Heard) => boolean): Promise<Heard> => {
    for (;;) {
      while (asked < heard.length) {
        const one = heard[asked++];
        if (one && wanted(one)) return one;
      }
      if (over) throw new Error(`The stream ended; it had said ${JSON.stringify(heard)}.`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return {
    status: response.status,
    headers: response.headers,
    heard,
    next: () => nextWhere(({ event }) => event.type !== 'alive'),
    nextOf: (type) => nextWhere(({ event }) => event.type === type),
    async heardAtLeast(count) {
      while (heard.length < count && !over) await new Promise<void>((resolve) => (wake = resolve));
    },
    ended,
    close: () => abort.abort(),
  };
}
