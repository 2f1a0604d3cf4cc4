import type { Logger } from 'pino';
import { append } from '../audit/append.ts';
import type { Store } from '../store/connect.ts';
import type { Integrity, NotAuthentic } from './integrity.ts';
import type { Macs } from './macs.ts';

/** So many records stand in the audit log; of the others, which would fill it, only the log tells. */
const mostRecorded = 1_000;
/** Then it begins anew, and tells again of those that it meets again. */
const mostRemembered = 100_000;

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
  #some = false;
  #recorded = 0;

  constructor(parts: AlarmParts) {
    this.macs = parts.macs;
    this.#parts = parts;
  }

  /** Whether there was one since the start. */
  get some(): boolean {
    return this.#some;
  }

  readonly alarm = (found: NotAuthentic): void => {
    const { store, log, raised } = this.#parts;
    const name = `${found.record} ${found.id}`;
    if (this.#told.has(name)) return;
    if (this.#told.size >= mostRemembered) this.#told.clear();
    this.#told.add(name);
    this.#some = true;
    raised();
    log.error(found, 'A record in the database is not as the broker wrote it. Nothing is given for it.');
    if (this.#recorded >= mostRecorded) return;
    this.#recorded += 1;
    const { target, ...detail } = found;
    store
      .transaction('alarm recorded', (trx) =>
        append(trx, { action: 'record not authentic', actor: null, resource: 'broker', target, detail }),
      )
      .catch((error: unknown) => {
        this.#told.delete(name);
        this.#recorded -= 1;
        log.error(
          { err: error },
          'The alarm could not be recorded; it is raised again when it is met again.',
        );
      });
  };
}
