import * as z from 'zod';
import { Instant } from '../../../contract/values.ts';

/** Something that a lease had left, and what was done about it. */
const Leftover = z.object({
  database: z.string(),
  what: z.string(),
  done: z.string(),
  /** The role that it belongs to now, where it was not dropped. */
  heir: z.string().optional(),
});
export type Leftover = z.infer<typeof Leftover>;

const Quiet = z.object({ since: Instant, forMs: z.int().min(0) });
const Probe = z.object({ at: Instant, sqlstate: z.string(), routine: z.string() });

/** What was seen of one lease at the server. A part that is missing was not proven. */
const LeaseEvidence = z.object({
  version: z.literal(1),
  /** The login's number, which its sessions carry even after the login is removed. */
  oid: z.int().optional(),
  /** Which database system it was made at: its address may lead to another one later (`pg_control_system`). */
  system: z.string().optional(),
  /** Where the lease can change what outlives it: how that was before it began, a line each. */
  before: z.array(z.string()).optional(),
  cut: z.object({ at: Instant }).optional(),
  /** Its connections that were ended: number of the server process and when it began. */
  ended: z.array(z.string()),
  quiet: Quiet.optional(),
  probe: Probe.optional(),
  /** The same at each replica that the target names, by its name. */
  replicas: z.record(z.string(), z.object({ quiet: Quiet.optional(), probe: Probe.optional() })).optional(),
  leftovers: z.array(Leftover),
  gone: z.object({ at: Instant }).optional(),
  remains: z.array(z.string()),
  /** Standbys at which nothing was looked at. */
  standbys: z.array(z.string()).optional(),
});
export type LeaseEvidence = z.infer<typeof LeaseEvidence>;

export const noEvidence: LeaseEvidence = { version: 1, ended: [], leftovers: [], remains: [] };

/** Evidence as it was stored; whatever cannot be read counts as none. */
export function storedEvidence(stored: unknown): LeaseEvidence {
  const read = LeaseEvidence.safeParse(stored);
  return read.success ? read.data : noEvidence;
}

/** What two brokers saw of one lease, or one broker at two times; of a proof the newer one counts. */
export function together(stored: LeaseEvidence, seen: LeaseEvidence): LeaseEvidence {
  const cuts = [stored.cut, seen.cut].flatMap((cut) => cut ?? []);
  const verified = (seen.gone ?? !stored.gone) ? seen : stored;
  return {
    version: 1,
    oid: seen.oid ?? stored.oid,
    system: seen.system ?? stored.system,
    before: stored.before ?? seen.before,
    cut: cuts.sort((one, another) => (one.at < another.at ? -1 : 1))[0],
    ended: [...new Set([...stored.ended, ...seen.ended])],
    quiet: seen.quiet ?? stored.quiet,
    probe: seen.probe ?? stored.probe,
    replicas: seen.replicas ?? stored.replicas,
    leftovers: withLeftovers(stored, seen.leftovers).leftovers,
    gone: verified.gone,
    remains: verified.remains,
    standbys: verified.standbys,
  };
}

const mostEntries = 200;

/** The leftovers with these added; what was found again is replaced, so that a repeated clean tells each thing once. */
export function withLeftovers(evidence: LeaseEvidence, found: readonly Leftover[]): LeaseEvidence {
  const all = new Map(evidence.leftovers.map((each) => [`${each.database} ${each.what}`, each]));
  for (const each of found) all.set(`${each.database} ${each.what}`, each);
  return { ...evidence, leftovers: [...all.values()].slice(0, mostEntries) };
}
