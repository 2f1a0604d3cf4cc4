import type pg from 'pg';
import { targetNames, type TargetName } from './schedule.ts';

/** Where one can ask as the superuser. */
export interface Asked {
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
}

export interface FoundRequest {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
}

export interface FoundGrant {
  readonly id: string;
  readonly requestId: string;
  readonly state: string;
}

export interface FoundLease {
  readonly id: string;
  readonly grantId: string;
  readonly target: string;
  readonly role: string;
  readonly state: string;
  readonly dueAt: Date | null;
  readonly obstacle: string | null;
  readonly key: string;
  readonly hasReceipt: boolean;
}

export interface FoundEvent {
  readonly number: number;
  readonly id: string;
  readonly action: string;
  /** What it is about. */
  readonly resourceId: string | null;
  /** The thing whose version it tells: a grant, or a request. */
  readonly thing: string | null;
  readonly version: number | null;
  readonly absent: string | null;
}

/** What is in the store and at the targets, read as their superuser and not through any broker. */
export interface Found {
  readonly requests: readonly FoundRequest[];
  readonly grants: readonly FoundGrant[];
  readonly leases: readonly FoundLease[];
  /** In the order of their numbers. */
  readonly events: readonly FoundEvent[];
  /** Ids of events that have no number. */
  readonly unnumbered: readonly string[];
  /** Names of leases' roles at each target. */
  readonly roles: ReadonlyMap<TargetName, readonly string[]>;
  /** Connections there that are a lease's, or nobody's any more. */
  readonly connections: ReadonlyMap<TargetName, readonly string[]>;
  /** What is there that belonged to a login which is gone. */
  readonly ownerless: ReadonlyMap<TargetName, readonly string[]>;
}

const leaseRoles =
  "select rolname as what from pg_roles where rolname ~ '^daypass_[0-9a-f]{8}_[0-9a-f]{32}$'";

/** Names of leases' logins at a target now. */
export async function leaseRolesAt(target: Asked): Promise<string[]> {
  return (await target.query<{ what: string }>(leaseRoles)).map(({ what }) => what);
}

/** Whose a connection is whose login is gone. */
export const nobody = 'nobody any more';

const leaseConnections = `
select coalesce(usename, '${nobody}') as role from pg_stat_activity
 where backend_type = 'client backend' and usesysid is not null and (usename is null or usename ~ '^daypass_[0-9a-f]{8}_')`;

const ownerless = `
select 'prepared transaction ' || gid as what from pg_prepared_xact() where ownerid not in (select oid from pg_roles)
union all
select classid::regclass || ' ' || objid from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid not in (select oid from pg_roles)`;

const leases = `
select l.id, grant_id as "grantId", target, role, state, due_at as "dueAt", obstacle, idempotency_key as key,
       exists (select from daypass.receipt r where r.lease_id = l.id) as "hasReceipt"
  from daypass.lease l`;

const events = `
select n.number::int as number, n.event_id as id, e.action, e.resource_id as "resourceId",
       coalesce(e.grant_id, e.resource_id) as thing, e.version, e.detail ->> 'absent' as absent
  from daypass.audit_number n left join daypass.audit_event e on e.id = n.event_id
 where n.number > $1
 order by n.number`;

/** Numbered events after a number. */
export const eventsAfter = (store: Asked, number: number) => store.query<FoundEvent>(events, [number]);

/** @param targets those that there are */
export async function find(
  store: Asked,
  targets: Readonly<Partial<Record<TargetName, Asked>>>,
): Promise<Found> {
  const atTargets = async (sql: string) => {
    const found = new Map<TargetName, string[]>();
    for (const name of targetNames) {
      const rows = await targets[name]?.query<Record<string, string>>(sql);
      if (rows)
        found.set(
          name,
          rows.map((row) => Object.values(row).join()),
        );
    }
    return found;
  };
  // The targets first: what is told of them must stand in the store by then.
  const roles = await atTargets(leaseRoles);
  return {
    roles,
    connections: await atTargets(leaseConnections),
    ownerless: await atTargets(ownerless),
    requests: await store.query<FoundRequest>('select id, state, reason from daypass.request'),
    grants: await store.query<FoundGrant>('select id, request_id as "requestId", state from daypass."grant"'),
    leases: await store.query<FoundLease>(leases),
    events: await eventsAfter(store, 0),
    unnumbered: (
      await store.query<{ id: string }>(
        `select id from daypass.audit_event e
          where not exists (select from daypass.audit_number n where n.event_id = e.id)`,
      )
    ).map(({ id }) => id),
  };
}
