/**
 * An instant on this machine's clock that comes even if that clock is set back meanwhile: it has come when the clock
 * says so (after a sleep, too), or when the time that was left at the beginning has run.
 */
export class Deadline {
  readonly at: Date;
  readonly #runOut: number;

  /** @param now the clock, in milliseconds; @param run a counter of milliseconds that nobody sets */
  constructor(at: Date, now = Date.now(), run = performance.now()) {
    this.at = at;
    this.#runOut = run + (at.getTime() - now);
  }

  /** Milliseconds left; 0 or less: it has come. */
  left(now = Date.now(), run = performance.now()): number {
    return Math.min(this.at.getTime() - now, this.#runOut - run);
  }
}
