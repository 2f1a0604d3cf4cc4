import { setTimeout as pause } from 'node:timers/promises';
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
  /** Work for one person when it is their turn, so that nobody's streams take the database from others. */
  readonly inTurn?: <T>(personId: string, work: () => Promise<T>) => Promise<T>;
  readonly aliveEveryMs?: number;
  /** How old a stream of a person who has the most must be to be ended for a new one. */
  readonly settledMs?: number;
}

export interface Hub {
  /** Where the sequence stands when this broker begins to follow it. */
  begin(position: number): void;
  /** Tells everybody who may know; resolves when it is written. */
  take(events: readonly NumberedEvent[]): Promise<void>;
  /** The list of templates may have changed: everybody is told, some at a time. */
  templatesChanged(): void;
  /** Joins a stream; the result leaves it. */
  join(client: Client): () => void;
  /**
   * Whether a person may open one more. Who has the most that there may be has the oldest ended for it: the newest is
   * the window that they look at, the oldest perhaps one whose machine is gone. Not where the oldest is new as well:
   * windows that end each other's streams would never come to rest. Then, in how many seconds one may be ended.
   */
  makeRoom(personId: string): undefined | number;
  /** How many streams are open, of one person or of all. */
  count(personId?: string): number;
  /** Ends every stream. */
  close(): void;
}

/** A client that was away for more than this reads everything again. */
const longestReplay = 5_000;
const mostEach = 50;
const settledMs = 60_000;
/**
 * So many streams are told at once, so long after one another, since each window that is told reads: what else the broker
 * does goes on between them. A thousand have been told after half a second.
 */
const atOnce = 20;
const apartMs = 10;
/** `setTimeout` cannot wait longer. */
const longestTimerMs = 2 ** 31 - 1;

interface Stream {
  readonly client: Client;
  /** Same for all streams that may know the same. */
  readonly knows: string;
  /** Where this stream began; it is told of what comes after. */
  readonly begun: number;
  /** Milliseconds on the clock of `performance`. */
  readonly since: number;
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
  const inTurn = parts.inTurn ?? ((_personId, work) => work());
  const streams = new Set<Stream>();
  /** Everything up to `taken` was given to the streams that were open then; up to `told` it is written. */
  let taken = 0;
  let told = 0;

  /** The oldest first. */
  const of = (personId: string) => [...streams].filter(({ client }) => client.who.id === personId);
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
  const tellInTurn = async (first: ReadonlySet<Stream>, lines: ReadonlyMap<Stream, string>) => {
    const others = [...lines.keys()].filter((stream) => !first.has(stream));
    for (const stream of first) tell(stream, lines.get(stream) ?? '');
    for (let at = 0; at < others.length && streams.size > 0; at += atOnce) {
      if (at > 0 || first.size > 0) await pause(apartMs);
      for (const stream of others.slice(at, at + atOnce)) tell(stream, lines.get(stream) ?? '');
    }
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
    const { who } = stream.client;
    for (const { event, change } of await inTurn(who.id, () => missed(who, after, stream.begun)))
      write(stream, frame(change, ids.encode(event.number)));
    const waiting = stream.waiting ?? [];
    stream.waiting = undefined;
    for (const text of waiting) write(stream, text);
  };
  const missed = async (who: Who, after: number, until: number) => {
    if (after >= until) return [];
    const events = (await parts.read(after, longestReplay)).filter(({ number }) => number <= until);
    const { may } = await audience(events);
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
        const lines = new Map<Stream, string>();
        const { may, whose } = await audience(news.map(({ event }) => event));
        /** Those whose own request it is: they wait for it. */
        const first = new Set<Stream>();
        for (const { event, change } of news) {
          const text = frame(change, ids.encode(event.number));
          const decided = new Map<string, boolean>();
          for (const stream of open) {
            const { who } = stream.client;
            let mine = decided.get(stream.knows);
            if (mine === undefined) decided.set(stream.knows, (mine = may(who, event)));
            if (!mine) continue;
            lines.set(stream, (lines.get(stream) ?? '') + text);
            if (who.id === whose(event)) first.add(stream);
          }
        }
        await tellInTurn(first, lines);
      }
      told = last.number;
    },
    templatesChanged() {
      const text = frame({ type: 'templates' });
      void tellInTurn(new Set(), new Map([...streams].map((stream) => [stream, text])));
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
        since: performance.now(),
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
    makeRoom(personId) {
      const theirs = of(personId);
      const [oldest] = theirs;
      if (!oldest || theirs.length < mostEach) return undefined;
      const leftMs = oldest.since + (parts.settledMs ?? settledMs) - performance.now();
      if (leftMs > 0) return Math.ceil(leftMs / 1000);
      leave(oldest);
      oldest.client.end();
      return undefined;
    },
    count: (personId) => (personId === undefined ? streams.size : of(personId).length),
    close() {
      clearInterval(beat);
      for (const stream of [...streams]) {
        leave(stream);
        stream.client.end();
      }
    },
  };
}
