import { Kysely, PostgresDialect, sql, type PostgresPool } from 'kysely';
import type pg from 'pg';
import { answering } from './answering.ts';
import { step, type StoreStep } from '../step.ts';
import type { Db, Schema, Writer } from './schema.ts';

/** One connection of one's own, to look and to hold locks, which live as long as it does. */
export interface Session {
  readonly db: Db;
  /** Aborted when the connection is gone, and with it every lock of this session. */
  readonly lost: AbortSignal;
  /** Takes the named lock (session advisory) if nobody holds it; true as well where this session holds it already. */
  tryLock(name: string): Promise<boolean>;
  unlock(name: string): Promise<void>;
  close(): Promise<void>;
}

/** One connection of one's own, to write. */
export interface WritingSession {
  /** One statement, which commits by itself. */
  readonly write: <T>(name: StoreStep, work: (db: Writer) => Promise<T>) => Promise<T>;
  /** Aborted when the connection is gone. */
  readonly lost: AbortSignal;
  close(): Promise<void>;
}

/** @param client not yet connected; the server refuses changes on it */
export async function openSession(client: pg.Client): Promise<Session> {
  const { db, lost, close } = await connected(client);
  const held = new Set<string>();
  lost.addEventListener('abort', () => held.clear());
  const lock = async (word: 'pg_try_advisory_lock' | 'pg_advisory_unlock', name: string) => {
    const key = sql`hashtextextended(${`daypass ${name}`}, 0)`;
    const question = sql<{ done: boolean }>`select ${sql.raw(word)}(${key}) as done`;
    // eslint-disable-next-line no-restricted-syntax -- a lock ends with the connection, on which the server refuses changes
    const { rows } = await question.execute(db);
    return rows[0]?.done ?? false;
  };
  return {
    db,
    lost,
    async tryLock(name) {
      if (held.has(name)) return true;
      if (await lock('pg_try_advisory_lock', name)) held.add(name);
      return held.has(name);
    },
    async unlock(name) {
      if (held.delete(name)) await lock('pg_advisory_unlock', name);
    },
    close,
  };
}

/** @param client not yet connected */
export async function openWritingSession(client: pg.Client): Promise<WritingSession> {
  const { db, lost, close } = await connected(client);
  return { write: (name, work) => step(name, () => work(db)), lost, close };
}

async function connected(client: pg.Client) {
  const lost = new AbortController();
  const gone = () => {
    if (!lost.signal.aborted) lost.abort(new Error('The connection to the database was lost.'));
  };
  client.on('error', gone);
  client.on('end', gone);
  await client.connect();
  return {
    db: new Kysely<Schema>({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) }),
    lost: lost.signal,
    close: async () => {
      gone();
      await client.end().catch(() => undefined);
    },
  };
}

/** Whoever asks waits until the one before has given the client back. */
function poolOfOne(client: pg.Client): PostgresPool {
  let free: Promise<void> = Promise.resolve();
  return {
    async connect() {
      const before = free;
      let release: () => void = () => undefined;
      free = new Promise((done) => (release = done));
      await before;
      return answering(client, release);
    },
    end: () => client.end(),
  };
}
