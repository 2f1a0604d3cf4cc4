import { setTimeout as delay } from 'node:timers/promises';
import { endArrivals, lookForArrivals, type Arrival } from './arrivals.ts';
import { uninterruptibleCalls } from './calls.ts';
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

/**
 * Watches, and terminates what appears, until each login was without a connection for half a second and nothing is on
 * its way any more that may have been let in before.
 */
export async function sweep(site: Site, endings: readonly Present[]): Promise<void> {
  const start = performance.now();
  const quietSince = new Map(endings.map(({ oid }) => [oid, { at: start, instant: new Date() }]));
  const disturb = (oids: Iterable<number>) => {
    const seen = { at: performance.now(), instant: new Date() };
    for (const oid of oids) quietSince.set(oid, seen);
  };
  // Whoever arrives later than this finds the login closed.
  let undecided: ReadonlyMap<string, Arrival> = await lookForArrivals(site);
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
      disturb(live.keys());
    }
    for (const ending of endings) {
      const since = quietSince.get(ending.oid);
      const forMs = since && !live.has(ending.oid) ? Math.floor(asked - since.at) : 0;
      const quiet = since && forMs >= quietMs ? { since: since.instant.toISOString(), forMs } : undefined;
      ending.evidence = { ...ending.evidence, quiet };
    }
    const waiting = endings.filter(({ evidence }) => !evidence.quiet);
    if (waiting.length === 0 && undecided.size === 0) return;
    // What ended just now is about to be quiet.
    if (asked - start > (live.size ? patienceMs : patienceMs + quietMs)) {
      const calls = await uninterruptibleCalls(site, [...live.keys()], patienceMs);
      for (const ending of waiting)
        ending.obstacle ??= calls.get(ending.oid) ?? stillThere(live.get(ending.oid) ?? 0);
      if (undecided.size) for (const ending of endings) ending.obstacle ??= onTheWay;
      return;
    }
    if (waiting.length === 0) {
      const ended = await decide(site, endings, undecided);
      disturb(ended.keys());
      undecided = new Map([...ended.values()].flat().map((each) => [each.transaction, each]));
      // What is decided by now may have become a session just before: there is one more look.
      continue;
    }
    await delay(pauseMs);
  }
}

/** Ends what is a lease's among those that are still on their way, by the login's number. */
async function decide(
  site: Site,
  endings: readonly Present[],
  undecided: ReadonlyMap<string, Arrival>,
): Promise<Map<number, Arrival[]>> {
  const now = await lookForArrivals(site);
  const still = [...now.values()].filter(({ transaction, inside }) => inside && undecided.has(transaction));
  if (still.length === 0) return new Map();
  const ended = await endArrivals(site, endings, still);
  for (const ending of endings) {
    const found = ended.get(ending.oid)?.map(({ pid, transaction }) => `${pid} on its way in ${transaction}`);
    if (found)
      ending.evidence = { ...ending.evidence, ended: [...new Set([...ending.evidence.ended, ...found])] };
  }
  return ended;
}

const onTheWay = 'A login that had begun before has not ended yet although told to.';

function stillThere(connections: number): string {
  if (connections === 0) return 'A connection was there until a moment ago.';
  return `${connections === 1 ? '1 connection has' : `${connections} connections have`} not ended yet although told to.`;
}
