import { sql } from 'kysely';
import { setTimeout as pause } from 'node:timers/promises';
import type { Store } from './connect.ts';
import type { Session } from './session.ts';

/** An end does not wait longer to hear whether another broker is at it. */
const answerWithinMs = 1_000;

export interface Reserved {
  /** Ids of those that no other broker has reserved. */
  readonly mine: ReadonlySet<string>;
  /** To be called when the work on them is done. */
  readonly release: () => Promise<void>;
}

export interface Reservations {
  /** Never rejects: where the database does not say who has them, all are taken for this broker's. */
  readonly reserve: (leaseIds: readonly string[]) => Promise<Reserved>;
  stop(): Promise<void>;
}

const keyOfId = sql`hashtextextended('daypass end ' || id, 0)`;

/**
 * Who proves which ends, among brokers on one database: session advisory locks on a connection for them alone. They
 * save work and false alarms; nothing that is right depends on them.
 */
export function reservations(store: Pick<Store, 'session'>): Reservations {
  let current: Promise<Session> | undefined;
  let stopped = false;

  /** With its connection go its locks, those of answers that came too late among them. */
  function discard(session: Promise<Session> | undefined): void {
    if (session !== current) return;
    current = undefined;
    void session?.then((one) => one.close()).catch(() => undefined);
  }

  async function lock(session: Promise<Session>, ids: readonly string[]): Promise<string[]> {
    const { db } = await session;
    const { rows } = await sql<{ id: string }>`
      select id from unnest(${[...ids]}::text[]) as id where pg_try_advisory_lock(${keyOfId})`.execute(db);
    return rows.map(({ id }) => id);
  }

  async function unlock(session: Promise<Session>, ids: readonly string[]): Promise<void> {
    try {
      const { db } = await session;
      await sql`select pg_advisory_unlock(${keyOfId}) from unnest(${[...ids]}::text[]) as id`.execute(db);
    } catch {
      discard(session);
    }
  }

  return {
    async reserve(leaseIds) {
      const all = { mine: new Set(leaseIds), release: () => Promise.resolve() };
      if (stopped) return all;
      const session = (current ??= store.session('ends'));
      const late = pause(answerWithinMs, undefined, { ref: false });
      const got = await Promise.race([lock(session, leaseIds).catch(() => undefined), late]);
      if (!got) {
        discard(session);
        return all;
      }
      return { mine: new Set(got), release: () => unlock(session, got) };
    },
    async stop() {
      stopped = true;
      const last = await current?.catch(() => undefined);
      await last?.close();
    },
  };
}
