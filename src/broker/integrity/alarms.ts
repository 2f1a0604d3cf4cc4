import type { Logger } from 'pino';
import { append } from '../audit/append.ts';
import type { Store } from '../store/connect.ts';
import type { Integrity, NotAuthentic } from './integrity.ts';
import type { Macs } from './macs.ts';

/** So many records are told of one by one. */
const most = 1_000;

export interface AlarmParts {
  readonly macs: Macs;
  readonly store: Pick<Store, 'transaction'>;
  readonly log: Logger;
  /** Told of each alarm. */
  readonly raised: () => void;
}

/** Says of each record that is not authentic, once: in the log, in the audit log, to whoever counts. */
export class Alarms implements Integrity {
  readonly macs: Macs;
  readonly #parts: AlarmParts;
  readonly #told = new Set<string>();

  constructor(parts: AlarmParts) {
    this.macs = parts.macs;
    this.#parts = parts;
  }

  /** Whether there was one since the start. */
  get some(): boolean {
    return this.#told.size > 0;
  }

  readonly alarm = (found: NotAuthentic): void => {
    const { store, log, raised } = this.#parts;
    const name = `${found.record} ${found.id}`;
    if (this.#told.has(name) || this.#told.size >= most) return;
    this.#told.add(name);
    raised();
    log.error(found, 'A record in the database is not as the broker wrote it. Nothing is given for it.');
    const { target, ...detail } = found;
    store
      .transaction('alarm recorded', (trx) =>
        append(trx, { action: 'record not authentic', actor: null, resource: 'broker', target, detail }),
      )
      .catch((error: unknown) => {
        this.#told.delete(name);
        log.error(
          { err: error },
          'The alarm could not be recorded; it is raised again when it is met again.',
        );
      });
  };
}
