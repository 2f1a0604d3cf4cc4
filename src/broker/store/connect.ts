import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Logger } from 'pino';
import type { DatabaseConfig, Login, ServerTls } from '../config/config.ts';
import { answering } from './answering.ts';
import { openListener, type Listen } from './listen.ts';
import { openSession, openWritingSession, type Session, type WritingSession } from './session.ts';
import { step, type StoreStep } from '../step.ts';
import type { Db, Schema, Trx, Writer } from './schema.ts';

/** A PostgreSQL server with our database in it, and the roles to use there. */
export type StoreServer = Extract<DatabaseConfig, { kind: 'server' }>;

/** The store as the broker uses it while it works: always as the runtime role, where there is one. */
export interface Store {
  readonly db: Db;
  /** All of it happens, or nothing does. */
  readonly transaction: <T>(name: StoreStep, work: (trx: Trx) => Promise<T>) => Promise<T>;
  /** One statement, which commits by itself. */
  readonly write: <T>(name: StoreStep, work: (db: Writer) => Promise<T>) => Promise<T>;
  /**
   * Calls back at every notification on the channel, with its payload; with an empty payload after the connection was
   * lost and found again, since something may have been missed. Resolves once it listens, with what ends it.
   */
  readonly listen: Listen;
  /** A connection of one's own, for session advisory locks. */
  session(purpose: string): Promise<Session>;
  /** A connection of one's own, for writing that must not wait for anybody else's. */
  writingSession(purpose: string, options?: { statementTimeoutMs?: number }): Promise<WritingSession>;
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Connections at most for reading, and as many for writing; those of `listen` and `session` aside. */
  readonly connections?: number;
  /** Of a statement, in ms; its answer has 5 s more. */
  readonly timeoutMs?: number;
}

/** No statement of ours takes longer; one that does is ended here and at the server. */
const usualTimeoutMs = 15_000;

const settings = (statementTimeoutMs: number, more: Readonly<Record<string, string>>) =>
  Object.entries({
    search_path: 'daypass,pg_temp',
    timezone: 'UTC',
    statement_timeout: statementTimeoutMs,
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 30_000,
    // A broker that lost its network must not hold locks for the two hours that are TCP's default.
    tcp_keepalives_idle: 10,
    tcp_keepalives_interval: 5,
    tcp_keepalives_count: 3,
    ...more,
  })
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');

const types: pg.CustomTypesConfig = {
  getTypeParser(id, format): (text: string) => unknown {
    if (id === pg.types.builtins.INT8 && format !== 'binary') return safeInteger;
    return pg.types.getTypeParser(id, format) as (text: string) => unknown;
  },
};

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} does not fit a number.`);
  return value;
}

/** Options of `node:tls` for a mode, in libpq's meaning of the words. */
function encryption(tls: ServerTls): pg.ClientConfig['ssl'] {
  if (tls.mode === 'off') return false;
  const ca = tls.certificateAuthority === undefined ? {} : { ca: tls.certificateAuthority };
  if (tls.mode === 'require') return { rejectUnauthorized: false };
  if (tls.mode === 'verify-ca')
    return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  return { ...ca, rejectUnauthorized: true };
}

/** With these the server refuses whatever is no look. */
export const onlyLooking = { default_transaction_read_only: 'on' } as const;

/** What `pg` needs for a connection as one of the two roles; the password leaves its wrapper only when it is asked for. */
export function connectionOf(
  server: StoreServer,
  login: Login,
  purpose: string,
  statementTimeoutMs = usualTimeoutMs,
  more: Readonly<Record<string, string>> = {},
): pg.ClientConfig {
  return {
    host: server.host,
    port: server.port,
    database: server.database,
    user: login.user,
    password: () => login.password.reveal(),
    ssl: encryption(server.tls),
    application_name: `daypass ${purpose}`,
    options: settings(statementTimeoutMs, more),
    types,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    query_timeout: statementTimeoutMs + 5_000,
  };
}

/**
 * Opens the store as the runtime role. Nothing is connected yet when it returns, so that a database that is away for
 * a while ends calls and not the broker.
 */
export function openStore(server: StoreServer, log: Logger, options: StoreOptions = {}): Store {
  const login = server.runtime ?? server.owner;
  const open = (purpose: string, more: Readonly<Record<string, string>>) => {
    const connection = connectionOf(server, login, purpose, options.timeoutMs, more);
    const pool = new pg.Pool({ ...connection, max: options.connections ?? 8 });
    pool.on('error', (error) => log.warn({ err: error }, 'A connection to the database was lost.'));
    // A client that is checked out has no listener of the pool's; without one a lost connection would end the process.
    pool.on('connect', (client) => client.on('error', () => undefined));
    const connect = async () => {
      const client = await pool.connect();
      return answering(client, () => client.release());
    };
    return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: { connect, end: () => pool.end() } }) });
  };
  const reader = open('broker reads', onlyLooking);
  const writer = open('broker', {});
  const clientFor = (purpose: string, statementTimeoutMs?: number, more = {}) =>
    new pg.Client(connectionOf(server, login, purpose, statementTimeoutMs, more));
  const lookingFor = (purpose: string) => clientFor(purpose, undefined, onlyLooking);
  const listener = openListener(() => lookingFor('listen'), log);
  const sessions = new Set<Session | WritingSession>();
  const kept = <T extends Session | WritingSession>(session: T): T => {
    sessions.add(session);
    session.lost.addEventListener('abort', () => sessions.delete(session));
    return session;
  };
  return {
    db: reader,
    transaction: (name, work) => step(name, () => writer.transaction().execute(work)),
    write: (name, work) => step(name, () => work(writer)),
    listen: listener.listen,
    session: async (purpose) => kept(await openSession(lookingFor(purpose))),
    writingSession: async (purpose, { statementTimeoutMs } = {}) =>
      kept(await openWritingSession(clientFor(purpose, statementTimeoutMs))),
    async close() {
      await listener.close();
      await Promise.all([...sessions].map((session) => session.close()));
      await Promise.all([reader.destroy(), writer.destroy()]);
    },
  };
}
