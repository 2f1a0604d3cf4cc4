import type { Logger } from 'pino';
import type { Who } from '../rules/policy.ts';
import type { NumberedEvent } from '../store/audit-number.ts';
import type { Audience } from './audience.ts';
import { frame, tellings } from './frames.ts';
import type { EventIds } from './id.ts';

/** One open stream. `write` is false where the client does not keep up: it is dropped and will come back. */
export interface Client {
  readonly who: Who;
  readonly tokenEnds: Date;
  readonly lastEventId: string | undefined;
  write(text: string): boolean;
  /** Says goodbye; nothing is written after it. */
  end(): void;
  /** Cuts the connection. */
  drop(): void;
}

export interface HubParts {
  readonly ids: EventIds;
  readonly audience: Audience;
  /** Numbered events after a position, in order, at most `limit`. */
  readonly read: (after: number, limit: number) => Promise<NumberedEvent[]>;
  readonly log: Logger;
  readonly aliveEveryMs?: number;
}

export interface Hub {
  /** Where the sequence stands when this broker begins to follow it. */
  begin(position: number): void;
  /** Tells everybody who may know; resolves when it is written. */
  take(events: readonly NumberedEvent[]): Promise<void>;
  /** The list of templates may have changed. */
  templatesChanged(): void;
  /** Joins a stream; the result leaves it. */
  join(client: Client): () => void;
  /** How many streams are open, of one person or of all. */
  count(personId?: string): number;
  /** Ends every stream. */
  close(): void;
}

/** A client that was away for more than this reads everything again. */
const longestReplay = 5_000;
/** `setTimeout` cannot wait longer. */
const longestTimerMs = 2 ** 31 - 1;

interface Stream {
  readonly client: Client;
  /** Same for all streams that may know the same. */
  readonly knows: string;
  /** Where this stream began; it is told of what comes after. */
  readonly begun: number;
  /** What comes while it is told of what it missed; undefined when it has caught up. */
  waiting: string[] | undefined;
  timer: NodeJS.Timeout | undefined;
}

/**
 * From numbered events to each caller's stream. An event is serialised once and authorised once for each distinct
 * (person, groups), however many streams there are.
 */
export function createHub(parts: HubParts): Hub {
  const { ids, audience, log } = parts;
  const streams = new Set<Stream>();
  /** Everything up to `taken` was given to the streams that were open then; up to `told` it is written. */
  let taken = 0;
  let told = 0;

  const leave = (stream: Stream) => {
    streams.delete(stream);
    clearTimeout(stream.timer);
  };
  const write = (stream: Stream, text: string) => {
    if (!streams.has(stream) || stream.client.write(text)) return;
    leave(stream);
    stream.client.drop();
  };
  const tell = (stream: Stream, text: string) => {
    if (stream.waiting) stream.waiting.push(text);
    else write(stream, text);
  };
  const alive = (stream: Stream) => {
    const position = Math.max(told, stream.begun);
    const id = stream.waiting ? undefined : ids.encode(position);
    write(stream, frame({ type: 'alive', now: new Date().toISOString() }, id));
  };
  const beat = setInterval(() => {
    for (const stream of streams) alive(stream);
  }, parts.aliveEveryMs ?? 15_000).unref();

  const replay = async (stream: Stream, after: number) => {
    for (const { event, change } of await missed(stream.client.who, after, stream.begun))
      write(stream, frame(change, ids.encode(event.number)));
    const waiting = stream.waiting ?? [];
    stream.waiting = undefined;
    for (const text of waiting) write(stream, text);
  };
  const missed = async (who: Who, after: number, until: number) => {
    if (after >= until) return [];
    const events = (await parts.read(after, longestReplay)).filter(({ number }) => number <= until);
    const may = await audience(events);
    return tellings(events.filter((event) => may(who, event)));
  };
  const endWithToken = (stream: Stream) => {
    const leftMs = stream.client.tokenEnds.getTime() - Date.now();
    if (leftMs > 0) {
      stream.timer = setTimeout(() => endWithToken(stream), Math.min(leftMs, longestTimerMs));
      return;
    }
    write(stream, frame({ type: 'token-expired' }));
    leave(stream);
    stream.client.end();
  };

  return {
    begin(position) {
      taken = told = position;
    },
    async take(events) {
      const last = events.at(-1);
      if (!last) return;
      taken = last.number;
      const open = [...streams];
      const news = open.length === 0 ? [] : tellings(events);
      if (news.length > 0) {
        const may = await audience(news.map(({ event }) => event));
        for (const { event, change } of news) {
          const text = frame(change, ids.encode(event.number));
          const decided = new Map<string, boolean>();
          for (const stream of open) {
            let mine = decided.get(stream.knows);
            if (mine === undefined) decided.set(stream.knows, (mine = may(stream.client.who, event)));
            if (mine) tell(stream, text);
          }
        }
      }
      told = last.number;
    },
    templatesChanged() {
      const text = frame({ type: 'templates' });
      for (const stream of streams) tell(stream, text);
    },
    join(client) {
      const { who, lastEventId } = client;
      const knows = JSON.stringify([who.id, [...who.groups].sort()]);
      const after = lastEventId === undefined ? undefined : ids.decode(lastEventId);
      const known = after !== undefined && after <= taken && taken - after < longestReplay;
      const stream: Stream = {
        client,
        knows,
        begun: taken,
        waiting: known ? [] : undefined,
        timer: undefined,
      };
      streams.add(stream);
      endWithToken(stream);
      alive(stream);
      if (known) {
        replay(stream, after).catch((error: unknown) => {
          log.warn({ err: error }, 'What a stream had missed could not be read; it will ask again.');
          leave(stream);
          client.drop();
        });
      } else if (lastEventId !== undefined) {
        write(stream, frame({ type: 'reset' }, ids.encode(stream.begun)));
      }
      return () => leave(stream);
    },
    count(personId) {
      if (personId === undefined) return streams.size;
      return [...streams].filter(({ client }) => client.who.id === personId).length;
    },
    close() {
      clearInterval(beat);
      for (const stream of [...streams]) {
        leave(stream);
        stream.client.end();
      }
    },
  };
}
