/** Above this an estimate is worth another reading soon. */
const vagueMs = 500;

/**
 * The database's clock, estimated from readings of it, never ahead of it as far as those tell: a lease must not end
 * early because a reading was slow. It is behind by at most what passed between the best reading and its answer.
 */
export class DatabaseClock {
  /** That clock minus this process's monotonic one, in ms: the largest that is known to be no more than the truth. */
  #offset: number | undefined;
  #spread = Infinity;

  /**
   * @param reading what the clock said at some instant between `before` and `after`, these on the monotonic clock of
   *   this process (`performance.now()`)
   */
  learn(reading: { readonly now: Date; readonly before: number; readonly after: number }): void {
    const [least, most] = [reading.now.getTime() - reading.after, reading.now.getTime() - reading.before];
    // Where it is beyond the most, that clock was set back since.
    if (this.#offset === undefined || this.#offset < least || this.#offset > most) {
      this.#offset = least;
      this.#spread = Infinity;
    }
    this.#spread = Math.min(this.#spread, most - this.#offset);
  }

  /** Whether it may be behind by more than a person would put up with. */
  get vague(): boolean {
    return this.#spread > vagueMs;
  }

  /** This machine's own clock before the first reading. */
  now(): Date {
    return new Date(this.#offset === undefined ? Date.now() : performance.now() + this.#offset);
  }
}
