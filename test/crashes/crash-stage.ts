import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import type { Macs } from '../../src/broker/integrity/macs.ts';
import type { StepName } from '../../src/broker/step.ts';
import { leaks, type Credential } from '../broker/support/leaks.ts';
import { startReceiver, type Receiver } from '../broker/support/receivers.ts';
import { separateStore, type SeparateStore } from '../broker/support/separate-store.ts';
import { startStandby, type Standby } from '../broker/support/standby.ts';
import {
  newKey,
  newSecret,
  startWorld,
  type Name,
  type World,
  type WorldOptions,
} from '../broker/support/world.ts';
import { BrokerLog } from '../faults/broker-log.ts';
import { BrokerProgram, type BrokerParts } from '../faults/broker-program.ts';
import { compiledHook } from '../faults/compiled-hook.ts';
import type { Asked } from '../faults/found.ts';
import type { Order } from '../faults/hook.ts';
import { Ledger } from '../faults/ledger.ts';

export interface Called<T> {
  readonly status: number;
  readonly body: T;
}

/** What the broker works with; the replica is one of the shop's. */
interface Servers {
  readonly world: World;
  readonly store: SeparateStore;
  readonly replica: Standby;
  /** What the broker tells people through. */
  readonly receiver: Receiver;
}

/**
 * A broker as it is shipped, with everything real around it, that is started again whenever it dies. People's programs
 * repeat a call that was not answered, under the same key, as the extension does.
 */
export class CrashStage {
  readonly world: World;
  readonly ledger = new Ledger();
  readonly #servers: Servers;
  readonly #parts: BrokerParts;
  /** Leases that somebody deleted from the database, and their logins: that they are missing is no fault of the broker's. */
  readonly deleted = new Set<string>();
  /** What was wrong in the moment after a death, before anything was mended. */
  readonly wrongAfterDeath: string[] = [];
  #program: BrokerProgram | undefined;
  #up = new Up();
  #supervising: Promise<void> = Promise.resolve();
  #deaths = 0;
  #mostDeaths = 0;
  #step: StepName | undefined;
  #lookAfterDeath: () => Promise<readonly string[]> = () => Promise.resolve([]);

  private constructor(servers: Servers, parts: BrokerParts) {
    this.world = servers.world;
    this.#servers = servers;
    this.#parts = parts;
  }

  /** Authenticates records as the broker does. */
  get macs(): Macs {
    return this.#servers.store.macs;
  }

  /** What was said to people. */
  get receiver(): Receiver {
    return this.#servers.receiver;
  }

  static async open(options: WorldOptions): Promise<CrashStage> {
    const receiver = await startReceiver();
    process.env['CRASH_HOOK'] = `whsec_${randomBytes(32).toString('base64')}`;
    const configuration = `
channels: { hook: { kind: webhook, url: '${receiver.url}', secrets: [{ env: CRASH_HOOK }] } }
schedules: { duty: { zone: UTC, people: { ben: ben }, shifts: [{ who: ben, from: Monday 00:00, until: Monday 00:00 }] } }
`;
    const world = await startWorld({ ...options, configuration });
    // The world's own broker works in this process, which must not die.
    await world.broker.close();
    const replica = await startStandby(world.shop);
    const store = await separateStore(world, `    replicas: [{ host: 127.0.0.1, port: ${replica.port} }]\n`);
    const hook = await compiledHook(world.folder);
    return new CrashStage(
      { world, store, replica, receiver },
      { hook, configuration: store.configuration, log: new BrokerLog(join(world.folder, 'broker.log')) },
    );
  }

  /** Asked in the moment after each death. */
  set lookAfterDeath(look: () => Promise<readonly string[]>) {
    this.#lookAfterDeath = look;
  }

  get deaths(): number {
    return this.#deaths;
  }

  /** Names of the steps that the broker that runs now has done, each once. */
  get stepsDone(): readonly StepName[] {
    return this.#program?.stepsDone ?? [];
  }

  /** While `work` runs, the broker dies after this step, and once more where it comes to it again while it mends. */
  async dyingAfter(step: StepName, work: () => Promise<void>): Promise<void> {
    this.#deaths = 0;
    this.#mostDeaths = 2;
    this.#step = step;
    await this.#program?.order(deathAfter(step));
    try {
      await work();
    } finally {
      this.#step = undefined;
      await this.#up.reached;
      await this.#program?.order({ forget: true });
    }
  }

  /** Resolves when it can be called, however often it died until then. */
  start(): Promise<void> {
    this.#up = new Up();
    this.#supervising = this.#supervise();
    return this.#up.reached;
  }

