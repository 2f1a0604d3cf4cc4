/** Work of which there is one at a time. Asked for while it is under way, it is done once more afterwards. */
export class Turns {
  readonly #work: () => Promise<void>;
  #underWay: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  /** @param work never rejects */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  ask(): void {
    if (this.#stopped) return;
    if (this.#underWay) {
      this.#again = true;
      return;
    }
    this.#underWay = this.#work().finally(() => {
      this.#underWay = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.ask();
    });
  }

  /** Nothing is begun any more; resolves when what is under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#underWay;
  }
}
