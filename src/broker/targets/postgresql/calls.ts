import type { InTheWay } from '../target.ts';
import type { Site } from './ending.ts';

/** Calls that go on although their connections were told to end: C code that never asks whether it should stop. */
export interface UninterruptibleCalls {
  /** How many connections run one. */
  readonly connections: number;
  /** When the oldest of them began, by the server's clock. */
  readonly since: Date;
  /** The name of the replica where they are, if they are at one. */
  readonly replica?: string;
}

/**
 * What stands in the way of an end, in words; or calls, where the login is closed and nothing else stands in the way: of
 * them it is also known since when they run.
 */
export type Obstacle = string | UninterruptibleCalls;

/**
 * The calls of these logins that have been running for at least so many milliseconds, by the login's number. Asked
 * about connections that have been told to end all that time. What the calls are is not read: it may hold data.
 */
export async function uninterruptibleCalls(
  site: Site,
  oids: readonly number[],
  forMs: number,
): Promise<Map<number, UninterruptibleCalls>> {
  if (oids.length === 0) return new Map();
  const rows = await site.connections.useTwice((session) =>
    session.query<UninterruptibleCalls & { oid: number }>(
      'connections counted',
      // A function that is called by the protocol's own message changes the state, and no query's start. A worker of a
      // parallel query is no connection.
      `select usesysid as oid, count(*)::int as connections, min(state_change) as since
         from pg_stat_activity
        where usesysid = any($1::oid[]) and backend_type = 'client backend'
          and state in ('active', 'fastpath function call')
          and state_change <= clock_timestamp() - make_interval(secs => $2::float8 / 1000)
        group by 1`,
      [oids, forMs],
    ),
  );
  return new Map(rows.map(({ oid, connections, since }) => [oid, { connections, since }]));
}

/** An obstacle as people and the store are told it. Its words count nothing up, so that they stay the same. */
export function told(obstacle: Obstacle): InTheWay {
  if (typeof obstacle === 'string') return { obstacle };
  const { connections, since, replica } = obstacle;
  const at = `${since.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  const what =
    connections === 1
      ? `PostgreSQL cannot interrupt what 1 connection has been running since ${at}. It ends when that is done.`
      : `PostgreSQL cannot interrupt what ${connections} connections have been running, the first since ${at}. They end when that is done.`;
  return {
    obstacle: replica === undefined ? what : `On the replica ${replica}, ${what}`,
    obstacleSince: since,
  };
}
