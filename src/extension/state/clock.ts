import type { Disposable } from './event.ts';

/** The broker's time, as well as it is known here. */
export interface ReadableClock {
  /** The broker's time now, in ms since the epoch. Deadlines are compared with this, never with `Date.now()`. */
  now(): number;
  /** The moment on this machine's clock, in ms, at which the broker's clock shows `brokerMs`: for what people read and for files. */
  toLocal(brokerMs: number): number;
  /** Broker's clock minus this machine's, in ms. */
  readonly offsetMs: number;
  /**
   * Calls `look` each second while somebody looks or a deadline is near, and at least every 30 s in any case.
   * `wantsSeconds` is asked after each look.
   */
  every(look: (now: number) => void, wantsSeconds: (now: number) => boolean): Disposable;
}
