import type { Receipt } from '../../../contract/receipts.ts';
import type { LeaseAtTarget } from '../target.ts';
import type { LeaseEvidence } from './evidence.ts';
import { readable } from './names.ts';

/** The receipt of a lease if every piece of evidence for it is there; otherwise what has not been proven, in words. */
export function receiptOf(lease: LeaseAtTarget, evidence: LeaseEvidence): Receipt | string {
  const { cut, quiet, probe, gone } = evidence;
  if (!cut) return 'Not proven yet: that the login is closed.';
  if (!quiet) return 'Not proven yet: that no connection is left.';
  if (!probe) return 'Not proven yet: that a valid password is turned away.';
  if (!gone) return 'Not proven yet: that nothing of it is left at the server.';
  const replicas = Object.entries(evidence.replicas ?? {}).map(([server, proof]) => ({ server, ...proof }));
  for (const { server, quiet: still, probe: refused } of replicas)
    if (!still || !refused) return `Not proven yet: that nothing of it is on the replica ${server}.`;
  const kept = evidence.leftovers.filter(({ heir }) => heir !== undefined);
  return {
    leaseId: lease.leaseId,
    role: lease.role,
    // The latest of them: when the login was closed, and since when no connection was there, nor at any replica.
    closedAt:
      [cut.at, quiet.since, ...replicas.flatMap(({ quiet: still }) => still?.since ?? [])].sort().at(-1) ??
      cut.at,
    connectionsEnded: evidence.ended.length,
    quietForMs: quiet.forMs,
    probe,
    replicas: replicas.flatMap(({ server, quiet: still, probe: refused }) =>
      still && refused ? [{ server, quietForMs: still.forMs, probe: refused }] : [],
    ),
    standbys: (evidence.standbys ?? []).map((name) => readable(name)),
    cleaned: evidence.leftovers.map(({ database, what, done }) => ({
      database: readable(database),
      what: readable(`${what}: ${done}`),
    })),
    gone: { at: gone.at, roleAbsent: true, ownsNothing: true },
    remains: [
      ...kept.map(
        ({ database, what, heir }) =>
          `${readable(what)} in ${readable(database)} belongs to ${readable(heir ?? '')} now.`,
      ),
      ...evidence.remains,
    ],
  };
}
