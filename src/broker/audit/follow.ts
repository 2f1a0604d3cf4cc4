import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { eventsAfter, lastNumber, type NumberedEvent } from '../store/audit-number.ts';
import type { Store } from '../store/connect.ts';
import { channels } from '../store/notify.ts';
import { Alarm } from './alarm.ts';

const lookAtLeastEveryMs = 1_000;
const retryMs = 500;
const batch = 500;
/** What a broker that was killed may have numbered and not logged any more. */
const loggedAgain = 20;

export interface Follower {
  stop(): Promise<void>;
}

/**
 * Reads the sequence as it grows, in order and without a gap, and writes each event to the log, by its number. Begins
 * after what is there; the last few events before that are logged `again`, so that the log has each event at least
 * once. Where `take` rejects, the same batch comes again.
 */
export async function followSequence(
  store: Store,
  log: Logger,
  parts: { begin: (position: number) => void; take: (events: readonly NumberedEvent[]) => Promise<void> },
): Promise<Follower> {
  const stopping = new AbortController();
  const isOver = () => stopping.signal.aborted;
  const alarm = new Alarm();
  stopping.signal.addEventListener('abort', () => alarm.ring());
  const stopListening = await store.listen(channels.number, () => alarm.ring());
  let position = await lastNumber(store.db);
  for (const event of await eventsAfter(store.db, Math.max(0, position - loggedAgain), loggedAgain)) {
    if (event.number <= position) record(log, event, true);
  }
  parts.begin(position);

  const run = async () => {
    while (!isOver()) {
      try {
        const events = await eventsAfter(store.db, position, batch);
        const last = events.at(-1);
        if (last) {
          await parts.take(events);
          for (const event of events) record(log, event, false);
          position = last.number;
        }
        if (events.length < batch) await alarm.wait(lookAtLeastEveryMs);
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
    },
  };
}

function record(log: Logger, event: NumberedEvent, again: boolean): void {
  log.info({ audit: event, ...(again ? { again } : {}) }, event.action);
}
