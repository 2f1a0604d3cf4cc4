import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Integrity } from '../integrity/integrity.ts';
import { Turns } from '../leases/turns.ts';
import { step } from '../step.ts';
import type { Store } from '../store/connect.ts';
import {
  failingChannels,
  nextDelivery,
  recordFailed,
  recordNobody,
  recordSent,
  takeDeliveries,
  type Taken,
} from '../store/delivery.ts';
import { lookAtLeastEveryMs } from '../store/notify.ts';
import { channelFor } from './channels.ts';
import { factsOf } from './facts.ts';
import type { Channel, Sent } from './message.ts';
import { addresseeOf, whomNow, type Rota } from './on-call.ts';

export interface Deliveries {
  /** Look now. */
  wake(): void;
  /** Whether people cannot be told through a channel, as far as its last attempt says. */
  readonly failing: boolean;
  stop(): Promise<void>;
}

export interface DeliveriesParts {
  readonly store: Store;
  readonly integrity: Integrity;
  readonly config: Pick<Config, 'channels' | 'publicUrl'> & Rota['config'];
  readonly schedules: Rota['schedules'];
  readonly log: Logger;
  readonly counted: (channel: string, outcome: 'sent' | 'tried' | 'failed') => void;
}

const retryMs = 1_000;
/** What is due and cannot be taken yet is looked at again after so long. */
const heldUpMs = 500;
/** Under way at once: so that a dead channel holds up no other, each may have only a part of them. */
const mostAtOnce = 16;
const mostEach = 4;

/**
 * Tells people what is due, each message one attempt at a time. Several brokers share the work by the rows that they
 * take. A broker that dies between sending and recording it has it sent once more, under the same id.
 */
export function startDeliveries(parts: DeliveriesParts): Deliveries {
  const { store, integrity, config, log, counted } = parts;
  const channels = new Map([...config.channels].map(([name, one]) => [name, channelFor(one)]));
  const known = [...channels.keys()];
  /** They said that nothing more is to be sent to them. */
  const gone = new Set<string>();
  const underWay = new Map<string, { readonly channel: string; readonly done: Promise<void> }>();
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let failing: readonly string[] = [];
  const turns = new Turns(turn);
  const wake = () => turns.ask();

  async function turn(): Promise<void> {
    let waitMs = lookAtLeastEveryMs;
    try {
      const { at, now } = await nextDelivery(store.db);
      if (at && at <= now) await take();
      const next = await nextDelivery(store.db);
      if (next.at) waitMs = Math.min(waitMs, Math.max(next.at.getTime() - next.now.getTime(), heldUpMs));
      failing = await failingChannels(store.db, known);
    } catch (error) {
      log.error({ err: error }, 'Whom to tell could not be looked up; trying again.');
      waitMs = retryMs;
    }
    clearTimeout(timer);
    if (!stopping.signal.aborted) timer = setTimeout(wake, waitMs);
  }

  async function take(): Promise<void> {
    const limit = mostAtOnce - underWay.size;
    if (limit <= 0) return;
    const used = (name: string) => [...underWay.values()].filter(({ channel }) => channel === name).length;
    const busy = known.filter((name) => used(name) >= mostEach);
    const taken = await store.transaction('deliveries taken', (trx) =>
      takeDeliveries(trx, { known, busy, underWay: [...underWay.keys()], limit }),
    );
    for (const one of taken) {
      const done = attempt(one)
        .catch((error: unknown) =>
          log.error({ err: error, delivery: one.id }, 'A message could not be recorded; it is tried again.'),
        )
        .finally(() => {
          underWay.delete(one.id);
          wake();
        });
      underWay.set(one.id, { channel: one.channel, done });
    }
  }

  async function attempt(due: Taken): Promise<void> {
    const taken = await forWhom(due);
    if (!taken) return;
    const sent = await say(taken);
    // Whoever is told to stop leaves it to the next: it is due again in a moment.
    if (stopping.signal.aborted && sent.is === 'failed') return;
    if (sent.is === 'sent') {
      counted(taken.channel, 'sent');
      await store.transaction('delivery recorded', (trx) => recordSent(trx, taken, sent.said));
      return;
    }
    const { why, again, afterSeconds } = sent;
    if (sent.gone) gone.add(taken.channel);
    const failure = again ? { again, afterSeconds } : { again };
    const then = await store.transaction('delivery recorded', (trx) =>
      recordFailed(trx, taken, { ...failure, why, spread: Math.random() }),
    );
    counted(taken.channel, then === 'given up' ? 'failed' : 'tried');
    const about = { channel: taken.channel, delivery: taken.id, attempts: taken.attempts, why };
    if (then === 'again') log.warn(about, 'A message did not come through; trying again.');
    else if (then === 'silent')
      log.error(about, 'A message does not come through; the next step waits for it no longer.');
    else log.error(about, 'A message did not come through, and is not tried again.');
  }

  /** For whoever is on call at this moment, where that says whom it tells; undefined: there is nobody to tell. */
  async function forWhom(due: Taken): Promise<Taken | undefined> {
    const { on_call: onCall, channel } = due;
    if (onCall === null || due.follows !== null) return due;
    const whom = await store.transaction('on call chosen', (trx) =>
      whomNow(trx, integrity, parts, { ...due, onCall }),
    );
    if (whom.is === 'somebody') return { ...due, person: whom.person };
    const why = `${whom.is === 'nobody' ? 'nobody is known to be' : 'nobody else is'} on call`;
    await store.transaction('delivery recorded', (trx) => recordNobody(trx, due, whom.is, why));
    if (whom.is === 'nobody else') return undefined;
    counted(channel, 'failed');
    log.error(
      { schedule: onCall, channel, delivery: due.id },
      'Nobody is known to be on call, so nobody is told; the next step is taken in its place.',
    );
    return undefined;
  }

  async function say(taken: Taken): Promise<Sent> {
    const channel = channels.get(taken.channel);
    if (!channel) return { is: 'failed', why: 'it is not configured any more', again: false };
    if (gone.has(taken.channel)) return { is: 'failed', why: 'it wanted no more', again: false };
    const facts = await factsOf(store.db, integrity, config.publicUrl, taken);
    if (!facts) return { is: 'failed', why: 'its request is not as it was made', again: false };
    const follows = taken.follows === null ? {} : { follows: { id: taken.follows, said: taken.said } };
    const to = await addresseeOf(store.db, config, taken);
    const message = { id: taken.id, at: taken.created_at, facts, ...(to ? { to } : {}), ...follows };
    return step('message sent', () => through(channel, message));
  }

  async function through(channel: Channel, message: Parameters<Channel['send']>[0]): Promise<Sent> {
    try {
      return await channel.send(message, stopping.signal);
    } catch (error) {
      log.error({ err: error, channel: channel.name }, 'A message could not be made.');
      return { is: 'failed', why: 'the broker could not make the message; its log says why', again: false };
    }
  }

  wake();
  return {
    wake,
    get failing() {
      return failing.length > 0;
    },
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await turns.stop();
      await Promise.all([...underWay.values()].map(({ done }) => done));
      for (const channel of channels.values()) channel.close();
    },
  };
}
