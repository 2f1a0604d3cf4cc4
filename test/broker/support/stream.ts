import { createParser } from 'eventsource-parser';
import { StreamEvent } from '../../../src/contract/events.ts';
import { eventually } from './eventually.ts';
import type { Name, World } from './world.ts';

/** The event stream as one person gets it. */
export interface Stream {
  readonly seen: readonly StreamEvent[];
  /** Ids of events, the last one last. */
  readonly ids: readonly string[];
  until(wanted: (event: StreamEvent) => boolean): Promise<StreamEvent>;
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens a stream and resolves when it lives. */
export async function openStream(world: World, name: Name, lastEventId?: string): Promise<Stream> {
  const stopping = new AbortController();
  const response = await fetch(`${world.url}/v1/events`, {
    headers: {
      authorization: `Bearer ${await world.token(name)}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    signal: stopping.signal,
  });
  if (!response.ok || !response.body) throw new Error(`The stream answered ${response.status}.`);
  const seen: StreamEvent[] = [];
  const ids: string[] = [];
  const parser = createParser({
    onEvent: ({ event, data, id }) => {
      if (id !== undefined) ids.push(id);
      seen.push(StreamEvent.parse({ type: event, ...(JSON.parse(data) as object) }));
    },
  });
  const read = async (body: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of body) parser.feed(decoder.decode(chunk, { stream: true }));
  };
  const ended = read(response.body).catch(() => undefined);
  const until = (wanted: (event: StreamEvent) => boolean) => eventually(() => seen.find(wanted));
  await until((event) => event.type === 'alive');
  return { seen, ids, until, ended, close: () => stopping.abort() };
}
