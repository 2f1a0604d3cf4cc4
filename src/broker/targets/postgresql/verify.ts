import { spoken, type Session } from './connect.ts';
import { differences, rolesAtRisk, stateAtRisk } from './differences.ts';
import { grouped, type Ending, type Site } from './ending.ts';
import { readable } from './names.ts';
import { lookAtReplicas, unproven } from './replicas.ts';
import { unnamedStandbys } from './standbys.ts';
import { look } from './sweep.ts';

// Names find a login that exists; numbers find what a login that is gone has left behind.
const traces = `
select 'login' as trace, rolname as role, oid from pg_roles where rolname = any($1) or oid = any($2::oid[])
union all select 'owner', null, refobjid from pg_shdepend
 where refclassid = 'pg_authid'::regclass and refobjid = any($2::oid[])
union all select 'prepared', null, ownerid from pg_prepared_xact() where ownerid = any($2::oid[])`;

/** Looks into the catalogues for any trace of these leases, and for what of their doings can be seen to remain. */
export async function verify(site: Site, endings: readonly Ending[]): Promise<void> {
  if (endings.length === 0) return;
  const oids = endings.flatMap(({ evidence }) => evidence.oid ?? []);
  const roles = endings.map(({ lease }) => lease.role);
  const found = await site.connections.useTwice((session) =>
    session.query<{ trace: 'login' | 'owner' | 'prepared'; role: string | null; oid: number }>(
      'traces looked for',
      traces,
      [roles, oids],
    ),
  );
  const live = await look(site, oids);
  await lookAtReplicas(site, endings);
  const unnamed = await unnamedStandbys(site);
  const at = new Date().toISOString();
  for (const ending of endings) {
    if (ending.obstacle !== undefined) continue;
    const { oid } = ending.evidence;
    const mine = new Set(
      found.filter((row) => row.role === ending.lease.role || row.oid === oid).map((row) => row.trace),
    );
    if (oid !== undefined && live.has(oid)) ending.obstacle ??= 'A connection of it is still there.';
    else if (mine.has('login')) ending.obstacle ??= 'The login still exists.';
    else if (mine.has('owner')) ending.obstacle ??= 'Something at the server still belongs to it.';
    else if (mine.has('prepared')) ending.obstacle ??= 'A transaction that it prepared is still there.';
    else {
      // Of a login that is gone nothing can be proven any more where a replica was named only after that.
      const late = unproven(site, ending).map(({ name }) => name);
      ending.evidence = { ...ending.evidence, gone: { at }, remains: [], standbys: [...unnamed, ...late] };
    }
  }
  await compare(
    site,
    endings.filter(({ evidence }) => evidence.gone),
  );
}

/** Adds what is different from before the lease began, where it could change what outlives it. */
async function compare(site: Site, endings: readonly Ending[]): Promise<void> {
  const atRisk = endings.filter(({ scope }) => scope && rolesAtRisk(scope).length);
  for (const [database, there] of grouped(atRisk, ({ scope }) => scope?.database ?? site.config.database)) {
    const add = (ending: Ending, lines: readonly string[]) => {
      ending.evidence = { ...ending.evidence, remains: [...ending.evidence.remains, ...lines] };
    };
    try {
      await site.connections.useIn(database, async (session) => {
        for (const ending of there) add(ending, await changesOf(session, ending));
      });
    } catch (error) {
      for (const ending of there)
        add(ending, [
          `What changed in the database ${readable(database)} could not be compared: ${spoken(error)}.`,
        ]);
    }
  }
}

const mostChanges = 100;

async function changesOf(session: Session, { scope, evidence }: Ending): Promise<string[]> {
  const after = scope && (await stateAtRisk(session, 'state after read', rolesAtRisk(scope)));
  if (!after || !evidence.before)
    return ['What changed meanwhile could not be compared: it is not known how it was before.'];
  // What a migration made has gone to its owner, and is told already.
  const told = new Set(evidence.leftovers.map(({ what, heir }) => `new: ${what} belongs to ${heir ?? ''}`));
  const changed = differences(evidence.before, after)
    .filter((line) => !told.has(line))
    .map((line) => `Since it began, ${readable(line)}.`);
  const more = changed.length - mostChanges;
  return more > 0 ? [...changed.slice(0, mostChanges), `And ${more} more changes.`] : changed;
}
