import type { TargetStep } from '../../step.ts';
import type { Session } from './connect.ts';
import type { PostgresScope } from './scope.ts';

/** Beyond this many lines nothing is compared: it would not be read, and has to be stored with each lease. */
const mostLines = 20_000;

/** The roles whose own objects a lease under this scope could change, besides its own. The server's roles own none. */
export function rolesAtRisk(scope: PostgresScope): string[] {
  return [
    ...scope.roles.filter((role) => !role.startsWith('pg_')),
    ...(scope.owner ? [scope.owner.role] : []),
  ];
}

// A line for each thing that a holder of owner rights could change so that it outlives the lease: who may do what with
// the owner's objects, default privileges, code that runs in other people's sessions or with the owner's rights.
const sql = `
with risk as (select oid, rolname from pg_roles where rolname = any($1)),
acl (what, owner, acl) as (
  select case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass, relowner,
         coalesce(relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", relowner))
    from pg_class c where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all select a.attname || ' of table ' || c.oid::regclass, relowner, attacl
    from pg_attribute a join pg_class c on c.oid = a.attrelid where attacl is not null
  union all select 'function ' || oid::regprocedure, proowner, coalesce(proacl, acldefault('f', proowner)) from pg_proc
  union all select 'schema ' || oid::regnamespace, nspowner, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace
  union all select 'type ' || oid::regtype, typowner, coalesce(typacl, acldefault('T', typowner)) from pg_type
   where typtype in ('d', 'e', 'r') or (typtype = 'c' and typacl is not null)
  union all select 'future ' || case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
           when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end
           || coalesce(' in schema ' || nullif(defaclnamespace, 0)::regnamespace, '') || ' of ' || defaclrole::regrole,
         defaclrole, defaclacl from pg_default_acl
),
-- What runs on somebody's behalf, with a digest: that it is there says nothing about what it does by now.
code (what, owner, does) as (
  select 'function ' || oid::regprocedure, proowner, concat_ws(' ', prosrc, probin, prosqlbody, proconfig, prolang) from pg_proc
  union all select 'view ' || c.oid::regclass, relowner, ev_action::text
    from pg_rewrite join pg_class c on c.oid = ev_class where rulename = '_RETURN'
  union all select 'rule ' || quote_ident(rulename) || ' on ' || c.oid::regclass, relowner, concat_ws(' ', ev_qual, ev_action)
    from pg_rewrite join pg_class c on c.oid = ev_class where rulename <> '_RETURN'
  union all select 'trigger ' || quote_ident(tgname) || ' on ' || c.oid::regclass, relowner, pg_get_triggerdef(t.oid)
    from pg_trigger t join pg_class c on c.oid = tgrelid where not tgisinternal
  union all select 'row security policy ' || quote_ident(polname) || ' on ' || c.oid::regclass, relowner,
         concat_ws(' ', polcmd, polpermissive, polroles, polqual, polwithcheck) from pg_policy join pg_class c on c.oid = polrelid
  union all select 'the value of ' || quote_ident(attname) || ' unless given, in ' || c.oid::regclass, relowner, adbin::text
    from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum join pg_class c on c.oid = adrelid
  union all select 'check ' || quote_ident(conname) || ' on ' || c.oid::regclass, relowner, conbin::text
    from pg_constraint join pg_class c on c.oid = conrelid where contype = 'c'
),
line (line) as (
  select what || E'\\t' || md5(does) from code join risk on risk.oid = code.owner
  union all select what from code join risk on risk.oid = code.owner where what ~ '^(the value of|check) '
  union all select pg_describe_object('pg_class'::regclass, c.oid, 0) || ' belongs to ' || rolname
    from pg_class c join risk on risk.oid = relowner where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select case e.grantee when 0 then 'everybody' else e.grantee::regrole::text end || ' may ' || lower(e.privilege_type)
         || case when is_grantable then ' (and pass that on)' else '' end || ' on ' || what
    from acl join risk on risk.oid = acl.owner, aclexplode(acl.acl) e where e.grantee <> acl.owner
  union all select 'function ' || p.oid::regprocedure || ' runs with the rights of ' || rolname
    from pg_proc p join risk on risk.oid = proowner where prosecdef
  union all select 'trigger ' || quote_ident(tgname) || ' on ' || c.oid::regclass || case tgenabled when 'D' then ', off' else '' end
    from pg_trigger join pg_class c on c.oid = tgrelid join risk on risk.oid = relowner where not tgisinternal
  union all select 'rule ' || quote_ident(rulename) || ' on ' || c.oid::regclass
    from pg_rewrite join pg_class c on c.oid = ev_class join risk on risk.oid = relowner where rulename <> '_RETURN'
  union all select 'row security policy ' || quote_ident(polname) || ' on ' || c.oid::regclass
    from pg_policy join pg_class c on c.oid = polrelid join risk on risk.oid = relowner
  union all select 'row security on ' || c.oid::regclass from pg_class c join risk on risk.oid = relowner where relrowsecurity
)
select distinct line from line order by 1 limit ${mostLines + 1}`;

/** How things are, a line each, in the database that this session is in; undefined where that is too much to compare. */
export async function stateAtRisk(
  session: Session,
  name: Extract<TargetStep, `state ${string}`>,
  roles: readonly string[],
): Promise<string[] | undefined> {
  const lines = (await session.query<{ line: string }>(name, sql, [roles])).map((row) => row.line);
  return lines.length > mostLines ? undefined : lines;
}

/** What is different now, in words. Of two lines that differ in their digest only, the thing itself was changed. */
export function differences(before: readonly string[], after: readonly string[]): string[] {
  const was = new Set(before);
  const is = new Set(after);
  const fresh = after.filter((line) => !was.has(line));
  const gone = before.filter((line) => !is.has(line));
  const changed = new Set(fresh.filter(isCode).map(nameOf));
  for (const name of changed)
    if (!gone.some((line) => isCode(line) && nameOf(line) === name)) changed.delete(name);
  return [
    ...fresh.filter((line) => !isCode(line)).map((line) => `new: ${line}`),
    ...[...changed].map((name) => `changed: ${name}`),
    ...gone.filter((line) => !isCode(line)).map((line) => `no longer: ${line}`),
  ];
}

const isCode = (line: string) => line.includes('\t');
const nameOf = (line: string) => line.slice(0, line.lastIndexOf('\t'));
