import { spelledOut } from '../../../contract/plain-text.ts';
import type { TargetConfig } from '../../config/config.ts';
import type { Finding } from './check.ts';
import type { Session } from './connect.ts';
import { issuerRoles, readable, templateRole } from './names.ts';
import type { ScopedTemplate } from './scope.ts';
import { brokerRoles, owningSql, strangersSql } from './strangers.ts';

const facts = `
select current_setting('server_version_num')::int as version,
       current_setting('max_prepared_transactions')::int as prepared,
       current_setting('reserved_connections', true)::int as reserved,
       extract(epoch from clock_timestamp()) * 1000 as clock,
       rolsuper as super, rolcreaterole as createrole, rolcreatedb as createdb, rolbypassrls as bypassrls, rolreplication as replication,
       array(select r from unnest($1::text[]) r where not pg_has_role(current_user, r, 'usage')) as lacking,
       (select count(*)::int from pg_roles i
         where i.rolname = any($2) and i.rolcreaterole and pg_has_role(i.oid, 'usage') and pg_has_role(i.oid, 'set')) as issuers,
       array(select i.rolname::text from pg_roles i
              where i.rolname = any($2) and (i.rolcanlogin or i.rolsuper or i.rolcreatedb or i.rolreplication or i.rolbypassrls) order by 1) as overdone
  from pg_roles where rolname = current_user`;

interface Facts {
  version: number;
  prepared: number;
  reserved: number | null;
  clock: string;
  super: boolean;
  createrole: boolean;
  createdb: boolean;
  bypassrls: boolean;
  replication: boolean;
  lacking: string[];
  /** How many of the roles as which logins are made are as they should be. */
  issuers: number;
  /** Those of them that are or may more than they should. */
  overdone: string[];
}

const setup = (target: TargetConfig) => `daypass target setup ${target.id}`;
const farOffMs = 2_000;

/** What concerns the whole server, and its databases that a lease could get into. */
export async function serverFindings(
  session: Session,
  target: TargetConfig,
  templates: readonly ScopedTemplate[],
): Promise<{ server: Finding[]; databases: { name: string; reachable: boolean }[] }> {
  const server: Finding[] = [];
  const found = (kind: Finding['kind'], message: string, remedy?: string) =>
    server.push({ kind, message, ...(remedy === undefined ? {} : { remedy }) });

  const user = target.login.user;
  const issuers = issuerRoles(user);
  const asked = Date.now();
  const [fact] = await session.query<Facts>('target checked', facts, [brokerRoles, issuers]);
  const answered = Date.now();
  if (!fact) throw new Error('the server does not know who asks');
  if (fact.version < 160000)
    found(
      'missing',
      'PostgreSQL 16 or newer is needed: before that, a lease could take its template’s role over.',
    );
  if (fact.super)
    found(
      'excess',
      `The broker’s login ${user} is a superuser: whoever gets hold of the broker has everything.`,
      setup(target),
    );
  else if (!fact.createrole)
    found('missing', `The broker’s login ${user} may not create logins.`, setup(target));
  for (const [may, what] of [
    ['createdb', 'create databases'],
    ['bypassrls', 'pass row security by'],
    ['replication', 'copy the whole server'],
  ] as const)
    if (fact[may] && !fact.super)
      found('excess', `The broker’s login ${user} may ${what}, which it has no use for.`, setup(target));
  for (const role of fact.lacking)
    found(
      'missing',
      `The broker’s login ${user} is not a member of ${role}, which it needs to see, to end or to outlast connections.`,
      setup(target),
    );
  if (fact.issuers < issuers.length)
    found(
      'missing',
      `Of the ${issuers.length} roles as which ${user} makes logins (${issuers[0]} and so on), ${issuers.length - fact.issuers} are not there or not as they should be.`,
      setup(target),
    );
  for (const role of fact.overdone)
    found(
      'excess',
      `${role}, as which ${user} makes logins, can log in, is a superuser, or may create databases, replicate, or pass row security by.`,
      setup(target),
    );
  const known = templates.map(templateRole);
  for (const { role, member, remedy } of await session.query<{
    role: string;
    member: string;
    remedy: string;
  }>('target checked', strangersSql(user, known)))
    found(
      'excess',
      `${readable(member)} is a member of ${role}: it could give itself what the templates allow, with no deadline and no receipt.`,
      `end its sessions, then ${spelledOut(remedy)}`,
    );
  for (const { role } of await session.query<{ role: string }>('target checked', owningSql(user)))
    found(
      'excess',
      `${role} owns something, which could act as it for somebody else.`,
      'reassign owned by it; not drop owned, by which open leases could not be ended',
    );
  if (fact.prepared > 0)
    found(
      'public',
      'Transactions can be prepared here (max_prepared_transactions): a lease can leave one behind with its locks until it is rolled back at its end.',
      'max_prepared_transactions = 0, if no application needs it',
    );
  if (fact.reserved === 0)
    found(
      'missing',
      'No connections are reserved: when all are taken, the broker cannot get in to end a lease.',
      'reserved_connections = 3',
    );
  const clock = Number(fact.clock);
  const off = clock < asked ? clock - asked : Math.max(0, clock - answered);
  if (Math.abs(off) > farOffMs)
    found(
      'missing',
      `The server’s clock is ${Math.round(Math.abs(off) / 1000)} s ${off > 0 ? 'ahead of' : 'behind'} the broker’s: logins there expire by its clock.`,
    );
  if (target.tls.mode !== 'verify-full')
    found(
      'excess',
      `Connections to it are not fully verified (tls: ${target.tls.mode}): somebody in between could read or change them.`,
    );

  for (const { role } of await session.query<{ role: string }>(
    'target checked',
    `select rolname as role from pg_roles where starts_with(rolname, 'daypass_tpl_') and rolname <> all ($1)`,
    [known],
  ))
    found(
      'excess',
      `The role ${role} belongs to no template of this broker as it is now.`,
      `drop owned by and drop role "${role}", if no other broker uses it and nothing that was approved before is still open`,
    );
  for (const { role } of await session.query<{ role: string }>(
    'target checked',
    `select distinct r.rolname as role from pg_roles r join pg_shdepend s on s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid
      where r.rolname ~ '^daypass_[0-9a-f]{8}_kept$' and s.deptype = 'o'`,
  ))
    found(
      'excess',
      `${role} owns what leases left behind and others depend on.`,
      'look at it, give it an owner or drop it',
    );

  const databases = await session.query<{ name: string; reachable: boolean }>(
    'target checked',
    `select datname as name, has_database_privilege(oid, 'connect') as reachable
       from pg_database d
      where datallowconn and (has_database_privilege(oid, 'connect')
         or exists (select from aclexplode(coalesce(datacl, acldefault('d', datdba))) a
                     where privilege_type = 'CONNECT' and (a.grantee = 0 or a.grantee in (select oid from pg_roles where rolname = any($1)))))
      order by datname`,
    [known],
  );
  return { server, databases };
}
