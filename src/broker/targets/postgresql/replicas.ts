import { setTimeout as delay } from 'node:timers/promises';
import type { TargetConfig } from '../../config/config.ts';
import { Connections, spoken, type Log, type Session } from './connect.ts';
import type { Ending, Present, Site } from './ending.ts';
import { noEvidence } from './evidence.ts';

/** A standby of the target's server that it names: the same logins and data, a moment later, for reading. */
export interface Replica {
  readonly name: string;
  readonly connections: Connections;
}

/** @param most sessions at once at each of them */
export function replicasOf(config: TargetConfig, log: Log, most = 6): Replica[] {
  return config.replicas.map(({ host, hostaddr, port, tls }) => {
    const { hostaddr: _ofTheTarget, ...rest } = config;
    const there = { ...rest, host, port, tls, ...(hostaddr === undefined ? {} : { hostaddr }) };
    return { name: `${host}:${port}`, connections: new Connections(there, log, { most }) };
  });
}

/** The same work at a replica. Where a role must be granted for it, that is done at the target and arrives from there. */
const at = (site: Site, { connections }: Replica): Site => ({ ...site, connections, replicas: [] });

/** How long a change may take to arrive at a replica before that is an obstacle; it is tried again. */
const patienceMs = 3_000;
const pauseMs = 25;

/** Each replica is worked on by itself: a dead one keeps only its own proof from being had. */
async function atEach(
  site: Site,
  endings: readonly Ending[],
  work: (replica: Replica) => Promise<void>,
): Promise<void> {
  await Promise.all(
    site.replicas.map(async (replica) => {
      try {
        await work(replica);
      } catch (error) {
        for (const ending of endings) hinder(ending, replica, `${spoken(error)}.`);
      }
    }),
  );
}

/** Says what stands in the way at a replica, unless something else does that is more than calls. */
export function hinder(ending: Ending, { name }: Replica, what: string): void {
  if (typeof ending.obstacle !== 'string') ending.obstacle = `On the replica ${name}, ${what}`;
}

/**
 * Tells each replica to end every connection of these leases whose logins' numbers are known. Resolves when all have
 * been told, or after a moment.
 */
export async function endAtReplicas(site: Site, endings: readonly Ending[]): Promise<void> {
  const known = endings.flatMap((ending) => {
    const { oid } = ending.evidence;
    return oid === undefined || ending.obstacle !== undefined ? [] : [{ ending, oid }];
  });
  if (known.length === 0 || site.replicas.length === 0) return;
  const told = Promise.all(
    site.replicas.map(async (replica) => {
      const there = known.map(({ ending, oid }) => unseen({ ...ending, oid }));
      // What does not work here is met again, and said, where its proof is to be had.
      await site.steps.terminate(at(site, replica), there).catch(() => undefined);
      for (const [index, { ending }] of known.entries()) addEnded(ending, replica, there[index]);
    }),
  );
  await Promise.race([told, delay(tellWithinMs, undefined, { ref: false })]);
}

/** Whoever waits for a dead replica keeps nobody else waiting. */
const tellWithinMs = 500;

/**
 * Watches each replica until the closed logins have arrived there and no connection of them was there for long enough.
 * Until they arrive, a login still works there: whatever appears is ended.
 */
export async function sweepReplicas(site: Site, endings: readonly Present[]): Promise<void> {
  if (endings.length === 0 || site.replicas.length === 0) return;
  await atEach(site, endings, async (replica) => {
    const there = endings.map(unseen);
    const away = at(site, replica);
    await demandReplica(replica.connections, site.connections);
    if (!(await arrived(away, there)))
      for (const ending of endings)
        hinder(ending, replica, 'the closed login has not arrived yet: it lags behind.');
    else await site.steps.sweep(away, there);
    for (const [index, ending] of endings.entries()) {
      const seen = there[index];
      addEnded(ending, replica, seen);
      if (typeof seen?.obstacle === 'string')
        hinder(ending, replica, `this stands in the way: ${seen.obstacle}`);
      else if (seen?.obstacle) ending.obstacle ??= { ...seen.obstacle, replica: replica.name };
      if (seen?.evidence.quiet) prove(ending, replica, { quiet: seen.evidence.quiet });
    }
  });
}

