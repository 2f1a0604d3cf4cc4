import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Secret } from '../contract/secret.ts';
import { followSequence } from './audit/follow.ts';
import { eventsAfter } from './store/audit-number.ts';
import { startSequencer } from './audit/sequence.ts';
import type { Config } from './config/config.ts';
import type { Context } from './context.ts';
import { audienceOf } from './events/audience.ts';
import { createHub } from './events/hub.ts';
import { eventIds } from './events/id.ts';
import { Attempts } from './http/attempts.ts';
import type { Caller } from './http/caller.ts';
import { deliveryRoutes } from './http/deliveries.ts';
import { eventRoute } from './http/events.ts';
import { grantRoutes } from './http/grants.ts';
import { healthRoutes } from './http/health.ts';
import { Lanes } from './http/lanes.ts';
import { leaseRoutes } from './http/leases.ts';
import { meRoute } from './http/me.ts';
import { metadataRoute } from './http/metadata.ts';
import { createMetrics, serveMetrics, type Metrics } from './http/metrics.ts';
import { openApiRoute } from './http/openapi.ts';
import { requestRoutes } from './http/requests.ts';
import { reviewRoutes } from './http/reviews.ts';
import { buildServer } from './http/server.ts';
import { templateRoutes } from './http/templates.ts';
import type { TokenHolder } from './identity/token-holder.ts';
import { createVerifier } from './identity/verifier.ts';
import { Alarms } from './integrity/alarms.ts';
import { checkInstallation } from './integrity/check-installation.ts';
import { checkKeys } from './integrity/check-keys.ts';
import type { Integrity } from './integrity/integrity.ts';
import { macsWith } from './integrity/macs.ts';
import { startExpiry } from './leases/expiry.ts';
import { leaseStore } from './leases/lease-store.ts';
import { watchUnattended, type UnattendedWatch } from './leases/unattended.ts';
import { startWorker } from './leases/worker.ts';
import { pages } from './pages/pages.ts';
import { startDeliveries } from './notify/deliveries.ts';
import { audits } from './rules/policy.ts';
import { Running } from './running.ts';
import { startSchedules } from './schedules/schedules.ts';
import { openStore, type Store, type StoreServer } from './store/connect.ts';
import { eventKey } from './store/installation.ts';
import { countOwed } from './store/glass.ts';
import { countLeases } from './store/lease.ts';
import { reservations } from './store/lease-reserve.ts';
import { migrate } from './store/migrate.ts';
import { channels } from './store/notify.ts';
import { now } from './store/now.ts';
import { recogniser } from './store/person.ts';
import { StoreUnusable } from './store/unusable.ts';
import { PostgresTarget } from './targets/postgresql/target.ts';
import { watchTemplates } from './templates/watch.ts';
import { version } from './version.ts';

export interface Broker {
  /** Where it listens. */
  readonly url: string;
  /** Resolves when something it cannot work without has ended for good. */
  readonly lost: Promise<void>;
  close(): Promise<void>;
}

const notProtected = 'The audit log is not protected from the broker: it works as the owner of its database.';
const notAttended =
  'Sessions are open at a target that is not configured any more, and nobody ends them; the log says which.';

const tampered =
  'Records in the database were not as the broker wrote them; the log says which. Nothing is given for them.';
const notTold =
  'People cannot be told through one of the channels, or nobody is known to be on call; the log says which. The next step is taken in its place.';
const noKey =
  'The broker has no key to authenticate with what it writes into its database. Make one (openssl rand -base64 32), keep it outside the database, and name it under "integrity.keys".';

/** Starts a whole broker. It serves when this resolves; what was started is ended again when it rejects. */
export async function startBroker({ config, log }: { config: Config; log: Logger }): Promise<Broker> {
  const running = new Running();
  try {
    return await start(config, log, running);
  } catch (error) {
    await running.end();
    throw error;
  }
}

