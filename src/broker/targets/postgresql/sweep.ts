import { setTimeout as delay } from 'node:timers/promises';
import type { Present, Site } from './ending.ts';

/** A login that was under way when the login was closed can open a session later: up to 100 ms were measured. */
export const quietMs = 500;
const pauseMs = 25;
/** Code that PostgreSQL does not interrupt has taken 12 s to die. Nobody else waits for that: it is tried again. */
const patienceMs = 3_000;

/** How many connections each of these logins has, by the login's number. */
export async function look(site: Site, oids: readonly number[]): Promise<Map<number, number>> {
  const rows = await site.connections.useTwice((session) =>
    session.query<{ oid: number; live: number }>(
      'connections counted',
      'select usesysid as oid, count(*)::int as live from pg_stat_activity where usesysid = any($1::oid[]) group by 1',
      [oids],
    ),
  );
  return new Map(rows.map((row) => [row.oid, row.live]));
}

/** Watches, and terminates what appears, until each login was without a connection for half a second. */
export async function sweep(site: Site, endings: readonly Present[]): Promise<void> {
  const start = performance.now();
  const quietSince = new Map(endings.map(({ oid }) => [oid, { at: start, instant: new Date() }]));
  for (;;) {
    const asked = performance.now();
    const live = await look(
      site,
      endings.map(({ oid }) => oid),
    );
    if (live.size) {
      await site.steps.terminate(
        site,
        endings.filter(({ oid }) => live.has(oid)),
      );
      const seen = { at: performance.now(), instant: new Date() };
      for (const oid of live.keys()) quietSince.set(oid, seen);
    }
    for (const ending of endings) {
      const since = quietSince.get(ending.oid);
      const forMs = since && !live.has(ending.oid) ? Math.floor(asked - since.at) : 0;
      const quiet = since && forMs >= quietMs ? { since: since.instant.toISOString(), forMs } : undefined;
      ending.evidence = { ...ending.evidence, quiet };
    }
    const waiting = endings.filter(({ evidence }) => !evidence.quiet);
    if (waiting.length === 0) return;
    if (asked - start > patienceMs) {
      for (const ending of waiting) ending.obstacle = stillThere(live.get(ending.oid) ?? 0);
      return;
    }
    await delay(pauseMs);
  }
}

function stillThere(connections: number): string {
  if (connections === 0) return 'New connections kept appearing.';
  return `${connections === 1 ? '1 connection has' : `${connections} connections have`} not ended yet although told to.`;
}
