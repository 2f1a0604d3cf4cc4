import pg from 'pg';
import { spoken, type Session } from './connect.ts';
import { grouped, type Present, type Site } from './ending.ts';
import { withLeftovers } from './evidence.ts';
import { removeLeftovers } from './leftovers.ts';
import { callIn } from './lent.ts';
import { identifier, readable } from './names.ts';
import { rollBackPrepared } from './prepared.ts';
import { resetDefaultPrivileges } from './template-role.ts';

/** What is left over then is done another time, so that one server does not hold up the rest of the work for long. */
const patienceMs = 30_000;

/** Removes what these leases left in every database of the server, and then their logins. */
export async function clean(site: Site, endings: readonly Present[]): Promise<void> {
  await rollBackPrepared(site, endings);
  const places = await site.connections.useTwice((session) => inventory(session, endings));
  const until = performance.now() + patienceMs;
  for (const [database, there] of places) {
    try {
      if (!there.open) throw new Error('it allows no connections');
      if (performance.now() > until) throw new Error('there was no time left for it');
      await site.connections.useIn(database, async (session) => {
        for (const [role, [first]] of there.templates) if (first) await callIn(session, role, first);
        for (const ending of there.leases) await removeLeftovers(site, session, database, ending);
        for (const [role, members] of there.templates) {
          const what = `default privileges of ${role}`;
          if (!(await resetDefaultPrivileges(session, role))) continue;
          for (const ending of members)
            ending.evidence = withLeftovers(ending.evidence, [{ database, what, done: 'set back' }]);
        }
      });
    } catch (error) {
      const obstacle = `What it left in the database ${readable(database)} could not be removed: ${spoken(error)}.`;
      for (const ending of [...there.leases, ...[...there.templates.values()].flat()])
        ending.obstacle ??= obstacle;
    }
  }
  await dropLogins(
    site,
    endings.filter(({ obstacle }) => obstacle === undefined),
  );
}

interface Place {
  readonly open: boolean;
  readonly leases: Present[];
  /** Template roles that may have something there which they should not, each with those members. */
  readonly templates: Map<string, Present[]>;
}

// pg_shdepend is shared: one look tells what a login owns or may do in all databases, and what a template's role owns.
// What the server's own roles own can be seen in each database only.
const dependents = `
select coalesce(d.datname, current_database()) as database, coalesce(d.datallowconn, true) as open,
       s.refobjid as lease, null as template
  from pg_shdepend s left join pg_database d on d.oid = s.dbid
 where s.refclassid = 'pg_authid'::regclass and s.refobjid = any($1::oid[])
union
select d.datname, d.datallowconn, m.member, r.rolname
  from pg_auth_members m
  join pg_roles r on r.oid = m.roleid and r.rolname like 'daypass\\_tpl\\_%'
  join pg_shdepend s on s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid and s.deptype = 'o'
  join pg_database d on d.oid = s.dbid
 where m.member = any($1::oid[])
union
select d.datname, true, m.member, r.rolname
  from pg_auth_members m
  join pg_roles r on r.oid = m.roleid and r.rolname like 'daypass\\_tpl\\_%'
  join pg_database d on d.datallowconn and has_database_privilege(r.oid, d.oid, 'connect')
 where m.member = any($1::oid[])
   and exists (select from pg_roles s where s.oid < 16384 and starts_with(s.rolname, 'pg_') and pg_has_role(r.oid, s.oid, 'usage'))`;

async function inventory(session: Session, endings: readonly Present[]): Promise<Map<string, Place>> {
  const byOid = new Map(endings.map((ending) => [ending.oid, ending]));
  const rows = await session.query<{
    database: string;
    open: boolean;
    lease: number;
    template: string | null;
  }>('leftovers located', dependents, [[...byOid.keys()]]);
  const places = new Map<string, Place>();
  for (const [database, found] of grouped(rows, (row) => row.database)) {
    const place: Place = { open: found.every((row) => row.open), leases: [], templates: new Map() };
    for (const { lease, template } of found) {
      const ending = byOid.get(lease);
      if (!ending || ending.obstacle !== undefined) continue;
      if (template === null) place.leases.push(ending);
      else place.templates.set(template, [...(place.templates.get(template) ?? []), ending]);
    }
    // What a template's role has there is called in by the first of its members, and is that one's then.
    for (const [first] of place.templates.values())
      if (first && !place.leases.includes(first)) place.leases.push(first);
    if (place.leases.length || place.templates.size) places.set(database, place);
  }
  return places;
}

const chunk = 200;

// The server refuses to drop a login that still owns anything anywhere or may do anything: nothing can be overlooked.
async function dropLogins(site: Site, endings: readonly Present[]): Promise<void> {
  const drop = (some: readonly Present[]) =>
    site.connections.useTwice((session) =>
      session.query(
        'logins dropped',
        `drop role if exists ${some.map(({ lease }) => identifier(lease.role)).join(', ')}`,
      ),
    );
  for (let at = 0; at < endings.length; at += chunk) {
    const some = endings.slice(at, at + chunk);
    try {
      await drop(some);
    } catch {
      for (const ending of some)
        await drop([ending]).catch((error: unknown) => {
          ending.obstacle = `The login could not be removed: ${spoken(error)}${detailOf(error)}.`;
        });
    }
  }
}

// What depends on a login, which somebody else than the lease gave it: they alone can take it back.
function detailOf(error: unknown): string {
  const detail = error instanceof pg.DatabaseError ? error.detail : undefined;
  return detail === undefined ? '' : ` (${readable(detail)})`;
}