async function start(config: Config, log: Logger, running: Running): Promise<Broker> {
  const { server, lost, key } = await database(config, log, running);
  const { installation, logProtected } = await migrate(server);
  const store = running.add(openStore(server, log), (one) => one.close());
  const macs = macsWith(config.integrity?.keys ?? [key]);
  await checkKeys(store, macs, log);

  const lanes = new Lanes();
  const hub = createHub({
    inTurn: (personId, work) => lanes.in(personId, 'read', work),
    ids: eventIds(await eventKey(store.db)),
    audience: audienceOf(store.db, config.audit.by),
    read: (after, limit) => eventsAfter(store.db, after, limit),
    log,
  });
  const metrics = createMetrics({
    streams: () => hub.count(),
    leases: () => countLeases(store.db),
    owed: () => countOwed(store.db, integrity),
  });
  // First who logs, then who numbers: what is numbered from now on is logged.
  running.add(await followSequence(store, log, hub), (one) => one.stop());
  running.add(await startSequencer(store, log), (one) => one.stop());

  const integrity = new Alarms({ macs, store, log, raised: () => metrics.notAuthentic() });
  const templates = running.add(
    await watchTemplates({
      folder: config.templates,
      references: config,
      onChange: () => hub.templatesChanged(),
      onProblems: (problems) => {
        for (const problem of problems)
          log.error(problem, 'A template cannot be used; the last good set stays.');
      },
    }),
    (one) => one.close(),
  );
  const schedules = running.add(
    await startSchedules({
      schedules: config.schedules,
      store,
      integrity,
      log,
      onLook: (schedule, went) => metrics.scheduleRead(schedule, went),
    }),
    (one) => one.stop(),
  );
  const { targets, unattended } = await startTargets(config, installation, {
    store,
    integrity,
    log,
    metrics,
    running,
  });
  await checkInstallation(store, integrity, (target, leaseId) => targets.get(target)?.target.roleOf(leaseId));
  const expiry = running.add(startExpiry(store, macs, log), (one) => one.stop());
  running.add(await store.listen(channels.expiry, () => expiry.wake()), (stop) => stop());
  const deliveries = running.add(
    startDeliveries({
      store,
      integrity,
      config,
      schedules,
      log,
      counted: (channel, outcome) => metrics.delivery(channel, outcome),
    }),
    (one) => one.stop(),
  );
  running.add(await store.listen(channels.delivery, () => deliveries.wake()), (stop) => stop());

  const attempts = running.add(new Attempts(store, log), (one) => one.close());
  const verifier = createVerifier({
    identity: config.identity,
    publicUrl: config.publicUrl,
    macs,
    log: (message, error) => log.warn({ err: error }, message),
  });
  void verifier.prepare();

  const context: Context = {
    config,
    store,
    integrity,
    log,
    metrics,
    templates: () => templates.current,
    policy: () => templates.policy,
    schedules,
    targets,
  };
  const callerOf = callers(context);
  const app = running.add(
    buildServer({
      verify: async (authorization, call) => callerOf(await verifier.verify(authorization, call)),
      log,
      tls: config.tls,
      lanes,
      attempted: (attempt) => attempts.record(attempt),
      limits: config.limits,
      trustedProxies: config.trustedProxies,
      notLetIn: (reason) => metrics.notLetIn(reason),
      answered: (call) => metrics.answered(call),
    }),
    (one) => one.close(),
  );
  metadataRoute(app, config);
  openApiRoute(app, { version, publicUrl: config.publicUrl });
  healthRoutes(app, {
    // Anybody can read this: what exactly is wrong stands in the log.
    warnings: () => [
      ...config.warnings.map(() => 'The configuration works with a warning; the log says which.'),
      ...(logProtected ? [] : [notProtected]),
      ...templates.problems.map(() => 'A template on disk is not in use; the log says which and why.'),
      ...schedules.troubled.map(
        () => 'A schedule of who is on call cannot be read; the log says which and why.',
      ),
      ...(unattended.some ? [notAttended] : []),
      ...(integrity.some ? [tampered] : []),
      ...(deliveries.failing ? [notTold] : []),
    ],
    waitingFor: async () => [
      ...(verifier.ready ? [] : ['the identity provider']),
      ...((await answers(store)) ? [] : ['the database']),
    ],
  });
  meRoute(app, context);
  templateRoutes(app, context);
  requestRoutes(app, context);
  deliveryRoutes(app, context);
  grantRoutes(app, context);
  leaseRoutes(app, context);
  reviewRoutes(app, context);
  eventRoute(app, hub);
  const { pagesClient } = config.identity;
  if (pagesClient) pages(app, { client: pagesClient, context, verifier, callerOf });

  if (config.metrics)
    running.add(await serveMetrics(metrics, config.metrics, log, config.tls), (one) => one.close());
  await app.listen({ host: config.listen.host, port: config.listen.port });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `${config.tls ? 'https' : 'http'}://${config.listen.host}:${port}`,
    lost,
    close: () => running.end(),
  };
}

async function database(
  { database: configured, integrity }: Config,
  log: Logger,
  running: Running,
): Promise<{ server: StoreServer; lost: Promise<void>; key: Secret }> {
  // A server of somebody else's comes back, and so do we.
  if (configured.kind === 'server') {
    const [key] = integrity?.keys ?? [];
    if (!key) throw new StoreUnusable(noKey);
    return { server: configured, lost: new Promise(() => undefined), key };
  }
  const { startEmbedded } = await import('./store/embedded.ts');
  return running.add(await startEmbedded(configured.folder, log), (one) => one.close());
}

/** One target with its worker for each that is configured. A dead one delays neither another nor the start. */
async function startTargets(
  config: Config,
  installation: string,
  {
    store,
    integrity,
    log,
    metrics,
    running,
  }: { store: Store; integrity: Integrity; log: Logger; metrics: Metrics; running: Running },
): Promise<{ targets: Context['targets']; unattended: UnattendedWatch }> {
  const targets = new Map<string, { target: PostgresTarget; worker: ReturnType<typeof startWorker> }>();
  const { reserve } = running.add(reservations(store), (one) => one.stop());
  const leases = leaseStore(store, { reserve }, integrity);
  for (const one of config.targets.values()) {
    const target = running.add(new PostgresTarget({ config: one, installation, log }), (ended) =>
      ended.end(),
    );
    const worker = running.add(
      startWorker({ target, store: leases, log, onCut: (lateMs) => metrics.cut(lateMs / 1000) }),
      (ended) => ended.stop(),
    );
    targets.set(one.id, { target, worker });
  }
  const unattended = running.add(watchUnattended({ store, targets: [...targets.keys()], log }), (one) =>
    one.stop(),
  );
  const stop = await store.listen(channels.lease, (id) => {
    if (!targets.has(id)) unattended.wake();
    for (const [name, { worker }] of targets) if (id === '' || id === name) worker.wake();
  });
  running.add(stop, (end) => end());
  return { targets, unattended };
}

/** Whoever calls, as a person whom the store knows. */
function callers({ config, store }: Context) {
  const recognise = recogniser(store);
  return async (token: TokenHolder): Promise<Caller> => {
    const person = await recognise(token);
    const who = { id: person.id, groups: token.groups, mayDecide: token.mayDecide };
    return {
      ...who,
      name: person.name,
      subject: token.subject,
      audits: audits(who, config.audit.by),
      signIn: token.signIn,
      expiresAt: token.expiresAt,
    };
  };
}

async function answers(store: Store): Promise<boolean> {
  try {
    await now(store.db);
    return true;
  } catch {
    return false;
  }
}
