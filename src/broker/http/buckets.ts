/** A bucket that was not asked for so many names ago may be forgotten: whoever it was begins with a full one. */
const mostNames = 100_000;

interface Bucket {
  left: number;
  at: number;
}

/**
 * So many calls a minute for each name: as many at once after a pause, and then as they come back, evenly. Kept in this
 * process: several brokers allow that many each.
 */
export class Buckets {
  readonly #perMinute: number;
  readonly #elapsed: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param elapsed milliseconds on a clock that is never set */
  constructor(perMinute: number, elapsed: () => number = () => performance.now()) {
    this.#perMinute = perMinute;
    this.#elapsed = elapsed;
  }

  /** Takes one call; otherwise in how many seconds there is one again. */
  take(name: string): undefined | number {
    const bucket = this.#filled(name);
    if (bucket.left >= 1) {
      bucket.left -= 1;
      return undefined;
    }
    return Math.max(1, Math.ceil(((1 - bucket.left) * 60) / this.#perMinute));
  }

  /** What was taken for a call that turned out to be somebody else's to pay. */
  giveBack(name: string): void {
    const bucket = this.#filled(name);
    bucket.left = Math.min(this.#perMinute, bucket.left + 1);
  }

  #filled(name: string): Bucket {
    const now = this.#elapsed();
    const bucket = this.#buckets.get(name) ?? { left: this.#perMinute, at: now };
    bucket.left = Math.min(this.#perMinute, bucket.left + ((now - bucket.at) * this.#perMinute) / 60_000);
    bucket.at = now;
    // The last one asked for stands last, so that the first is the one to forget.
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= mostNames) break;
      this.#buckets.delete(oldest);
    }
    return bucket;
  }
}
