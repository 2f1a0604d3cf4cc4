import type { TargetConfig } from '../../config/config.ts';
import type { ClosingLease, Keep } from '../target.ts';
import type { Obstacle } from './calls.ts';
import type { Connections } from './connect.ts';
import { noEvidence, storedEvidence, type LeaseEvidence } from './evidence.ts';
import { leaseOfRole } from './names.ts';
import type { Replica } from './replicas.ts';
import { parseScope, type PostgresScope } from './scope.ts';

/** A lease on its way out. Each step replaces `evidence`, or says in `obstacle` why it could not. */
export interface Ending {
  readonly lease: ClosingLease;
  /** Absent where nothing is known about the lease. */
  readonly scope: PostgresScope | undefined;
  /** The login's number while it exists. */
  oid: number | undefined;
  canLogin: boolean;
  /** Another database system answers than the one that its login was made at: here its end proves nothing. */
  elsewhere: boolean;
  evidence: LeaseEvidence;
  /** What stands in the way this time. The steps that follow leave such a lease alone. */
  obstacle: Obstacle | undefined;
}

/** An ending whose login exists. */
export type Present = Ending & { oid: number };

/** Where the steps work, and with what. */
export interface Site {
  readonly config: TargetConfig;
  readonly installation: string;
  readonly connections: Connections;
  readonly replicas: readonly Replica[];
  readonly steps: Steps;
  readonly keep: Keep;
}

/**
 * What makes an end, in this order: terminate, nologin, terminate (the cut), then sweep, probe, clean, verify.
 * Each adds the evidence that only it can give; with one left out there is no receipt.
 */
export interface Steps {
  /** Ends every connection of these leases. */
  terminate(site: Site, endings: readonly Present[]): Promise<void>;
  /** Closes the logins, in one transaction. */
  nologin(site: Site, endings: readonly Present[]): Promise<void>;
  /** Watches, and terminates, until no connection was seen for long enough. */
  sweep(site: Site, endings: readonly Present[]): Promise<void>;
  /** Tries to log in with a password that is right. */
  probe(site: Site, endings: readonly Present[]): Promise<void>;
  /** Removes what the leases left in every database, then the logins. */
  clean(site: Site, endings: readonly Present[]): Promise<void>;
  /** Looks into the catalogues: nothing of the lease is there, and what remains of its doings. */
  verify(site: Site, endings: readonly Ending[]): Promise<void>;
}

export function beginEnding(installation: string, lease: ClosingLease): Ending {
  let scope: PostgresScope | 'unread' | undefined = 'unread';
  const whose = lease.authentic ? undefined : installation;
  const ours = leaseOfRole(whose, lease.role) === lease.leaseId.toLowerCase();
  return {
    lease,
    // Read when it is needed: a cut is not, and a thousand scopes would hold it up.
    get scope() {
      return (scope = scope === 'unread' ? readScope(lease.scope) : scope);
    },
    oid: undefined,
    canLogin: false,
    elsewhere: false,
    evidence: lease.evidence === undefined ? noEvidence : storedEvidence(lease.evidence),
    obstacle: ours ? undefined : `The login ${lease.role} is not this lease's: it is left alone.`,
  };
}

function readScope(stored: unknown): PostgresScope | undefined {
  const read = stored === undefined ? undefined : parseScope(stored);
  return read && 'scope' in read ? read.scope : undefined;
}

/** Those that nothing stands in the way of and whose login exists. */
export function present(endings: readonly Ending[]): Present[] {
  return endings.filter(
    (ending): ending is Present => ending.obstacle === undefined && ending.oid !== undefined,
  );
}

/** Sees which logins exist and which of them are open. */
export async function locate(site: Site, endings: readonly Ending[]): Promise<void> {
  const rows = await site.connections.useTwice((session) =>
    session.query<{
      system: string;
      oid: number | null;
      rolname: string | null;
      rolcanlogin: boolean | null;
    }>(
      'logins located',
      `select c.system_identifier::text as system, r.oid, r.rolname, r.rolcanlogin
         from pg_control_system() c left join pg_roles r on r.rolname = any($1)`,
      [endings.map(({ lease }) => lease.role)],
    ),
  );
  const system = rows[0]?.system;
  const byName = new Map(rows.map((row) => [row.rolname, row]));
  for (const ending of endings) {
    const row = byName.get(ending.lease.role);
    const { evidence } = ending;
    ending.oid = row?.oid ?? undefined;
    ending.canLogin = row?.rolcanlogin ?? false;
    const another = evidence.system !== undefined && evidence.system !== system;
    // With the same number it is the same login: the server was upgraded. Without, this is at most a copy of it.
    ending.elsewhere = another && ending.oid !== evidence.oid;
    if (ending.oid !== undefined && !ending.elsewhere)
      ending.evidence = { ...evidence, oid: ending.oid, system };
  }
}

/** Where its login was made, something of it may be open still, whatever was found and ended here. */
export const madeElsewhere =
  'Another database system answers there than the one where its login was made: the target’s address leads elsewhere now. What was open at the old one may be open still.';

/** Stores what was seen of these leases; resolves when it is durable. What others saw of them counts here then. */
export async function keepEvidence(site: Site, endings: readonly Ending[]): Promise<void> {
  if (endings.length === 0) return;
  const stored = await site.keep(new Map(endings.map(({ lease, evidence }) => [lease.leaseId, evidence])));
  for (const ending of endings) {
    const all = stored.get(ending.lease.leaseId);
    if (all !== undefined) ending.evidence = storedEvidence(all);
  }
}

export function grouped<Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
