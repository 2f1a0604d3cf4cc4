import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  eventsAfter,
  lastNumber,
  loggedUpTo,
  noteLogged,
  type NumberedEvent,
} from '../store/audit-number.ts';
import type { Store } from '../store/connect.ts';
import { channels } from '../store/notify.ts';
import { Bell } from './bell.ts';

const lookAtLeastEveryMs = 1_000;
const retryMs = 500;
const batch = 500;
/** How far the log is, is stored so often at most: what a killed broker logged since is logged again. */
const noteEveryMs = 1_000;

export interface Follower {
  stop(): Promise<void>;
}

/**
 * Reads the sequence as it grows, in order and without a gap, and writes each event to the log, by its number. Begins
 * after what is there. What came before that and is not known to be in some broker's log is logged `again`, so that the
 * logs of all brokers together have each event at least once. Where `take` rejects, the same batch comes again.
 */
export async function followSequence(
  store: Store,
  log: Logger,
  parts: { begin: (position: number) => void; take: (events: readonly NumberedEvent[]) => Promise<void> },
): Promise<Follower> {
  const stopping = new AbortController();
  const isOver = () => stopping.signal.aborted;
  const bell = new Bell();
  stopping.signal.addEventListener('abort', () => bell.ring());
  const stopListening = await store.listen(channels.number, () => bell.ring());
  let position = await lastNumber(store.db);
  let noted = await loggedUpTo(store.db);
  let logged = noted;
  let notedAt = -Infinity;
  parts.begin(position);

  const note = async () => {
    if (noted >= logged) return;
    const upTo = logged;
    notedAt = performance.now();
    await store.write('events logged', (db) => noteLogged(db, upTo));
    noted = upTo;
  };
  // A batch at a time, and not before the start: no end waits until a long absence is told.
  const logAgain = async () => {
    const events = await eventsAfter(store.db, logged, Math.min(batch, position - logged));
    for (const event of events) record(log, event, true);
    logged = events.at(-1)?.number ?? position;
  };

  const run = async () => {
    while (!isOver()) {
      try {
        if (logged < position) {
          await logAgain();
          continue;
        }
        const events = await eventsAfter(store.db, position, batch);
        const last = events.at(-1);
        if (last) {
          await parts.take(events);
          for (const event of events) record(log, event, false);
          logged = position = last.number;
        }
        if (performance.now() - notedAt >= noteEveryMs) await note();
        if (events.length < batch) await bell.wait(lookAtLeastEveryMs);
      } catch (error) {
        if (isOver()) return;
        log.warn({ err: error }, 'Audit events cannot be followed at the moment; trying again.');
        await pause(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      stopListening();
      await running;
      // Whoever starts next logs it again otherwise, which does no harm.
      await note().catch(() => undefined);
    },
  };
}

function record(log: Logger, event: NumberedEvent, again: boolean): void {
  log.info({ audit: event, ...(again ? { again } : {}) }, event.action);
}