/** Throws where that server is not a standby of this one. */
export async function demandReplica(replica: Connections, of: Connections): Promise<void> {
  const [who, origin] = await Promise.all([replica.useTwice(askWho), of.useTwice(askWho)]);
  if (who.system !== origin.system) throw new Error('another database system answers there');
  if (!who.replays) throw new Error('a primary answers there, which replays nothing');
}

interface Who {
  /** The same on a server and all that replicate from it. */
  readonly system: string;
  readonly replays: boolean;
}

async function askWho(session: Session): Promise<Who> {
  const [who] = await session.query<Who>(
    'replica asked',
    'select system_identifier::text as system, pg_is_in_recovery() as replays from pg_control_system()',
  );
  if (!who) throw new Error('the server does not say what it is');
  return who;
}

async function openLogins(replica: Connections, oids: readonly number[]): Promise<Set<number>> {
  const rows = await replica.useTwice((session) =>
    session.query<{ oid: number }>(
      'replica asked',
      'select oid from pg_roles where oid = any($1) and rolcanlogin',
      [oids],
    ),
  );
  return new Set(rows.map(({ oid }) => oid));
}

/** Whether the logins are closed as this replica sees them, within the patience. What they open until then is ended. */
async function arrived(site: Site, endings: readonly Present[]): Promise<boolean> {
  const oids = endings.map(({ oid }) => oid);
  const until = performance.now() + patienceMs;
  for (;;) {
    await site.steps.terminate(site, endings);
    const closed = await site.connections.useTwice((session) =>
      session.query('replica asked', 'select from pg_roles where oid = any($1) and not rolcanlogin', [oids]),
    );
    if (closed.length === oids.length) return true;
    if (performance.now() > until) return false;
    await delay(pauseMs);
  }
}

/** The same lease where nothing of it was seen yet. */
const unseen = ({
  lease,
  oid,
  elsewhere,
  evidence: { system },
}: Pick<Present, 'lease' | 'oid' | 'elsewhere' | 'evidence'>): Present => ({
  lease,
  oid,
  scope: undefined,
  canLogin: false,
  elsewhere,
  evidence: { ...noEvidence, system },
  obstacle: undefined,
});

function addEnded(ending: Ending, { name }: Replica, seen: Present | undefined): void {
  const ended = seen?.evidence.ended.map((connection) => `${connection} on ${name}`) ?? [];
  if (ended.length > 0)
    ending.evidence = {
      ...ending.evidence,
      ended: [...new Set([...ending.evidence.ended, ...ended])],
    };
}

type Proof = NonNullable<NonNullable<Ending['evidence']['replicas']>[string]>;

/** Adds what was proven at a replica. */
export function prove(ending: Ending, { name }: Replica, proof: Proof): void {
  const { replicas } = ending.evidence;
  ending.evidence = {
    ...ending.evidence,
    replicas: { ...replicas, [name]: { ...replicas?.[name], ...proof } },
  };
}

/** The replicas at which the end of this lease is not proven. */
export function unproven({ replicas }: Site, { evidence }: Ending): Replica[] {
  return replicas.filter(({ name }) => {
    const proof = evidence.replicas?.[name];
    return !proof?.quiet || !proof.probe;
  });
}

/** Looks once more at each replica, and ends what it finds there of logins that are gone. */
export async function lookAtReplicas(site: Site, endings: readonly Ending[]): Promise<void> {
  const there = endings.flatMap((ending) => {
    const { oid } = ending.evidence;
    return oid === undefined ? [] : [{ ending, present: unseen({ ...ending, oid }) }];
  });
  if (there.length === 0) return;
  await atEach(
    site,
    there.map(({ ending }) => ending),
    async (replica) => {
      await site.steps.terminate(
        at(site, replica),
        there.map(({ present }) => present),
      );
      for (const { ending, present } of there) {
        if (present.evidence.ended.length === 0) continue;
        addEnded(ending, replica, present);
        hinder(ending, replica, 'a connection of it was still there.');
      }
      const still = await openLogins(
        replica.connections,
        there.map(({ present }) => present.oid),
      );
      for (const { ending, present } of there)
        if (still.has(present.oid))
          hinder(ending, replica, 'its login is still open: that it is gone has not arrived yet.');
    },
  );
}
