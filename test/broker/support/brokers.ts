import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { startBroker, type Broker } from '../../../src/broker/broker.ts';
import type { Config } from '../../../src/broker/config/config.ts';
import { loadConfig } from '../../../src/broker/config/load.ts';
import { startEmbedded } from '../../../src/broker/store/embedded.ts';
import { freePort } from './postgres.ts';
import type { Name, World } from './world.ts';

/** One of several brokers that share a database. */
export interface OneBroker {
  readonly url: string;
  /** What it logged, parsed. */
  readonly log: readonly Logged[];
  call<T>(name: Name, method: string, path: string, options?: { body?: unknown; key?: string }): Promise<T>;
  close(): Promise<void>;
}

export interface Logged {
  readonly level: number;
  readonly msg: string;
  readonly target?: string;
  readonly role?: string;
}

export interface Brokers {
  readonly config: Config;
  /** Starts one more, with the world's configuration but for these changes. */
  start(changes?: Partial<Config>): Promise<OneBroker>;
  /** Of a broker that knows none of the world's templates: those name a target that it may not have. */
  readonly noTemplates: string;
  stop(): Promise<void>;
}

/** Ends the world's own broker and starts as many as wanted on its database. */
export async function openBrokers(world: World): Promise<Brokers> {
  const config = await loadConfig(join(world.folder, 'daypass.yaml'));
  await world.broker.close();
  const noTemplates = join(world.folder, 'no-templates');
  await mkdir(noTemplates);
  const embedded = await startEmbedded(join(world.folder, 'state'), pino({ enabled: false }));
  const running = new Set<Broker>();
  return {
    config,
    noTemplates,
    async start(changes = {}) {
      const log: Logged[] = [];
      const logger = pino({}, { write: (line: string) => void log.push(JSON.parse(line) as Logged) });
      const listen = { ...config.listen, port: await freePort() };
      const broker = await startBroker({
        config: {
          ...config,
          database: embedded.server,
          integrity: { keys: [embedded.key] },
          listen,
          ...changes,
        },
        log: logger,
      });
      running.add(broker);
      return {
        url: broker.url,
        log,
        async call(name, method, path, { body, key } = {}) {
          const response = await fetch(`${broker.url}${path}`, {
            method,
            headers: {
              authorization: `Bearer ${await world.token(name)}`,
              ...(body === undefined ? {} : { 'content-type': 'application/json' }),
              ...(key === undefined ? {} : { 'idempotency-key': key }),
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          });
          return (await response.json()) as never;
        },
        async close() {
          running.delete(broker);
          await broker.close();
        },
      };
    },
    async stop() {
      for (const broker of running) await broker.close();
      await embedded.close();
    },
  };
}
