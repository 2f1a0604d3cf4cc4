import type { Logger } from 'pino';

/** Lines for one reason in one period; whatever more there is of it is counted. */
const linesEach = 5;
const periodMs = 60_000;
/** Different addresses are counted up to so many. */
const mostAddresses = 10_000;

export interface RefusedCall {
  /** Why, in words of ours; nothing that the caller wrote. One of few. */
  readonly reason: string;
  readonly address: string;
  /** Names the answer. */
  readonly instance: string;
  readonly route: string;
  readonly person?: string | undefined;
}

interface Count {
  calls: number;
  readonly addresses: Set<string>;
}

/**
 * Calls that were not let in, in the log: the first few for each reason, a line each; of more, how many, once a minute.
 * So a flood is seen, how large it was too, and it fills nothing.
 */
export class RefusedCalls {
  readonly #log: Logger;
  readonly #counts = new Map<string, Count>();
  readonly #timer: NodeJS.Timeout;

  constructor(log: Logger, everyMs = periodMs) {
    this.#log = log;
    this.#timer = setInterval(() => this.sum(), everyMs).unref();
  }

  note({ reason, ...call }: RefusedCall): void {
    const count = this.#counts.get(reason) ?? { calls: 0, addresses: new Set() };
    this.#counts.set(reason, count);
    count.calls += 1;
    if (count.addresses.size < mostAddresses) count.addresses.add(call.address);
    if (count.calls <= linesEach) this.#log.warn({ reason, ...call }, 'A call was not let in.');
  }

  /** Says how many there were since the last time, and begins anew. */
  sum(): void {
    for (const [reason, { calls, addresses }] of this.#counts)
      if (calls > linesEach)
        this.#log.warn({ reason, calls, addresses: addresses.size }, 'Calls were not let in.');
    this.#counts.clear();
  }

  close(): void {
    clearInterval(this.#timer);
    this.sum();
  }
}
