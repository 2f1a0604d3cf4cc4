import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionDetails } from '../../../contract/leases.ts';
import { stopwatch } from '../elapsed.ts';
import type { TargetConfig } from '../../config/config.ts';
import type {
  ClosingLease,
  Closed,
  Intent,
  Keep,
  LeaseAtTarget,
  LiveConnection,
  NotCut,
  Target,
  Together,
} from '../target.ts';
import { told } from './calls.ts';
import { clean } from './clean.ts';
import { close } from './close.ts';
import { Connections, spoken, type Log } from './connect.ts';
import { cut, nologin, terminate } from './cut.ts';
import { beginEnding, type Ending, type Site, type Steps } from './ending.ts';
import { storedEvidence, together } from './evidence.ts';
import { issue } from './issue.ts';
import { issuerRoles, leaseOfRole, leasePrefix, leaseRole } from './names.ts';
import { probe } from './probe.ts';
import { replicasOf, type Replica } from './replicas.ts';
import { storedScope } from './scope.ts';
import { sweep } from './sweep.ts';
import { verify } from './verify.ts';

/** Every step that an end takes. */
export const allSteps: Steps = { terminate, nologin, sweep, probe, clean, verify };

export interface PostgresTargetOptions {
  readonly config: TargetConfig;
  /** The broker installation's eight hexadecimal digits. */
  readonly installation: string;
  readonly log: Log;
  readonly steps?: Steps;
}

/** A PostgreSQL server, version 16 or newer, prepared by `setupSql`. */
export class PostgresTarget implements Target {
  readonly id: string;
  readonly kind = 'postgresql';
  readonly #config: TargetConfig;
  readonly #installation: string;
  readonly #connections: Connections;
  /** Apart from those that cuts need: however many people open terminals or look on, an end never waits for them. */
  readonly #issuing: Connections;
  readonly #onlookers: Connections;
  readonly #replicas: readonly Replica[];
  readonly #onlookersAtReplicas: readonly Replica[];
  readonly #steps: Steps;

  constructor({ config, installation, log, steps = allSteps }: PostgresTargetOptions) {
    if (!/^[0-9a-f]{8}$/.test(installation))
      throw new Error('An installation is named by eight hexadecimal digits.');
    this.id = config.id;
    this.#config = config;
    this.#installation = installation;
    this.#connections = new Connections(config, log);
    this.#issuing = new Connections(config, log, { most: 4, as: issuerRoles(config.login.user) });
    this.#onlookers = new Connections(config, log, { most: 2 });
    this.#replicas = replicasOf(config, log);
    this.#onlookersAtReplicas = replicasOf(config, log, 2);
    this.#steps = steps;
  }

