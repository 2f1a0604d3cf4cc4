import type { TargetConfig } from '../../config/config.ts';
import type { Finding } from './check.ts';
import { refusedByServer, type Session } from './connect.ts';
import { readable, templateRole } from './names.ts';
import type { Privilege, PrivilegeObject } from './privileges.ts';
import { everybodyMay } from './public.ts';
import type { ScopedTemplate } from './scope.ts';
import { schemasOf } from './setup.ts';

/** One privilege as the catalogues have it: which object (class, number, column) and a name to tell people. */
interface Held {
  readonly role: string;
  readonly key: string;
  readonly what: string;
  readonly passOn: boolean;
}

// Every privilege that these roles hold in this database, and on the database itself.
const held = `
with carrier as (select oid, rolname from pg_roles where rolname = any($1)),
acl (class, id, col, what, acl) as (
  select 'relation', oid, 0, case relkind when 'S' then 'sequence ' else 'table ' end || oid::regclass, relacl from pg_class where relacl is not null
  union all select 'relation', attrelid, attnum, attname || ' of table ' || attrelid::regclass, attacl from pg_attribute where attacl is not null
  union all select 'function', oid, 0, 'function ' || oid::regprocedure, proacl from pg_proc where proacl is not null
  union all select 'schema', oid, 0, 'schema ' || oid::regnamespace, nspacl from pg_namespace where nspacl is not null
  union all select 'type', oid, 0, 'type ' || oid::regtype, typacl from pg_type where typacl is not null
  union all select 'language', oid, 0, 'language ' || lanname, lanacl from pg_language where lanacl is not null
  union all select 'large object', oid, 0, 'large object ' || oid, lomacl from pg_largeobject_metadata where lomacl is not null
  union all select 'foreign server', oid, 0, 'foreign server ' || srvname, srvacl from pg_foreign_server where srvacl is not null
  union all select 'foreign data wrapper', oid, 0, 'foreign data wrapper ' || fdwname, fdwacl from pg_foreign_data_wrapper where fdwacl is not null
  union all select 'database', oid, 0, 'database ' || quote_ident(datname), datacl from pg_database where datname = current_database() and datacl is not null
)
select rolname as role, class || ':' || acl.id || ':' || col || ':' || lower(privilege_type) as key,
       lower(privilege_type) || ' on ' || what as what, is_grantable as "passOn"
  from acl, aclexplode(acl.acl) e join carrier on carrier.oid = e.grantee`;

