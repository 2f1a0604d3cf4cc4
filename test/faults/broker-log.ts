import { appendFileSync } from 'node:fs';

/** The lines that a broker logs, in one life after the other: all of them in a file, the last ones at hand. */
export class BrokerLog {
  readonly file: string;
  readonly #last: string[] = [];

  constructor(file: string) {
    this.file = file;
  }

  add(line: string): void {
    appendFileSync(this.file, `${line}\n`);
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