  roleOf(leaseId: string): string {
    return leaseRole(this.#installation, leaseId);
  }

  async issue(intent: Intent, keep: Keep, sinceIntent = stopwatch()): Promise<unknown> {
    if (intent.role !== this.roleOf(intent.leaseId))
      throw new Error(`The login ${intent.role} is not lease ${intent.leaseId}'s.`);
    const { title, database, login } = this.#config;
    return issue(
      {
        id: this.id,
        title,
        database,
        user: login.user,
        issuing: this.#issuing,
        connections: this.#connections,
      },
      intent,
      keep,
      sinceIntent,
    );
  }

  async cut(leases: readonly ClosingLease[], keep: Keep): Promise<NotCut[]> {
    const endings = leases.map((lease) => beginEnding(this.#installation, lease));
    await this.#attempt(endings, () => cut(this.#site(keep), endings.filter(unhindered)));
    return endings.flatMap(({ lease, obstacle }) =>
      obstacle === undefined ? [] : [{ leaseId: lease.leaseId, ...told(obstacle) }],
    );
  }

  async close(leases: readonly ClosingLease[], keep: Keep): Promise<Closed[]> {
    const endings = leases.map((lease) => beginEnding(this.#installation, lease));
    const mine = endings.filter(unhindered);
    const closed = await this.#attempt(endings, () => close(this.#site(keep), mine));
    const byLease = new Map(closed?.map((each) => [each.leaseId, each]));
    return endings.map(
      ({ lease: { leaseId }, obstacle }) =>
        byLease.get(leaseId) ?? { leaseId, outcome: 'unconfirmed', ...told(obstacle ?? 'Not tried yet.') },
    );
  }

  readonly together: Together = (stored, seen) => together(storedEvidence(stored), storedEvidence(seen));

  async observe(): Promise<LeaseAtTarget[]> {
    const rows = await this.#onlookers.useTwice((session) =>
      session.query<{ role: string }>(
        'logins observed',
        'select rolname as role from pg_roles where starts_with(rolname, $1)',
        [leasePrefix(this.#installation)],
      ),
    );
    return rows.flatMap(({ role }) => {
      const leaseId = leaseOfRole(this.#installation, role);
      return leaseId === undefined ? [] : [{ leaseId, role }];
    });
  }

  async connections(
    leases: readonly LeaseAtTarget[],
  ): Promise<{ connections: LiveConnection[]; unknownAt: string[] }> {
    const leaseOf = new Map(leases.map(({ role, leaseId }) => [role, leaseId]));
    const list = (connections: Connections, replica?: string) =>
      liveConnections(connections, leaseOf, replica);
    const unknownAt: string[] = [];
    const atReplicas = this.#onlookersAtReplicas.map(({ name, connections }) =>
      inTime(list(connections, name)).catch(() => {
        unknownAt.push(name);
        return [];
      }),
    );
    const connections = await Promise.all([list(this.#onlookers), ...atReplicas]);
    return { connections: connections.flat(), unknownAt };
  }

  connectionDetails({ role, scope }: LeaseAtTarget & { readonly scope: unknown }): ConnectionDetails {
    const { advertised, host, hostaddr, tls, database } = this.#config;
    // The address to use instead of the name is the broker's way; people's machines share it only with the name.
    const sameWay = advertised.host === host;
    return {
      kind: 'postgresql',
      host: advertised.host,
      ...(sameWay && hostaddr !== undefined ? { hostaddr } : {}),
      port: advertised.port,
      database: storedScope(scope).database ?? database,
      user: role,
      tls: tls.mode,
      ...(tls.certificateAuthority === undefined ? {} : { certificateAuthority: tls.certificateAuthority }),
    };
  }

  async end(): Promise<void> {
    const all = [...this.#replicas, ...this.#onlookersAtReplicas].map(({ connections }) => connections);
    await Promise.all(
      [this.#connections, this.#issuing, this.#onlookers, ...all].map((connections) => connections.end()),
    );
  }

  #site(keep: Keep): Site {
    return {
      config: this.#config,
      installation: this.#installation,
      connections: this.#connections,
      replicas: this.#replicas,
      steps: this.#steps,
      keep,
    };
  }

  // Whatever goes wrong on the way is an obstacle for those that have not met another: they are all tried again.
  async #attempt<T>(endings: readonly Ending[], work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      for (const ending of endings) ending.obstacle ??= `At ${this.#config.title}, ${spoken(error)}.`;
      return undefined;
    }
  }
}

async function liveConnections(
  connections: Connections,
  leaseOf: ReadonlyMap<string, string>,
  replica: string | undefined,
): Promise<LiveConnection[]> {
  const where = replica === undefined ? {} : { replica };
  const rows = await connections.useTwice((session) =>
    session.query<{ role: string; address: string | null; program: string | null; since: Date | null }>(
      'connections listed',
      `select usename as role, host(client_addr) as address, application_name as program, backend_start as since
         from pg_stat_activity
        where usename = any($1) and backend_type = 'client backend'
        order by backend_start`,
      [[...leaseOf.keys()]],
    ),
  );
  return rows.flatMap(({ role, address, program, since }) => {
    const leaseId = leaseOf.get(role);
    return leaseId === undefined
      ? []
      : [
          {
            ...where,
            leaseId,
            address: address ?? 'local',
            program: program ?? '',
            since: since ?? new Date(0),
          },
        ];
  });
}

/** Nobody waits for a replica that is down to see what is going on at the target. */
const replicaPatienceMs = 1_000;

async function inTime<T>(asked: Promise<T>): Promise<T> {
  const late = delay(replicaPatienceMs, undefined, { ref: false });
  return Promise.race([asked, late.then(() => Promise.reject(new Error('it did not answer in time')))]);
}

const unhindered = ({ obstacle }: Ending): boolean => obstacle === undefined;
