/**
 * Work that is done in rounds, one at a time: whoever wants it while a round runs gets another one afterwards, since
 * what they know may have come too late for this one; however many want it, one.
 */
export class Rounds {
  readonly #round: () => Promise<void>;
  #running: Promise<void> | undefined;
  #again = false;

  /** @param round never rejects */
  constructor(round: () => Promise<void>) {
    this.#round = round;
  }

  /** Resolves after a round that began now or later. */
  run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when no round runs. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#round();
    }
  }
}
