/** The lines that a broker logs, in one life after the other. */
export class BrokerLog {
  readonly #last: string[] = [];

  add(line: string): void {
    // Each call has one, which says nothing of the broker.
    if (line.includes('"answered"')) return;
    this.#last.push(line);
    if (this.#last.length > 20) this.#last.shift();
  }

  /** The last lines, those about single calls left out. */
  get lastWords(): string {
    return this.#last.join('\n');
  }
}
