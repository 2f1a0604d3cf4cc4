import type { Session } from './connect.ts';
import { identifier } from './names.ts';

const kinds: Readonly<Record<string, string>> = {
  r: 'tables',
  S: 'sequences',
  f: 'functions',
  T: 'types',
  n: 'schemas',
  L: 'large objects',
};
/** What everybody may do with a new object unless told otherwise. */
const forEverybody: Readonly<Record<string, string>> = { f: 'execute', T: 'usage' };

/**
 * Sets the default privileges of a template's role back to what they are for any role. Its members can change them,
 * and the change would outlive them; the role itself creates nothing, so nobody has a use for them. False where they are so.
 */
export async function resetDefaultPrivileges(session: Session, role: string): Promise<boolean> {
  const entries = await session.query<{ kind: string; schema: string | null; grantee: string | null }>(
    'default privileges read',
    `select d.defaclobjtype as kind, n.nspname as schema, g.rolname as grantee
       from pg_default_acl d
       join pg_roles r on r.oid = d.defaclrole and r.rolname = $1
       left join pg_namespace n on n.oid = d.defaclnamespace
       left join lateral aclexplode(d.defaclacl) e on true
       left join pg_roles g on g.oid = e.grantee`,
    [role],
  );
  if (entries.length === 0) return false;
  const name = identifier(role);
  const statements = new Set([`grant ${name} to current_user with inherit true, set false`]);
  const schemaOf = (schema: string | null) => (schema === null ? '' : ` in schema ${identifier(schema)}`);
  for (const { kind, schema, grantee } of entries) {
    const alter = `alter default privileges for role ${name}${schemaOf(schema)}`;
    statements.add(
      `${alter} revoke all on ${kinds[kind] ?? kind} from ${grantee === null ? 'public' : identifier(grantee)}`,
    );
  }
  for (const { kind, schema } of entries) {
    if (schema !== null) continue;
    const alter = `alter default privileges for role ${name}`;
    statements.add(`${alter} grant all on ${kinds[kind] ?? kind} to ${name}`);
    const usual = forEverybody[kind];
    if (usual !== undefined) statements.add(`${alter} grant ${usual} on ${kinds[kind] ?? kind} to public`);
  }
  statements.add(`revoke ${name} from current_user granted by current_user`);
  await session.batch('default privileges set back', [...statements]);
  return true;
}