/** What is not as the templates say in one database, and what everybody may do there. */
export async function databaseFindings(
  session: Session,
  database: string,
  target: TargetConfig,
  templates: readonly ScopedTemplate[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const all = await session.query<Held>('target checked', held, [templates.map(templateRole)]);
  for (const template of templates) {
    const role = templateRole(template);
    const mine = all.filter((each) => each.role === role);
    const here = (template.scope.database ?? target.database) === database;
    const wanted = here
      ? await wantedKeys(session, template)
      : { keys: new Map<string, string>(), absent: [] };
    const remedy = `daypass target setup ${target.id}`;
    const found = (kind: Finding['kind'], message: string) =>
      findings.push({ kind, template: template.id, message, remedy });
    for (const absent of wanted.absent) found('missing', `${absent} does not exist in ${database}.`);
    const has = new Set(mine.map(({ key }) => key));
    for (const [key, what] of wanted.keys)
      if (!has.has(key)) found('missing', `${role} may not ${what} in ${database}.`);
    for (const { key, what, passOn } of mine) {
      if (!wanted.keys.has(key))
        found('excess', `${role} may ${readable(what)} in ${database}, which the template does not say.`);
      else if (passOn) found('excess', `${role} may pass on ${readable(what)} in ${database}.`);
    }
    if (here && template.scope.owner)
      findings.push(...(await beyondSchema(session, template, template.scope.owner)));
  }
  for (const line of await everybodyMay(session))
    findings.push({ kind: 'public', message: `In ${database}, everybody may ${line}.` });
  return findings;
}

/** The privileges that a template says, by the numbers that its objects have here, each with words for it. */
async function wantedKeys(
  session: Session,
  { scope }: ScopedTemplate,
): Promise<{ keys: Map<string, string>; absent: string[] }> {
  const keys = new Map<string, string>();
  const absent: string[] = [];
  const [database] = await session.query<{ id: number; name: string }>(
    'target checked',
    'select oid as id, datname as name from pg_database where datname = current_database()',
  );
  if (database) keys.set(`database:${database.id}:0:connect`, `connect on database ${database.name}`);
  for (const schema of schemasOf(scope)) {
    const [it] = await session.query<{ id: number }>(
      'target checked',
      'select oid as id from pg_namespace where nspname = $1',
      [schema],
    );
    if (it) keys.set(`schema:${it.id}:0:usage`, `usage on schema ${schema}`);
    else absent.push(`The schema ${schema}`);
  }
  for (const privilege of scope.privileges) {
    if (privilege.on.kind === 'schema') continue;
    const objects = await resolve(session, privilege.on);
    if (objects.length === 0 && !privilege.on.kind.startsWith('all ')) absent.push(spelled(privilege.on));
    for (const object of objects)
      for (const [key, what] of await entries(session, privilege, object)) keys.set(key, what);
  }
  return { keys, absent };
}

interface Resolved {
  readonly id: number;
  readonly name: string;
}

async function entries(
  session: Session,
  { action, columns, on }: Privilege,
  { id, name }: Resolved,
): Promise<[string, string][]> {
  const kind = on.kind === 'function' || on.kind === 'all functions' ? 'function' : 'relation';
  if (columns.length === 0) return [[`${kind}:${id}:0:${action}`, `${action} on ${name}`]];
  const rows = await session.query<{ name: string; position: number }>(
    'target checked',
    `select c as name, coalesce(attnum, -1)::int as position
       from unnest($2::text[]) c left join pg_attribute a on attrelid = $1 and attname = c and not attisdropped`,
    [id, columns],
  );
  return rows.map((column) => [
    `relation:${id}:${column.position}:${action}`,
    `${action} on ${column.name} of ${name}`,
  ]);
}

const relation = `select c.oid as id, c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = $1`;
const routine = `select p.oid as id, p.oid::regprocedure::text as name, array(select format_type(t, null) from unnest(proargtypes) t) as types
  from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname = $1`;
const tables = "relkind in ('r', 'p', 'v', 'm', 'f')";

// By the catalogues alone: looking a name up as the server does takes the right to use its schema.
async function resolve(session: Session, on: PrivilegeObject): Promise<Resolved[]> {
  switch (on.kind) {
    case 'schema':
      return [];
    case 'table':
      return session.query<Resolved>('target checked', `${relation} and relname = $2 and ${tables}`, [
        on.schema,
        on.name,
      ]);
    case 'sequence':
      return session.query<Resolved>('target checked', `${relation} and relname = $2 and relkind = 'S'`, [
        on.schema,
        on.name,
      ]);
    case 'all tables':
      return session.query<Resolved>('target checked', `${relation} and ${tables}`, [on.schema]);
    case 'all sequences':
      return session.query<Resolved>('target checked', `${relation} and relkind = 'S'`, [on.schema]);
    case 'all functions':
      return session.query<Resolved>('target checked', `${routine} and prokind in ('f', 'a', 'w')`, [
        on.schema,
      ]);
    case 'function': {
      const types: string[] = [];
      for (const type of typesOf(on.arguments)) types.push(await canonical(session, type));
      const same = await session.query<Resolved & { types: string[] }>(
        'target checked',
        `${routine} and proname = $2`,
        [on.schema, on.name],
      );
      return same.filter((each) => each.types.join() === types.join());
    }
  }
}

/** `integer, numeric(10, 2)` → `integer`, `numeric(10, 2)`. */
function typesOf(list: string): string[] {
  const types: string[] = [];
  let depth = 0;
  let type = '';
  for (const sign of list) {
    if (sign === '(') depth += 1;
    if (sign === ')') depth -= 1;
    if (sign === ',' && depth === 0) {
      types.push(type.trim());
      type = '';
    } else type += sign;
  }
  return type.trim() ? [...types, type.trim()] : types;
}

async function canonical(session: Session, type: string): Promise<string> {
  try {
    const [row] = await session.query<{ name: string | null }>(
      'target checked',
      'select format_type(to_regtype($1), null) as name',
      [type],
    );
    return row?.name ?? type;
  } catch (error) {
    if (!refusedByServer(error)) throw error;
    return type;
  }
}

function spelled(on: PrivilegeObject): string {
  if (on.kind === 'function') return `The function ${on.schema}.${on.name}(${on.arguments})`;
  return 'name' in on ? `The ${on.kind} ${on.schema}.${on.name}` : `The schema ${on.schema}`;
}

async function beyondSchema(
  session: Session,
  { id }: ScopedTemplate,
  owner: { role: string; schema: string },
): Promise<Finding[]> {
  const rows = await session.query<{ schema: string; objects: number }>(
    'target checked',
    `select nspname as schema, count(*)::int as objects from pg_class c join pg_namespace n on n.oid = relnamespace
      where relowner = (select oid from pg_roles where rolname = $1) and nspname <> $2 and nspname !~ '^pg_'
        and relkind in ('r', 'p', 'v', 'm', 'f', 'S') group by 1 order by 1`,
    [owner.role, owner.schema],
  );
  return rows.map(({ schema, objects }) => ({
    kind: 'excess',
    template: id,
    message: `${owner.role} owns tables, views or sequences (${objects}) in the schema ${readable(schema)} too: a lease under this template may change and drop them.`,
    remedy: 'an owner of its own for each schema that migrations are about',
  }));
}
