import type { TargetConfig } from '../../config/config.ts';
import type { Finding } from './check.ts';
import type { Session } from './connect.ts';
import { issuerRoles, readable, templateRole } from './names.ts';
import type { ScopedTemplate } from './scope.ts';

/** Memberships through which a lease could outlive its deadline or hold it off. */
const dangerous = [
  'pg_execute_server_program',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_signal_backend',
  'pg_maintain',
  'pg_write_all_data',
  'pg_create_subscription',
];

interface Carrier {
  login: boolean;
  attributes: boolean;
  administered: boolean;
  owns: number;
  behind: { role: string; inherited: boolean; settable: boolean; admin: boolean }[];
  reaches: string[];
}

const carrier = `
with recursive it as (select * from pg_roles where rolname = $1),
reach (oid) as (select oid from it union select m.roleid from pg_auth_members m join reach on m.member = reach.oid)
select rolcanlogin as login, rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as attributes,
       pg_has_role(current_user, it.oid, 'member with admin option')
         and not exists (select from pg_roles i where i.rolname = any($3) and not pg_has_role(i.oid, it.oid, 'member with admin option')) as administered,
       (select count(*)::int from pg_shdepend s where s.refclassid = 'pg_authid'::regclass and s.refobjid = it.oid and s.deptype = 'o') as owns,
       (select coalesce(json_agg(json_build_object('role', r.rolname, 'inherited', m.inherit_option, 'settable', m.set_option, 'admin', m.admin_option)), '[]')
          from pg_auth_members m join pg_roles r on r.oid = m.roleid where m.member = it.oid) as behind,
       (select coalesce(json_agg(r.rolname), '[]') from reach join pg_roles r on r.oid = reach.oid where r.rolsuper or r.rolname = any($2)) as reaches
  from it`;

/** What is missing at or too much about the roles that carry the templates, all over the server. */
export async function templateFindings(
  session: Session,
  target: TargetConfig,
  templates: readonly ScopedTemplate[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const template of templates) findings.push(...(await findingsOf(session, target, template)));
  return findings;
}

async function findingsOf(
  session: Session,
  target: TargetConfig,
  template: ScopedTemplate,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const remedy = `daypass target setup ${target.id}`;
  const role = templateRole(template);
  const found = (kind: Finding['kind'], message: string, what: string | null = remedy) =>
    findings.push({ kind, template: template.id, message, ...(what === null ? {} : { remedy: what }) });

  const [it] = await session.query<Carrier>('target checked', carrier, [
    role,
    dangerous,
    issuerRoles(target.login.user),
  ]);
  if (!it) {
    found('missing', `The role ${role} does not exist: nothing can be issued under this template.`);
    return findings;
  }
  if (it.login) found('excess', `${role} can log in: it would be a way around every lease.`);
  if (it.attributes)
    found('excess', `${role} may create roles or databases, replicate, or pass row security by.`);
  if (!it.administered) found('missing', `The broker may not give ${role} to its leases.`);
  if (it.owns)
    found(
      'excess',
      `${role} owns something or has default privileges: every lease under this template may change, drop or keep it.`,
      'reassign owned by it, then daypass target setup',
    );
  for (const reached of it.reaches)
    found(
      'excess',
      `Through ${role} a lease is a member of ${reached}, which could outlive its deadline or hold it off.`,
      null,
    );

  const { scope } = template;
  const wanted = [...scope.roles, ...(scope.owner ? [scope.owner.role] : [])];
  for (const each of wanted) {
    const there = it.behind.find((behind) => behind.role === each);
    if (!there?.inherited) found('missing', `${role} does not have the privileges of ${each}.`);
  }
  for (const { role: each, settable, admin } of it.behind) {
    if (!wanted.includes(each))
      found('excess', `${role} is a member of ${each}, which the template does not say.`);
    else if (settable || admin)
      found(
        'excess',
        `${role} could become ${each} or pass it on: what was created as it would outlive the lease unseen.`,
      );
  }
  if (scope.owner) findings.push(...(await ownerFindings(session, template, scope.owner.role, remedy)));
  findings.push(...(await settingFindings(session, template)));
  return findings;
}

async function ownerFindings(
  session: Session,
  { id }: ScopedTemplate,
  owner: string,
  remedy: string,
): Promise<Finding[]> {
  const [it] = await session.query<{ login: boolean; super: boolean; settable: boolean }>(
    'target checked',
    `select rolcanlogin as login, rolsuper as super, pg_has_role(current_user, oid, 'set') as settable from pg_roles where rolname = $1`,
    [owner],
  );
  const finding = (kind: Finding['kind'], message: string, what = remedy): Finding => ({
    kind,
    template: id,
    message,
    remedy: what,
  });
  if (!it)
    return [
      finding(
        'missing',
        `The owner ${owner} does not exist.`,
        'create it with NOLOGIN; it owns what the migration is about',
      ),
    ];
  return [
    ...(it.super
      ? [
          finding(
            'excess',
            `The owner ${owner} is a superuser: a lease under this template would be one.`,
            'name another owner',
          ),
        ]
      : []),
    ...(it.login
      ? [
          finding(
            'excess',
            `The owner ${owner} can log in: what it owns is not only changed under leases.`,
            `alter role "${owner}" nologin`,
          ),
        ]
      : []),
    ...(it.settable
      ? []
      : [finding('missing', `The broker cannot hand what a lease created over to ${owner}.`)]),
  ];
}

async function settingFindings(session: Session, { id, scope }: ScopedTemplate): Promise<Finding[]> {
  const names = [...scope.settings.keys()];
  const rows = await session.query<{ name: string; context: string | null }>(
    'target checked',
    'select n as name, context from unnest($1::text[]) n left join pg_settings s on s.name = n',
    [names],
  );
  return rows.flatMap(({ name, context }): Finding[] => {
    if (context === 'user' || (context === null && name.includes('.'))) return [];
    const why = context === null ? 'does not know the setting' : 'lets only a superuser give the setting';
    return [
      {
        kind: 'missing',
        template: id,
        message: `The server ${why} ${readable(name)}: nothing can be issued under this template.`,
        remedy: 'leave it out of the template',
      },
    ];
  });
}
