import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { LeaseState } from '../../contract/leases.ts';
import type { Address, CertificateFiles } from '../config/config.ts';
import { createListener } from './listener.ts';

/** What the broker counts. Names follow Prometheus' habits: base units, `_total`, `_seconds`. */
export interface Metrics {
  /** A call was answered; the route is its path in the contract. */
  answered(call: { route: string; method: string; status: number; seconds: number }): void;
  /** A call was not let in; the reason is one of few, in our words. */
  notLetIn(reason: string): void;
  /** From a lease's due time to the target's word that it is cut. */
  cut(seconds: number): void;
  issued(seconds: number): void;
  /** A schedule of who is on call was looked at. */
  scheduleRead(schedule: string, went: 'well' | 'badly'): void;
  /** A record in the database was not as the broker wrote it. */
  notAuthentic(): void;
  /** An attempt to tell somebody something through a channel, by its name. */
  delivery(channel: string, outcome: 'sent' | 'tried' | 'failed'): void;
  text(): Promise<string>;
  readonly contentType: string;
}

/** Read whenever somebody asks for the metrics. */
export interface Sources {
  readonly streams: () => number;
  readonly leases: () => Promise<ReadonlyMap<LeaseState, number>>;
  readonly owed: () => Promise<number>;
}

const states: readonly LeaseState[] = ['issuing', 'issued', 'closing', 'closed', 'failed'];
const quick = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(sources: Sources): Metrics {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const calls = new Counter({
    name: 'daypass_calls_total',
    help: 'Answered calls by route and status.',
    labelNames: ['route', 'method', 'status'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'daypass_call_seconds',
    help: 'Time from a call to its answer. Event streams are not in it.',
    labelNames: ['route', 'method'] as const,
    buckets: quick,
    registers,
  });
  const notLetIn = new Counter({
    name: 'daypass_refused_total',
    help: 'Calls that were not let in, by reason: sign-ins that do not count, and too many calls.',
    labelNames: ['reason'] as const,
    registers,
  });
  const cut = new Histogram({
    name: 'daypass_cut_seconds',
    help: 'From the due time of a lease to its cut at the target.',
    buckets: [...quick, 30, 60, 300],
    registers,
  });
  const alarms = new Counter({
    name: 'daypass_not_authentic_total',
    help: 'Records in the database that were not as the broker wrote them.',
    registers,
  });
  const readAt = new Map<string, number>();
  const schedules = new Counter({
    name: 'daypass_schedule_reads_total',
    help: 'Looks at a schedule of who is on call, by how they went.',
    labelNames: ['schedule', 'went'] as const,
    registers,
  });
  new Gauge({
    name: 'daypass_schedule_age_seconds',
    help: 'Time since a schedule of who is on call was read well.',
    labelNames: ['schedule'] as const,
    registers,
    collect() {
      for (const [schedule, at] of readAt) this.set({ schedule }, (performance.now() - at) / 1000);
    },
  });
  const deliveries = new Counter({
    name: 'daypass_deliveries_total',
    help: 'Attempts to send a message, by channel: sent, tried (failed and tried again), failed (given up).',
    labelNames: ['channel', 'outcome'] as const,
    registers,
  });
  const issue = new Histogram({
    name: 'daypass_issue_seconds',
    help: 'Time that a credential took to be issued at the target.',
    buckets: quick,
    registers,
  });
  new Gauge({
    name: 'daypass_streams',
    help: 'Open event streams.',
    registers,
    collect() {
      this.set(sources.streams());
    },
  });
  new Gauge({
    name: 'daypass_leases',
    help: 'Leases by state; closing is the number whose end the target has not confirmed yet.',
    labelNames: ['state'] as const,
    registers,
    async collect() {
      const now = await sources.leases();
      for (const state of states) this.set({ state }, now.get(state) ?? 0);
    },
  });
  new Gauge({
    name: 'daypass_glass_owed',
    help: 'Accesses for which somebody broke the glass, and which nobody has signed off.',
    registers,
    async collect() {
      this.set(await sources.owed());
    },
  });
  return {
    answered({ route, method, status, seconds }) {
      calls.inc({ route, method, status });
      if (route !== streamRoute) duration.observe({ route, method }, seconds);
    },
    notLetIn: (reason) => notLetIn.inc({ reason }),
    cut: (seconds) => cut.observe(seconds),
    issued: (seconds) => issue.observe(seconds),
    scheduleRead(schedule, went) {
      schedules.inc({ schedule, went });
      if (went === 'well') readAt.set(schedule, performance.now());
    },
    notAuthentic: () => alarms.inc(),
    delivery: (channel, outcome) => deliveries.inc({ channel, outcome }),
    text: () => register.metrics(),
    contentType: register.contentType,
  };
}

const streamRoute = '/v1/events';

/** Serves `/metrics` on a listener of its own, which only those who watch the broker need to reach. */
export async function serveMetrics(
  metrics: Metrics,
  address: Address,
  log: Logger,
  tls?: CertificateFiles,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createListener(
    (request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      metrics.text().then(
        (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
        (error: unknown) => {
          log.warn({ err: error }, 'The metrics could not be collected.');
          response.writeHead(503).end();
        },
      );
    },
    tls,
    log,
  );
  server.listen(address.port, address.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
