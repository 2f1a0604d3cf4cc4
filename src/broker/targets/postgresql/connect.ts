import { randomInt } from 'node:crypto';
import pg from 'pg';
import type { TargetConfig } from '../../config/config.ts';
import { step, type TargetStep } from '../../step.ts';
import { identifier, readable } from './names.ts';

/** Where problems are told that concern nobody's request. Details never hold a secret. */
export interface Log {
  warn(details: object, message: string): void;
}

/** How long, in milliseconds, what is asked of a target may take. Without an answer by then the connection is given up. */
export const bounds = {
  connect: 5_000,
  lock: 2_000,
  /** For a statement of the shared sessions; they close logins, which nothing may hold up. */
  statement: 5_000,
  answer: 6_000,
  /** For a statement that removes what a lease left in a database. */
  longStatement: 20_000,
  longAnswer: 22_000,
  /** A connection that was idle for longer than this must show a pulse within that before it is relied on. */
  idle: 10_000,
  pulse: 1_000,
} as const;

/** What can be asked of one session at the target, each time under the name of a step. */
export interface Session {
  query<Row extends object = Record<string, unknown>>(
    name: TargetStep,
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  /** Statements in one message and one implicit transaction: all of them take hold or none. */
  batch<Row = unknown>(name: TargetStep, statements: readonly string[]): Promise<Row[]>;
  /** One transaction; rolled back if the work fails. */
  transaction<T>(name: TargetStep, work: () => Promise<T>): Promise<T>;
  /** The number of the server process. */
  readonly pid: number;
}

/** What a login attempt met: the server's answer, or `in` when it opened a session. */
export type LoginAttempt = { readonly in: true } | { readonly in: false; readonly error: unknown };

type TlsOptions = Exclude<pg.ClientConfig['ssl'], undefined>;

function tlsOf({ tls, host }: TargetConfig): TlsOptions {
  const { mode, certificateAuthority: ca } = tls;
  const trusted = ca === undefined ? {} : { ca };
  switch (mode) {
    case 'off':
      return false;
    case 'require':
      return { ...trusted, rejectUnauthorized: false };
    case 'verify-ca':
      return { ...trusted, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { ...trusted, rejectUnauthorized: true, host };
  }
}

// Only what the server itself defines is found by an unqualified name: what others put into a schema is never run.
const safePath = '-c search_path=pg_catalog,pg_temp';

function configOf(config: TargetConfig, database: string): pg.ClientConfig {
  return {
    host: config.hostaddr ?? config.host,
    port: config.port,
    database,
    ssl: tlsOf(config),
    connectionTimeoutMillis: bounds.connect,
    keepAlive: true,
  };
}

function brokerConfig(config: TargetConfig, database: string): pg.ClientConfig {
  return {
    ...configOf(config, database),
    user: config.login.user,
    password: config.login.password.reveal(),
    application_name: 'daypass',
    options: `${safePath} -c idle_in_transaction_session_timeout=60s -c client_min_messages=warning`,
    statement_timeout: bounds.longStatement,
    lock_timeout: bounds.lock,
    query_timeout: bounds.longAnswer,
  };
}

function sessionOf(client: pg.Client): Session {
  return {
    query: <Row extends object>(name: TargetStep, sql: string, values?: readonly unknown[]) =>
      step(name, async () => (await client.query<Row>(sql, values ? [...values] : undefined)).rows),
    batch: async <Row>(name: TargetStep, statements: readonly string[]) => {
      if (statements.length === 0) return [];
      const results: unknown = await step(name, () => client.query(statements.join(';\n')));
      const last = ([results].flat() as pg.QueryResult[]).at(-1);
      return (last?.rows ?? []) as Row[];
    },
    transaction: (name, work) => step(name, () => inTransaction(client, work)),
    pid: (client as unknown as { processID: number }).processID,
  };
}

/** Classes and codes of errors that refuse a connection or end one: class 08, 28 and 57P, and three more. */
const endsSession = /^(08|28|57P|53300$|25P03$|3D000$)/;

/**
 * An error of the server that ended a statement and nothing else: the session goes on, the transaction is rolled back.
 * Told by its SQLSTATE: its severity comes in the language of the server.
 */
export function refusedByServer(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && !endsSession.test(error.code ?? '');
}

export interface ConnectionsOptions {
  /** Sessions at once. */
  readonly most?: number;
  /** The roles that the sessions are, each one of them from its first use on, in turn. Otherwise they are the login. */
  readonly as?: readonly string[];
}

/** So that each of the roles gets its share, however seldom there is a new session. */
const usesAsOne = 200;

/** The broker's connections to one PostgreSQL server. The only place that takes its password out of the wrapper. */
export class Connections {
  readonly #config: TargetConfig;
  readonly #pool: pg.Pool;
  readonly #lastUsed = new WeakMap<pg.PoolClient, number>();
  readonly #roles: readonly string[];
  readonly #inRole = new WeakSet<pg.PoolClient>();
  #nextRole: number;

  constructor(config: TargetConfig, log: Log, { most = 6, as = [] }: ConnectionsOptions = {}) {
    this.#config = config;
    this.#roles = as;
    this.#nextRole = randomInt(1_000);
    this.#pool = new pg.Pool({
      ...brokerConfig(config, config.database),
      statement_timeout: bounds.statement,
      query_timeout: bounds.answer,
      max: most,
      // A cut must not wait for a new connection: one stays open.
      min: most > 2 ? 1 : 0,
      ...(as.length > 0 ? { maxUses: usesAsOne } : {}),
      idleTimeoutMillis: 60_000,
      allowExitOnIdle: true,
    });
    // A connection that breaks while it is in use rejects the query and emits an error besides, which would end us.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    this.#pool.on('error', (error) =>
      log.warn({ target: config.id, error: error.message }, 'An idle connection to a target was lost.'),
    );
  }

  /** A session in the target's own database. It is thrown away after anything but a plain refusal by the server. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#lively();
    let broken = false;
    try {
      const session = sessionOf(client);
      await this.#takeRole(client, session);
      return await work(session);
    } catch (error) {
      broken = !refusedByServer(error);
      throw error;
    } finally {
      this.#lastUsed.set(client, performance.now());
      void this.#giveBack(client, broken || client.getTransactionStatus() !== 'I');
    }
  }

  // The server shows whoever may see its sessions what was said to each of them last: never a login's verifier.
  async #giveBack(client: pg.PoolClient, broken: boolean): Promise<void> {
    const clean = !broken && this.#inRole.has(client) ? await answersPulse(client) : !broken;
    client.release(!clean);
  }

  // A change of role makes the server read all that the login administers: once for a session, not for each lease.
  async #takeRole(client: pg.PoolClient, session: Session): Promise<void> {
    const role = this.#roles[this.#nextRole % this.#roles.length];
    if (role === undefined || this.#inRole.has(client)) return;
    this.#nextRole += 1;
    await session.query('issuing role taken', `set role ${identifier(role)}`);
    this.#inRole.add(client);
  }

  // A connection that a firewall forgot while it was idle would be noticed only after the longest answer time.
  async #lively(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await this.#pool.connect();
      const lastUsed = this.#lastUsed.get(client);
      if (lastUsed === undefined || performance.now() - lastUsed < bounds.idle) return client;
      if (await answersPulse(client)) return client;
      client.release(true);
    }
  }

  /**
   * Like `use`, for work that may be begun twice: once more on a fresh session if the first one turned out dead,
   * as after a restart of the server.
   */
  async useTwice<T>(work: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.use(work);
    } catch (error) {
      if (refusedByServer(error) || isTimeout(error)) throw error;
      return this.use(work);
    }
  }

  /** A session of its own in any database of the server, closed afterwards. */
  async useIn<T>(database: string, work: (session: Session) => Promise<T>): Promise<T> {
    const client = new pg.Client(brokerConfig(this.#config, database));
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await work(sessionOf(client));
    } finally {
      await ended(client);
    }
  }

  /** Tries to log in, and logs out at once if that works. */
  tryLogin(name: TargetStep, user: string, password: string): Promise<LoginAttempt> {
    return step(name, async () => {
      const client = new pg.Client({ ...configOf(this.#config, this.#config.database), user, password });
      client.on('error', () => undefined);
      try {
        await client.connect();
        return { in: true };
      } catch (error) {
        return { in: false, error };
      } finally {
        await ended(client);
      }
    });
  }

  async end(): Promise<void> {
    await this.#pool.end();
  }
}

/** Asks nothing. Never rejects. */
async function answersPulse(client: pg.PoolClient): Promise<boolean> {
  try {
    // eslint-disable-next-line no-restricted-syntax -- changes nothing, looks at nothing
    await client.query({ text: 'select', query_timeout: bounds.pulse } as pg.QueryConfig);
    return true;
  } catch {
    return false;
  }
}

// A server that has stopped answering does not answer to a goodbye either.
async function ended(client: pg.Client): Promise<void> {
  const goodbye = client.end().catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([goodbye, new Promise((resolve) => (timer = setTimeout(resolve, 1_000)))]);
  clearTimeout(timer);
  client.connection.stream.destroy();
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && /timeout/i.test(error.message);
}

/* eslint-disable no-restricted-syntax -- begins and ends what `Session.transaction` does under a name */
async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    if (refusedByServer(error)) await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
/* eslint-enable no-restricted-syntax */

/** Why a target could not be asked, in words: what happened, and what it means for whoever operates it. */
export function spoken(error: unknown): string {
  if (error instanceof pg.DatabaseError)
    return `the server answered: ${readable(error.message)} (SQLSTATE ${error.code ?? '?'})`;
  if (isTimeout(error)) return 'the server did not answer in time';
  if (error instanceof AggregateError && error.errors.length) return spoken(error.errors[0]);
  if (error instanceof Error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ECONNREFUSED') return 'nothing listens at its address';
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name is not known';
    return error.message;
  }
  return 'unknown trouble';
}
