import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { beginning, everything, lookForOverdue, numberEvents } from '../store/audit-number.ts';
import type { Store } from '../store/connect.ts';
import { channels } from '../store/notify.ts';
import type { Session, WritingSession } from '../store/session.ts';
import { Bell } from './bell.ts';

const lockName = 'sequencer';
/** Events that come quickly after one another share a batch. */
const batchMs = 20;
const lookAtLeastEveryMs = 1_000;
/** A stopped process keeps its lock: an event that waited this long is numbered by whoever sees it. */
const overdueMs = 2_000;
/** For the first look, which goes through the whole log. */
const lookThroughWithinMs = 600_000;
const uniqueViolation = '23505';

/**
 * Numbers committed events for as long as this broker runs. Usually one broker does it, by a session advisory lock
 * that only saves work: what keeps the numbers right is their primary key.
 */
export async function startSequencer(store: Store, log: Logger): Promise<{ stop(): Promise<void> }> {
  const stopping = new AbortController();
  const isOver = () => stopping.signal.aborted;
  const bell = new Bell();
  stopping.signal.addEventListener('abort', () => bell.ring());
  const stopListening = await store.listen(channels.audit, () => bell.ring());

  const run = async () => {
    while (!isOver()) {
      try {
        const session = await store.session('sequencer');
        try {
          const writing = await store.writingSession('sequencer writes');
          try {
            const over = AbortSignal.any([stopping.signal, session.lost, writing.lost]);
            await sequence(store, session, writing, bell, over, log);
          } finally {
            await writing.close();
          }
        } finally {
          await session.close();
        }
      } catch (error) {
        if (isOver()) return;
        log.warn({ err: error }, 'Audit events get no numbers at the moment; trying again.');
      }
      await pause(batchMs * 10, undefined, { signal: stopping.signal }).catch(() => undefined);
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

async function sequence(
  store: Store,
  session: Session,
  writing: WritingSession,
  bell: Bell,
  over: AbortSignal,
  log: Logger,
): Promise<void> {
  const isOver = () => over.aborted;
  let settled = await beginning(session.db);
  let leading = false;
  const number = async (from: string, by = writing) => {
    for (let more = true; more && !isOver();) {
      try {
        ({ more, settled } = await by.write('events numbered', (db) => numberEvents(db, from)));
      } catch (error) {
        // Somebody else gave these numbers in the same moment.
        if ((error as NodeJS.ErrnoException).code !== uniqueViolation) throw error;
      }
    }
  };
  // Apart: a connection that fell silent is noticed by an answer that does not come, and this one may take its time.
  const numberEverything = async () => {
    const patient = await store.writingSession('sequencer writes', {
      statementTimeoutMs: lookThroughWithinMs,
    });
    try {
      await number(everything, patient);
    } finally {
      await patient.close();
    }
  };
  while (!isOver()) {
    const begins: boolean = !leading && (await session.tryLock(lockName));
    leading ||= begins;
    if (leading) {
      await number(settled);
      if (begins) {
        log.debug('This broker numbers audit events now.');
        await numberEverything();
      }
      await pause(batchMs, undefined, { signal: over }).catch(() => undefined);
      if (!isOver()) await bell.wait(lookAtLeastEveryMs);
    } else {
      const look = await lookForOverdue(session.db, settled, overdueMs);
      ({ settled } = look);
      if (look.overdue) await number(settled);
      await pause(lookAtLeastEveryMs, undefined, { signal: over }).catch(() => undefined);
    }
  }
}
