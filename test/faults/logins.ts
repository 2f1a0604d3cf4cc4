import pg from 'pg';
import type { Held } from './ledger.ts';
import type { World } from './world.ts';

/** After it was refused, a login is tried again so much later, in ms, and each time this many times as late. */
const againAfterMs = 2_000;
const laterBy = 3;
/** A target has connections for so many tries at once, beside all others. */
const atOnce = 16;

interface Tried {
  readonly held: Held;
  /** On this process's monotonic clock. */
  nextAt: number;
  pauseMs: number;
}

/** Tries, past every network that fails, to log in with credentials that are over: none may work, now or later. */
export class Logins {
  readonly #targets: World['targets'];
  readonly violations: string[] = [];
  readonly #tried = new Map<Held, Tried>();

  constructor(targets: World['targets']) {
    this.#targets = targets;
  }

  /** This one is over, from now on and for ever. */
  add(held: Held): void {
    if (!this.#tried.has(held)) this.#tried.set(held, { held, nextAt: -Infinity, pauseMs: againAfterMs });
  }

  /** Tries those whose turn it is. */
  async tryDue(): Promise<void> {
    const now = performance.now();
    await this.#try([...this.#tried.values()].filter(({ nextAt }) => nextAt <= now));
  }

  /** Tries all once more. */
  async tryAll(): Promise<void> {
    await this.#try([...this.#tried.values()]);
  }

  async #try(some: Tried[]): Promise<void> {
    for (let these = some.splice(0, atOnce); these.length > 0; these = some.splice(0, atOnce))
      await Promise.all(these.map((one) => this.#tryOne(one)));
  }

  async #tryOne(one: Tried): Promise<void> {
    const { held } = one;
    const answer = await this.#logIn(held);
    if (answer === 'refused') {
      held.refused = true;
      one.nextAt = performance.now() + one.pauseMs;
      one.pauseMs *= laterBy;
    } else if (answer === 'in' && !this.violations.includes(said(held))) this.violations.push(said(held));
  }

  async #logIn({ role: user, password, target: database }: Held): Promise<'in' | 'refused' | 'not answered'> {
    const { port } = this.#targets[database];
    const login = { host: '127.0.0.1', port, user, password, database };
    const client = new pg.Client({ ...login, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return 'in';
    } catch (error) {
      // 28P01: the time has passed, or the login is gone. 28000: it is closed.
      const refused = error instanceof pg.DatabaseError && ['28P01', '28000'].includes(error.code ?? '');
      return refused ? 'refused' : 'not answered';
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

function said({ leaseId, dueAt, overAt, refused }: Held): string {
  const when = overAt ? 'which is over by the word of the store' : `after ${dueAt.toISOString()}`;
  return `Somebody logged in with lease ${leaseId}, ${when}${refused ? ', and was refused before' : ''}.`;
}
