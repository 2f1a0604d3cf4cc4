import { issuerCount, issuerPrefix, issuerRoles, literal, templatePrefix } from './names.ts';

/** The roles that the broker's login needs: to end connections, to see them, to get in when the server is full. */
export const brokerRoles = ['pg_signal_backend', 'pg_read_all_stats', 'pg_use_reserved_connections'] as const;

const list = (texts: readonly string[]) => `array[${texts.map(literal).join(', ')}]::text[]`;

/** A week, the longest there is, and a day for clocks. */
const longestLease = '8 days';

/**
 * A query for the memberships through which somebody else could act as the broker, or pass on or use what its templates
 * allow: whoever makes a role administers it, also where the setup finds that role later. Columns `role`, `member` and
 * `remedy`, the statement that takes it back.
 *
 * Names prove nothing, since anybody who may make roles chooses them. Another broker is known by the memberships that
 * only a superuser gives; a lease by whom its login belongs to, by its deadline and by being unable to pass anything on.
 * @param user the broker's login there
 * @param carriers the roles of its templates; those that it can hand out anyway are looked at in any case
 */
export function strangersSql(user: string, carriers: readonly string[]): string {
  const named = (digest: string) =>
    `array(select '${issuerPrefix}' || ${digest} || '_' || n from generate_series(1, ${issuerCount}) n)`;
  return `
with own as (select oid, ${list(issuerRoles(user))} as issuers from pg_roles where rolname = ${literal(user)}),
carrier as (
  select r.oid from pg_roles r
   where r.rolname = any(${list(carriers)}) or starts_with(r.rolname, '${templatePrefix}') and exists (
     select from pg_auth_members m join pg_roles i on i.oid = m.member, own
      where m.roleid = r.oid and m.admin_option and (i.oid = own.oid or i.rolname = any(own.issuers)))),
candidate as materialized (
  select r.oid, r.rolname from pg_roles r
   where r.rolname <> ${literal(user)} and r.rolcreaterole and not r.rolsuper
     and exists (select from pg_auth_members m join carrier c on c.oid = m.roleid where m.member = r.oid)
     and (select count(distinct p.oid) from pg_auth_members m join pg_roles p on p.oid = m.roleid
           where m.member = r.oid and p.rolname = any(${list(brokerRoles)})) = ${brokerRoles.length}),
broker as (
  select oid, issuers from own
  union all
  select oid, ${named(`left(encode(sha256(convert_to(rolname, 'UTF8')), 'hex'), 8)`)} from candidate),
issuer as (select i.oid, b.oid as broker from broker b join pg_roles i on i.rolname = any(b.issuers)),
ours as (select oid from broker union select oid from issuer)
select r.rolname::text as role, s.rolname::text as member, format('revoke %I from %I granted by %I cascade', r.rolname, s.rolname, g.rolname) as remedy
  from pg_auth_members m
  join pg_roles r on r.oid = m.roleid join pg_roles s on s.oid = m.member join pg_roles g on g.oid = m.grantor
 where not s.rolsuper and (
   m.roleid in (select oid from broker)
   or m.roleid in (select oid from issuer) and not exists (select from issuer i where i.oid = m.roleid and i.broker = m.member)
   or m.roleid in (select oid from carrier) and m.member not in (select oid from ours) and not (
     s.rolname ~ '^daypass_[0-9a-f]{8}_[0-9a-f]{32}$' and not m.admin_option and not m.set_option and not s.rolcreaterole
     and (not s.rolcanlogin or coalesce(s.rolvaliduntil < now() + interval '${longestLease}', false))
     and not exists (select from pg_auth_members a join pg_roles h on h.oid = a.member
                      where a.roleid = s.oid and not h.rolsuper and h.oid not in (select oid from ours))))
 order by 1, 2, 3`;
}

/**
 * A query for those of the broker's own roles that own what could act as them, such as a function that runs with its
 * owner's rights: its login may own anything else, the roles as which it makes logins nothing. Column `role`.
 */
export function owningSql(user: string): string {
  return `
select distinct r.rolname::text as role from pg_shdepend s join pg_roles r on r.oid = s.refobjid
 where s.refclassid = 'pg_authid'::regclass and s.deptype = 'o'
   and (r.rolname = any(${list(issuerRoles(user))}) and s.classid <> 'pg_default_acl'::regclass
     or r.rolname = ${literal(user)} and s.classid = 'pg_proc'::regclass)
 order by 1`;
}
