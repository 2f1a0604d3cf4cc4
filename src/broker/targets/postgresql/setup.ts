import type { TargetConfig } from '../../config/config.ts';
import { identifier, issuerRoles, literal, qualified, templatePrefix, templateRole } from './names.ts';
import type { Privilege, PrivilegeObject } from './privileges.ts';
import type { PostgresScope, ScopedTemplate } from './scope.ts';
import { brokerRoles, owningSql, strangersSql } from './strangers.ts';

/** As much of a target as its preparation is about; no password. */
export type SetupTarget = Pick<TargetConfig, 'id' | 'database'> & {
  readonly login: Pick<TargetConfig['login'], 'user'>;
};

/**
 * SQL that prepares a server: the broker's login, and for each template a role with exactly its privileges. For a
 * superuser, in psql; it can be run again and again, and a template role loses what its template no longer says.
 * @param open what `checkTarget` found that everybody may do, to be shown as comments
 */
export function setupSql(
  target: SetupTarget,
  templates: readonly ScopedTemplate[],
  open: readonly string[] = [],
): string {
  const databaseOf = ({ scope }: ScopedTemplate) => scope.database ?? target.database;
  const databases = [...new Set(templates.map(databaseOf))].sort(
    (a, b) => Number(b === target.database) - Number(a === target.database),
  );
  return [
    head(target),
    encoding,
    'begin;\nset local client_min_messages = warning;',
    oldServer,
    broker(target.login.user, [...new Set([target.database, ...databases])]),
    ...templates.map((template) => carrier(target.login.user, template)),
    olderCarriers(target.login.user),
    nobodyElse(target.login.user, templates.map(templateRole)),
    'commit;',
    ...databases.map((database) =>
      [
        ...(databases.length > 1 || database !== target.database ? [connect(database), encoding] : []),
        'begin;',
        ...templates
          .filter((template) => databaseOf(template) === database)
          .map((template) => privileges(database, template)),
        'commit;',
      ].join('\n'),
    ),
    everybody(target.database, open),
  ].join('\n\n');
}

const head = (target: SetupTarget) => `\
-- Prepares the server of the target ${comment(target.id)} for Daypass. Run it as a superuser, connected to the database
-- ${comment(target.database)}:   psql -X -v ON_ERROR_STOP=1 -d ${comment(target.database)} -f this-file
-- It can be run again at any time, also while leases are open. If anything fails, nothing of that part is changed.`;

// Names stand here in UTF-8; read as anything else, a byte of one could hide the quote after it.
const encoding = "set client_encoding to 'UTF8';";

