import type { Session } from './connect.ts';
import { readable } from './names.ts';

// A line for each kind of thing that everybody may do in this database beyond looking at the catalogues.
const sql = `
select 'create objects in the schema ' || oid::regnamespace as line, 1 as rank
  from pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a where a.grantee = 0 and privilege_type = 'CREATE'
union all select case privilege_type when 'TEMPORARY' then 'create temporary tables' when 'CREATE' then 'create schemas' else 'connect' end, 2
  from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a where a.grantee = 0 and datname = current_database()
union all select 'create large objects', 3 where exists (
  select from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
   where a.grantee = 0 and oid = any(array['pg_catalog.lo_create(oid)', 'pg_catalog.lo_creat(int4)', 'pg_catalog.lo_from_bytea(oid,bytea)']::regprocedure[]))
union all select string_agg(distinct lower(privilege_type), ', ' order by lower(privilege_type)) || ' on ' || c.oid::regclass, 4
  from pg_class c, aclexplode(relacl) a
 where a.grantee = 0 and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 group by c.oid
union all select lower(privilege_type) || ' ' || attname || ' of ' || attrelid::regclass, 5
  from pg_attribute, aclexplode(attacl) a where a.grantee = 0 and attrelid >= 16384
union all select 'run ' || p.oid::regprocedure || ' with the rights of ' || proowner::regrole, 6
  from pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
 where a.grantee = 0 and privilege_type = 'EXECUTE' and prosecdef and p.oid >= 16384
order by 2, 1 limit 101`;

/** What everybody may do in the database that this session is in, a line each; at most a hundred lines. */
export async function everybodyMay(session: Session): Promise<string[]> {
  const lines = (await session.query<{ line: string }>('target checked', sql)).map(({ line }) =>
    readable(line),
  );
  return lines.length > 100 ? [...lines.slice(0, 100), 'do much more of this kind'] : lines;
}
