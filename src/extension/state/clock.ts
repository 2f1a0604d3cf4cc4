import type { Disposable } from './event.ts';
import { machineTime, type TimeSource } from './steady.ts';
import { Ticker } from './ticker.ts';

/** The broker's time, as well as it is known here. */
export interface ReadableClock {
  /** The broker's time now, in ms since the epoch. Deadlines are compared with this, never with `Date.now()`. */
  now(): number;
  /** The moment on this machine's clock, in ms, at which the broker's clock shows `brokerMs`: for what people read and for files. */
  toLocal(brokerMs: number): number;
  /** Broker's clock minus this machine's, in ms. */
  readonly offsetMs: number;
  /**
   * Calls `look` with the broker's time, the same for everybody: when what somebody shows changes next, and at least
   * every 30 s. `changesInMs` is asked after each look.
   */
  every(look: (now: number) => void, changesInMs?: (now: number) => number): Disposable;
  /** Something changed that a `changesInMs` depends on (what is shown, a deadline): everybody looks soon. */
  look(): void;
}

/** What the broker's clock showed at a moment of the steady one, give or take. */
interface Sample {
  readonly brokerMs: number;
  readonly steadyMs: number;
  readonly uncertaintyMs: number;
}

/** How far two good clocks run apart at worst: 200 ppm, 0.7 s an hour. */
const driftPerMs = 0.0002;

/**
 * Measures the broker's clock by the time that each response carries. Of two samples the one with the smaller
 * uncertainty (half the round trip, growing with age) wins, unless they contradict each other: then a clock was set,
 * and the newer wins. Between samples time runs on the steady clock, so setting this machine's changes nothing.
 */
export class Clock implements ReadableClock, Disposable {
  readonly #time: TimeSource;
  readonly #ticker: Ticker;
  #best: Sample | undefined;

  constructor(time: TimeSource = machineTime()) {
    this.#time = time;
    this.#ticker = new Ticker(() => this.now());
  }

  now(): number {
    const best = this.#best;
    return best ? best.brokerMs + (this.#time.steady() - best.steadyMs) : this.#time.wall();
  }

  toLocal(brokerMs: number): number {
    return this.#time.wall() + (brokerMs - this.now());
  }

  get offsetMs(): number {
    return this.now() - this.#time.wall();
  }

  /** Whether the broker's clock has been seen; until then this machine's stands for it. */
  get isMeasured(): boolean {
    return this.#best !== undefined;
  }

  /** The steady clock's reading, for `observe`. */
  mark(): number {
    return this.#time.steady();
  }

  /** A response said that it was `brokerMs` at the broker, between the marks `sentAt` and `receivedAt`. */
  observe(brokerMs: number, sentAt: number, receivedAt: number): void {
    if (!Number.isFinite(brokerMs) || receivedAt < sentAt) return;
    const half = (receivedAt - sentAt) / 2;
    this.#consider({ brokerMs, steadyMs: sentAt + half, uncertaintyMs: half });
  }

  /** The stream said that it was `brokerMs` when it was sent: by now it is that late at the broker, or later. */
  atLeast(brokerMs: number): void {
    if (!Number.isFinite(brokerMs)) return;
    const best = this.#best;
    const steadyMs = this.#time.steady();
    if (best && brokerMs - this.now() <= uncertainty(best, steadyMs)) return;
    this.#best = { brokerMs, steadyMs, uncertaintyMs: 1000 };
    this.look();
  }

  every(look: (now: number) => void, changesInMs: (now: number) => number = () => Infinity): Disposable {
    return this.#ticker.add(look, changesInMs);
  }

  look(): void {
    this.#ticker.look();
  }

  dispose(): void {
    this.#ticker.dispose();
  }

  #consider(sample: Sample): void {
    const best = this.#best;
    if (best) {
      const aged = uncertainty(best, sample.steadyMs);
      const apartMs = Math.abs(sample.brokerMs - (best.brokerMs + sample.steadyMs - best.steadyMs));
      const contradicts = apartMs > aged + sample.uncertaintyMs;
      if (!contradicts && aged <= sample.uncertaintyMs) return;
    }
    this.#best = sample;
    this.look();
  }
}

function uncertainty(sample: Sample, steadyMs: number): number {
  return sample.uncertaintyMs + Math.max(0, steadyMs - sample.steadyMs) * driftPerMs;
}
