/** More than one broker can verify in the time for which one is remembered. */
const mostRemembered = 250_000;

/** What came before, remembered for a while. */
export class Seen {
  readonly #forMs: number;
  readonly #elapsed: () => number;
  /** By when it may be forgotten; the first one comes first. */
  readonly #until = new Map<string, number>();

  /** @param elapsed milliseconds on a clock that is never set */
  constructor(forMs: number, elapsed: () => number) {
    this.#forMs = forMs;
    this.#elapsed = elapsed;
  }

  /** Whether it came before. From now on it did. */
  before(what: string): boolean {
    const now = this.#elapsed();
    for (const [oldest, until] of this.#until) {
      if (until > now && this.#until.size < mostRemembered) break;
      this.#until.delete(oldest);
    }
    if (this.#until.has(what)) return true;
    this.#until.set(what, now + this.#forMs);
    return false;
  }
}
