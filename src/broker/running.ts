/** What was started and must be ended, the last one first. */
export class Running {
  readonly #ends: (() => unknown)[] = [];

  add<T>(part: T, end: (part: T) => unknown): T {
    this.#ends.push(() => end(part));
    return part;
  }

  async end(): Promise<void> {
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) await end();
  }
}
