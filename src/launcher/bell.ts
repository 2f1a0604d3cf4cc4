/** Wakes one waiting loop: whoever has news rings, and a ring that nobody waited for yet is not lost. */
export class Bell {
  #rung = false;
  #answer: (() => void) | undefined;

  readonly ring = (): void => {
    this.#rung = true;
    this.#answer?.();
  };

  /** Resolves at the next ring, or after so many milliseconds. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#answer = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#answer = undefined;
    this.#rung = false;
  }
}