  async stop(): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    await program?.stop();
    await this.#supervising;
  }

  async #supervise(): Promise<void> {
    for (;;) {
      const again = this.#deaths < this.#mostDeaths;
      const program = new BrokerProgram(
        this.#parts,
        again && this.#step ? { order: deathAfter(this.#step) } : {},
      );
      this.#program = program;
      void program.listens.then((listens) => (listens ? this.#up.reach() : undefined));
      const { signal, code } = await program.ended;
      if (this.#program !== program) return;
      const before = this.#up;
      this.#up = new Up();
      if (signal !== 'SIGKILL') {
        const error = new Error(`It ended (${signal ?? code}):\n${this.#parts.log.lastWords}`);
        for (const one of [before, this.#up]) one.fail(error);
        return;
      }
      // Who waits for the first start waits on.
      void this.#up.reached.then(before.reach, before.fail);
      this.#deaths += 1;
      this.wrongAfterDeath.push(...(await this.#lookAfterDeath()));
    }
  }

  async call<T>(
    name: Name,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { body, key = newKey() }: { body?: unknown; key?: string } = {},
  ): Promise<Called<T>> {
    for (;;) {
      await this.#up.reached;
      const answer = await this.world
        .call<T>(name, method, path, { ...(body === undefined ? {} : { body }), key })
        .catch(() => undefined);
      if (answer) {
        const { id, lease } = answer.body as { id?: string; lease?: { id: string } };
        const made = id ?? lease?.id;
        if (made !== undefined && answer.status < 300) this.ledger.answered(`${path} ${key}`, made);
        return answer;
      }
      // It may be seen to be gone a moment later.
      await new Promise(setImmediate);
    }
  }

  /** What somebody makes who wants a terminal. */
  async newCredential(): Promise<Credential> {
    const made = await newSecret();
    this.ledger.credentials.push(made);
    return made;
  }

  /** Secrets where they do not belong: in the log of the broker's lives, in its database, in a file. */
  async leaks(): Promise<string[]> {
    const { folder } = this.world;
    const tokens = ['ana', 'ben'].map(async (name) => [name, await this.world.token(name)] as const);
    return leaks(
      {
        folder,
        secretFiles: ['owner', 'runtime', 'integrity', 'shop.password'].map((name) => join(folder, name)),
        tokens: new Map(await Promise.all(tokens)),
        logFiles: [this.#parts.log.file],
        targetFolders: [],
        store: this.#superuser,
      },
      this.ledger.credentials,
    );
  }

  /** Asks the broker's database in one moment of it. */
  async inState<T>(work: (store: Asked) => Promise<T>): Promise<T> {
    const client = await this.state();
    try {
      await client.query('begin isolation level repeatable read');
      return await work({
        query: async <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) =>
          (await client.query<Row>(sql, values)).rows,
      });
    } finally {
      await client.end();
    }
  }

  /** Whether there is a lease table, so that it started once. */
  async isThere(): Promise<boolean> {
    const [row] = await this.inState((store) =>
      store.query("select from pg_tables where tablename = 'lease'"),
    );
    return row !== undefined;
  }

  /** What is on its way to its end, or has no number yet. */
  async unsettled(withUnknown: boolean): Promise<string[]> {
    const rows = await this.inState((store) =>
      store.query<{ what: string }>(
        `select 'lease ' || id || ' is ' || state || coalesce(': ' || obstacle, '') as what from lease
          where state not in ('closed', 'failed') and ($1 or issued_at is not null)
         union all
         select 'event ' || id || ' (' || action || ') has no number' from audit_event
          where id not in (select event_id from audit_number)`,
        [withUnknown],
      ),
    );
    return rows.map(({ what }) => what);
  }

  /** A client of the broker's database as its owner; the caller ends it. */
  async state(): Promise<pg.Client> {
    const client = new pg.Client(this.#superuser);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('set search_path to daypass');
    return client;
  }

  get #superuser(): pg.ClientConfig {
    const { host, port, user, password } = this.#servers.store.postgres;
    return { host, port, user, password, database: 'state' };
  }

  /** Throws all state away: the next start is the first one. */
  forget(): Promise<void> {
    return this.#servers.store.forget();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#servers.store.postgres.stop();
    await this.#servers.replica.stop();
    await this.#servers.receiver.close();
    await this.world.stop();
  }
}

/** That the broker can be called. */
class Up {
  reach: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  readonly reached = new Promise<void>((resolve, reject) => {
    this.reach = resolve;
    this.fail = reject;
  });

  constructor() {
    // Nobody may be waiting for it.
    this.reached.catch(() => undefined);
  }
}

const deathAfter = (step: StepName): Order => ({ at: { step, is: 'done' }, signal: 'SIGKILL' });
