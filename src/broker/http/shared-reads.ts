/**
 * Reads of what many ask for at the same moment, as all windows do that were told of one change. Who asks while such a
 * read is under way gets the next one, with all who ask meanwhile: it begins after they asked, so that nobody is given
 * what is older than their question.
 */
export class SharedReads<T> {
  readonly #underWay = new Map<string, Flight<T>>();

  /** @param name of what is read; the same name is the same read */
  of(name: string, read: () => Promise<T>): Promise<T> {
    const flight = this.#underWay.get(name);
    if (!flight) return this.#begin(name, read);
    flight.next ??= flight.over.then(() => this.#begin(name, read));
    return flight.next;
  }

  #begin(name: string, read: () => Promise<T>): Promise<T> {
    const reading = read();
    const over = reading.then(
      () => undefined,
      () => undefined,
    );
    const flight: Flight<T> = { over, next: undefined };
    this.#underWay.set(name, flight);
    void over.then(() => {
      if (!flight.next) this.#underWay.delete(name);
    });
    return reading;
  }
}

interface Flight<T> {
  readonly over: Promise<void>;
  next: Promise<T> | undefined;
}
