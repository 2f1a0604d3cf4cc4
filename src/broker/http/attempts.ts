import type { Logger } from 'pino';
import type { ProblemKind } from '../../contract/problems.ts';
import { append } from '../audit/append.ts';
import type { Store } from '../store/connect.ts';
import type { Caller } from './caller.ts';

/** Something that somebody who is signed in tried and may not. */
export interface Attempt {
  readonly caller: Caller;
  /** Method and path as the contract has them. */
  readonly call: string;
  /** The ids that the call named; there may be nothing of that name. */
  readonly named: Readonly<Record<string, string>>;
  readonly why: ProblemKind;
}

/**
 * Somebody who tries what is not theirs, or with less of a sign-in than it takes, or a key that they used for something
 * else; whose word came after another's, or was on something else than what is there.
 */
const recorded: readonly ProblemKind[] = [
  'not-allowed',
  'step-up-needed',
  'not-found',
  'key-reused',
  'too-late',
  'changed-meanwhile',
];

/** Events for each person in one period, one by one; whatever more there is of it is counted. */
const eventsEach = 20;
const periodMs = 60_000;

/**
 * Refused attempts stand in the audit log: the first of each person one by one, of more how many, once a minute. So a
 * flood of them is seen, how large it was too, and it fills nothing. What is not there and what is somebody else's are
 * recorded alike, so that not even the time that it takes tells them apart.
 */
export class Attempts {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #counts = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #summing: Promise<void> = Promise.resolve();

  constructor(store: Store, log: Logger, everyMs = periodMs) {
    this.#store = store;
    this.#log = log;
    this.#timer = setInterval(() => void this.sum(), everyMs).unref();
  }

  /** Never rejects: a refusal stays one, also where it cannot be recorded. */
  async record({ caller, call, named, why }: Attempt): Promise<void> {
    if (!recorded.includes(why)) return;
    const count = (this.#counts.get(caller.id) ?? 0) + 1;
    this.#counts.set(caller.id, count);
    if (count <= eventsEach) await this.#append(caller.id, { call, ...named, why });
  }

  /** Records how many more there were since the last time, and begins anew. */
  sum(): Promise<void> {
    const counts = [...this.#counts];
    this.#counts.clear();
    this.#summing = this.#summing.then(async () => {
      for (const [personId, count] of counts)
        if (count > eventsEach) await this.#append(personId, { more: count - eventsEach });
    });
    return this.#summing;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.sum();
  }

  async #append(personId: string, detail: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await this.#store.transaction('attempt refused', (trx) =>
        append(trx, {
          action: 'attempt refused',
          actor: personId,
          resource: 'person',
          resourceId: personId,
          target: null,
          detail,
        }),
      );
    } catch (error) {
      this.#log.error(
        { err: error, person: personId, ...detail },
        'A refused attempt could not be recorded.',
      );
    }
  }
}
