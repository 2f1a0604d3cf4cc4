import { Kysely, PostgresDialect, sql, type PostgresPool } from 'kysely';
import type pg from 'pg';
import { answering } from './answering.ts';
import { step, type StoreStep } from '../step.ts';
import type { Db, Schema, Writer } from './schema.ts';

/** One connection of one's own. Its locks live as long as it does. */
export interface Session {
  readonly db: Db;
  /** One statement, which commits by itself. */
  readonly write: <T>(name: StoreStep, work: (db: Writer) => Promise<T>) => Promise<T>;
  /** Aborted when the connection is gone, and with it every lock of this session. */
  readonly lost: AbortSignal;
  /** Takes the named lock (session advisory) if nobody holds it; true as well where this session holds it already. */
  tryLock(name: string): Promise<boolean>;
  unlock(name: string): Promise<void>;
  close(): Promise<void>;
}

/** @param client not yet connected */
export async function openSession(client: pg.Client): Promise<Session> {
  const lost = new AbortController();
  const held = new Set<string>();
  const gone = () => {
    if (lost.signal.aborted) return;
    held.clear();
    lost.abort(new Error('The connection to the database was lost.'));
  };
  client.on('error', gone);
  client.on('end', gone);
  await client.connect();
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) });
  const keyOf = (name: string) => sql`hashtextextended(${`daypass ${name}`}, 0)`;
  return {
    db,
    write: (name, work) => step(name, () => work(db)),
    lost: lost.signal,
    async tryLock(name) {
      if (held.has(name)) return true;
      const { rows } = await sql<{
        mine: boolean;
      }>`select pg_try_advisory_lock(${keyOf(name)}) as mine`.execute(db);
      if (rows[0]?.mine) held.add(name);
      return held.has(name);
    },
    async unlock(name) {
      if (!held.delete(name)) return;
      await sql`select pg_advisory_unlock(${keyOf(name)})`.execute(db);
    },
    async close() {
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
