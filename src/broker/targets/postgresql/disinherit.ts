import { refusedByServer, spoken } from './connect.ts';
import type { Present, Site } from './ending.ts';
import { identifier } from './names.ts';

// Whatever standby a commit usually waits for: what removes the login later waits for that.
const atOnce = 'set local synchronous_commit = local';

// The memberships stay until the login is removed: what it left is given away by them.
const held = `
select r.rolname as role, m.member, g.rolname as grantor
  from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles g on g.oid = m.grantor
 where m.member = any($1::oid[]) and m.inherit_option and pg_has_role(g.oid, 'usage')`;

/**
 * Takes back what these leases may do. Closing a login does not: others can use it through a function that runs with
 * its owner's rights, and could keep it from being removed meanwhile.
 */
export async function disinherit(site: Site, endings: readonly Present[]): Promise<void> {
  if (endings.length === 0) return;
  const byOid = new Map(endings.map((ending) => [ending.oid, ending]));
  try {
    await site.connections.useTwice(async (session) => {
      const rows = await session.query<{ role: string; member: number; grantor: string }>(
        'privileges held looked up',
        held,
        [[...byOid.keys()]],
      );
      const statements = rows.flatMap(({ role, member, grantor }) => {
        const ending = byOid.get(member);
        return ending
          ? [
              `grant ${identifier(role)} to ${identifier(ending.lease.role)} with inherit false granted by ${identifier(grantor)}`,
            ]
          : [];
      });
      if (statements.length > 0) await session.batch('privileges taken back', [atOnce, ...statements]);
    });
  } catch (error) {
    if (!refusedByServer(error)) throw error;
    for (const ending of endings)
      ending.obstacle ??= `What it may do could not be taken back: ${spoken(error)}.`;
  }
}
