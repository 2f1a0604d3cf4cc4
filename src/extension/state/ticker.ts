import type { Disposable } from './event.ts';

interface Listener {
  readonly look: (now: number) => void;
  readonly changesInMs: (now: number) => number;
}

/** After sleep an overdue timer fires at once, so this also bounds how long a wake-up goes unnoticed. */
const longestPauseMs = 30_000;
/** A little past the change, so that a timer that fires early does not look twice. */
const pastMs = 5;

/** One timer for everything that shows time: all look at the same instant, and only as often as one of them wants. */
export class Ticker implements Disposable {
  readonly #now: () => number;
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;
  #soon = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(look: Listener['look'], changesInMs: Listener['changesInMs']): Disposable {
    const listener = { look, changesInMs };
    this.#listeners.add(listener);
    this.look();
    return {
      dispose: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size === 0) this.#stop();
      },
    };
  }

  /** Everybody looks once this turn of the event loop is over; several calls make one look. */
  look(): void {
    if (this.#soon || this.#listeners.size === 0) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.#tick();
    });
  }

  dispose(): void {
    this.#listeners.clear();
    this.#stop();
  }

  #tick(): void {
    this.#stop();
    if (this.#listeners.size === 0) return;
    const now = this.#now();
    let failure: { readonly error: unknown } | undefined;
    for (const listener of [...this.#listeners])
      try {
        listener.look(now);
      } catch (error) {
        failure ??= { error };
      }
    const next = Math.min(...[...this.#listeners].map((listener) => listener.changesInMs(now)));
    this.#timer = setTimeout(() => this.#tick(), Math.min(next + pastMs, longestPauseMs));
    this.#timer.unref();
    if (failure) throw failure.error;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