/** psql takes a name with `=` or `://` in it for a whole way to a server; inside such a way it is only a name. */
function connect(database: string): string {
  if (/[\r\n]/.test(database))
    throw new Error('psql cannot connect to a database whose name has line breaks.');
  if (/^[A-Za-z0-9_.-]+$/.test(database)) return `\\connect ${identifier(database)}`;
  const value = database.replace(/['\\]/g, '\\$&');
  return `\\connect -reuse-previous=on "${`dbname='${value}'`.replaceAll('"', '""')}"`;
}

const oldServer = raiseIf(
  "current_setting('server_version_num')::int < 160000",
  'Daypass needs PostgreSQL 16 or newer: before that, a lease could take its template’s role over.',
);

function broker(user: string, databases: readonly string[]): string {
  const name = identifier(user);
  const issuers = issuerRoles(user);
  return `\
-- The broker's own login. It is no superuser: it makes logins, and hands them the template roles below, nothing else.
${createRole(user, 'login')}
${raiseIf(`(select rolsuper from pg_roles where rolname = ${literal(user)})`, `${user} is a superuser: give the broker a login of its own.`)}
alter role ${name} login createrole nocreatedb noreplication nobypassrls;
grant ${brokerRoles.join(', ')} to ${name};
-- The roles as which it makes logins, in turn: before a role may make one, the server reads all that it administers.
${issuers.map((issuer) => `${createRole(issuer, 'nologin')}\nalter role ${identifier(issuer)} nosuperuser nologin createrole nocreatedb noreplication nobypassrls;`).join('\n')}
grant ${issuers.map(identifier).join(', ')} to ${name} with admin false, inherit true, set true;
-- Which database system answers: an end is proven only at the one where its login was made. Usually all may ask that.
grant execute on function pg_catalog.pg_control_system() to ${[name, ...issuers.map(identifier)].join(', ')};
-- It looks and cleans up wherever a lease gets in, also where not everybody (PUBLIC) may connect.
${databases.map((each) => `grant connect on database ${identifier(each)} to ${name};`).join('\n')}
-- Its password is set by you, and stands nowhere here:   \\password ${comment(name)}`;
}

function carrier(user: string, template: ScopedTemplate): string {
  const { id, scope } = template;
  const role = templateRole(template);
  const name = identifier(role);
  const behind = [...scope.roles, ...(scope.owner ? [scope.owner.role] : [])];
  return [
    `-- Template ${comment(id)}: the role that carries its privileges. It cannot log in and owns nothing.`,
    createRole(role, 'nologin'),
    `alter role ${name} nologin nocreaterole nocreatedb noreplication;`,
    `grant ${name} to ${[user, ...issuerRoles(user)].map(identifier).join(', ')} with admin true, inherit false, set false;`,
    leaveRoles(role, behind),
    ...(scope.owner ? [owner(user, scope.owner.role)] : []),
    ...behind.map((each) => `grant ${identifier(each)} to ${name} with inherit true, set false;`),
  ].join('\n');
}

function owner(user: string, role: string): string {
  const found = `select from pg_roles where rolname = ${literal(role)}`;
  return [
    raiseIf(
      `not exists (${found})`,
      `The owner ${role} does not exist: create it with NOLOGIN, and let it own what the migration is about.`,
    ),
    raiseIf(
      `exists (${found} and (rolcanlogin or rolsuper))`,
      `The owner ${role} can log in or is a superuser: what a lease does to it would outlive the lease.`,
    ),
    `grant ${identifier(role)} to ${identifier(user)} with inherit false, set true;`,
  ].join('\n');
}

/** What was approved before a scope was edited is issued by the role that the template had then. */
function olderCarriers(user: string): string {
  const handOut = block(`declare it record; begin
  for it in select r.rolname as carrier, i.rolname as issuer
      from pg_roles r join pg_auth_members b on b.roleid = r.oid and b.member = ${literal(identifier(user))}::regrole and b.admin_option
      join pg_roles i on i.rolname = any (array[${issuerRoles(user).map(literal).join(', ')}]::text[])
     where starts_with(r.rolname, ${literal(templatePrefix)})
       and not exists (select from pg_auth_members m where m.roleid = r.oid and m.member = i.oid and m.admin_option)
  loop execute format('grant %I to %I with admin true, inherit false, set false', it.carrier, it.issuer); end loop;
  end;`);
  return `-- What was approved before a template was edited stays issuable: the roles of then, which the broker has already.\n${handOut}`;
}

// Last, so that it sees every grant; what it finds undoes all of the above.
function nobodyElse(user: string, carriers: readonly string[]): string {
  const told = block(`declare they text; begin
  select string_agg(format(E'%s is a member of %s:\\n  %s;', member, role, remedy), E'\\n') into they from (${strangersSql(user, carriers)}) it;
  if they is not null then raise exception '%', ${literal(strangersFound)} || E'\\n' || they || E'\\n' || ${literal(strangersRemedy)}; end if;
  select string_agg(role, ', ') into they from (${owningSql(user)}) it;
  if they is not null then raise exception '%', they || ${literal(owningFound)}; end if;
  end;`);
  return `-- Nobody but the broker may act as these roles: what was made before this setup could still be its maker's.\n${told}`;
}

const strangersFound =
  'Nothing was changed, because others could use the broker’s roles: with them they could give themselves what the templates allow, with no deadline and no receipt. Whoever makes a role before this setup does keeps it.';
const strangersRemedy =
  'Find out who that is and end their sessions. Then run these statements, or drop the roles if no lease is open, and run this setup again.';
const owningFound =
  ' owns something, which could act as it for somebody else, such as a function that runs with its owner’s rights. Nothing was changed. Give that to another role (REASSIGN OWNED, in the database where it is; not DROP OWNED, by which open leases could not be ended), and run this setup again.';

function privileges(database: string, template: ScopedTemplate): string {
  const { id, scope } = template;
  const role = templateRole(template);
  const name = identifier(role);
  const owns = `select from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = ${literal(name)}::regrole and deptype = 'o' and classid <> 'pg_default_acl'::regclass`;
  return [
    `-- Template ${comment(id)}: what it had here is taken back, and it gets what the template says.`,
    raiseIf(`exists (${owns})`, `${role} owns something: give that to another role first (REASSIGN OWNED).`),
    `drop owned by ${name};`,
    `grant connect on database ${identifier(database)} to ${name};`,
    ...schemasOf(scope).map((schema) => `grant usage on schema ${identifier(schema)} to ${name};`),
    ...scope.privileges
      .filter(({ on }) => on.kind !== 'schema')
      .map((each) => `grant ${grantable(each)} to ${name};`),
    ...(scope.owner
      ? [
          `grant usage, create on schema ${identifier(scope.owner.schema)} to ${identifier(scope.owner.role)};`,
        ]
      : []),
  ].join('\n');
}

/** The schemas whose USAGE a scope implies: without it nothing in them can be reached. */
export function schemasOf(scope: PostgresScope): string[] {
  return [...new Set(scope.privileges.map(({ on }) => on.schema))];
}

function grantable({ action, columns, on }: Privilege): string {
  const list = columns.length ? ` (${columns.map(identifier).join(', ')})` : '';
  return `${action}${list} on ${objectSql(on)}`;
}

function objectSql(on: PrivilegeObject): string {
  switch (on.kind) {
    case 'table':
    case 'sequence':
      return `${on.kind} ${qualified(on)}`;
    case 'function':
      return `routine ${qualified(on)}(${on.arguments})`;
    case 'schema':
      return `schema ${identifier(on.schema)}`;
    default:
      return `${on.kind} in schema ${identifier(on.schema)}`;
  }
}

const everybody = (database: string, open: readonly string[]) => `\
-- What everybody (PUBLIC) may do, every lease may do. Daypass leaves that as it is: your applications may rely on it.
-- To close what is usually open:
--   revoke create on schema public from public;                        in every database
--   revoke temporary on database ${comment(identifier(database))} from public;
--   revoke connect on database postgres, template1 from public;
--   revoke execute on function lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) from public;
-- and in postgresql.conf: max_prepared_transactions = 0, reserved_connections = 3.
${open.length ? `-- Found at the server:\n${open.map((line) => `--   ${comment(line)}`).join('\n')}\n` : '-- What is open at this server: daypass check --targets\n'}`;

// A comment ends with its line: no name may begin a new one.
function comment(text: string): string {
  return text.replace(/[\r\n\u2028\u2029]/g, ' ');
}

function block(body: string): string {
  let tag = '$do$';
  while (body.includes(tag)) tag = `$do_${tag.slice(1)}`;
  return `do ${tag} begin ${body} end ${tag};`;
}

function createRole(role: string, option: 'login' | 'nologin'): string {
  return block(
    `if not exists (select from pg_roles where rolname = ${literal(role)}) then create role ${identifier(role)} ${option}; end if;`,
  );
}

function raiseIf(condition: string, message: string): string {
  return block(`if ${condition} then raise exception '%', ${literal(message)}; end if;`);
}

/** A role that the template no longer names is left, whoever had granted it. */
function leaveRoles(role: string, stay: readonly string[]): string {
  return block(`declare it record; begin
  for it in select r.rolname as role, g.rolname as grantor from pg_auth_members m
      join pg_roles r on r.oid = m.roleid join pg_roles g on g.oid = m.grantor
     where m.member = ${literal(identifier(role))}::regrole and r.rolname <> all (array[${stay.map(literal).join(', ')}]::text[])
  loop execute format('revoke %I from %I granted by %I cascade', it.role, ${literal(role)}, it.grantor); end loop;
  end;`);
}
