import type { Session } from './connect.ts';
import type { Present } from './ending.ts';
import { identifier } from './names.ts';

// What belongs to a role of the server's own is in no list of dependencies (pg_shdepend leaves pinned roles out).
const lent = `
with template as (select oid from pg_roles where rolname = $1),
servers as (select r.oid from pg_roles r, template
             where r.oid < 16384 and starts_with(r.rolname, 'pg_') and r.rolname <> 'pg_database_owner' and pg_has_role(template.oid, r.oid, 'usage'))
select exists (select from pg_shdepend s, template where s.refclassid = 'pg_authid'::regclass and s.refobjid = template.oid and s.deptype = 'o'
                  and s.classid <> 'pg_default_acl'::regclass and s.dbid = (select oid from pg_database where datname = current_database())) as "toTemplate",
       array(select 'table ' || c.oid::regclass from pg_class c join servers on servers.oid = c.relowner
              where c.relkind in ('r', 'p', 'v', 'm', 'f')
                 or (c.relkind = 'S' and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')))
             union all
             select 'type ' || t.oid::regtype from pg_type t join servers on servers.oid = t.typowner
              left join pg_class c on c.oid = t.typrelid
              where t.typtype in ('d', 'e', 'r') or c.relkind = 'c') as "toServer"`;

/**
 * Calls in what a lease made and then gave to its template's role, or to a role of the server behind that: whoever has a
 * role's privileges may do so (REASSIGN OWNED), and a view that belongs to them would show to anybody what they may see,
 * for ever. Neither kind of role owns anything otherwise. Afterwards it is the lease's, to be removed with the rest.
 */
export async function callIn(session: Session, template: string, { lease }: Present): Promise<void> {
  const [found] = await session.query<{ toTemplate: boolean; toServer: string[] }>(
    'leftovers lent looked for',
    lent,
    [template],
  );
  if (!found || (!found.toTemplate && found.toServer.length === 0)) return;
  const [from, to] = [identifier(template), identifier(lease.role)];
  await session.batch('leftovers called in', [
    `grant ${from} to current_user with inherit true, set false`,
    `grant ${to} to current_user with inherit true, set true`,
    ...(found.toTemplate ? [`reassign owned by ${from} to ${to}`] : []),
    ...found.toServer.map((what) => `alter ${what} owner to ${to}`),
    `revoke ${from} from current_user granted by current_user`,
  ]);
}
