import { appendFileSync } from 'node:fs';
import { LoggedLife } from './logged-life.ts';

/** The lines that a broker logs, in one life after the other: all of them in a file, the last ones at hand. */
export class BrokerLog {
  readonly file: string;
  /** In their order. */
  readonly lives: LoggedLife[] = [];
  readonly #last: string[] = [];

  constructor(file: string) {
    this.file = file;
  }

  /** Begins one; its lines may still come when the next one has begun. */
  newLife(): LoggedLife {
    const life = new LoggedLife();
    this.lives.push(life);
    return life;
  }

  add(line: string, life = this.lives.at(-1)): void {
    life?.add(line);
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
