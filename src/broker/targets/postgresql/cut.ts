import pg from 'pg';
import { refusedByServer, spoken } from './connect.ts';
import { disinherit } from './disinherit.ts';
import { grouped, keepEvidence, locate, present, type Ending, type Present, type Site } from './ending.ts';
import { identifier, literal } from './names.ts';
import { rollBackPrepared } from './prepared.ts';
import { endAtReplicas } from './replicas.ts';
import { throwaway } from './scram.ts';

/**
 * Closes these logins and ends their connections. Connections go first too: an open transaction in which the holder
 * altered its own login would keep the login from being closed.
 */
export async function cut(site: Site, endings: readonly Ending[]): Promise<void> {
  // Also where the target itself cannot be reached: the logins' numbers are known since their issue.
  const atReplicas = endAtReplicas(site, endings);
  try {
    await locate(site, endings);
    await cutPresent(site, present(endings));
    await disinherit(site, present(endings));
  } finally {
    await atReplicas;
    // About a login that is not there nothing was learned; what is stored of it stays as it is.
    await keepEvidence(
      site,
      endings.filter(({ evidence }) => evidence.oid !== undefined),
    );
  }
}

/** The same for logins that were just located. */
export async function cutPresent(site: Site, endings: readonly Present[]): Promise<void> {
  if (endings.length === 0) return;
  await site.steps.terminate(site, endings);
  await site.steps.nologin(site, endings);
  await site.steps.terminate(site, endings);
}

/** Ends every connection of these leases with one statement, and notes which ones there were. */
export async function terminate(site: Site, endings: readonly Present[]): Promise<void> {
  if (endings.length === 0) return;
  const rows = await site.connections.useTwice((session) =>
    session.query<{ oid: number; connection: string }>(
      'connections ended',
      // Materialised: in one WHERE the server could call the function before it compares, and end everybody.
      // A number means another login at another database system.
      `with theirs as materialized (
         select usesysid as oid, pid, backend_start from pg_stat_activity
          where usesysid = any(array(
            select oid from unnest($1::oid[], $2::text[]) ours (oid, system)
             where system is null or system = (select system_identifier::text from pg_control_system()))))
       select oid, pid || '@' || coalesce(backend_start::text, '') as connection, pg_terminate_backend(pid) from theirs`,
      [
        endings.map(({ oid }) => oid),
        endings.map(({ elsewhere, evidence }) => (elsewhere ? null : (evidence.system ?? null))),
      ],
    ),
  );
  const byOid = grouped(rows, (row) => row.oid);
  for (const ending of endings) {
    const found = byOid.get(ending.oid)?.map((row) => row.connection);
    if (found)
      ending.evidence = { ...ending.evidence, ended: [...new Set([...ending.evidence.ended, ...found])] };
  }
}

// How long the holder's own transaction on its login may hold up everybody's cut before it is dealt with apart. That the
// login is closed must show at once, whatever standby a commit usually waits for; what removes it later waits for that.
const atOnce = ["set local lock_timeout = '300ms'", 'set local synchronous_commit = local'];

/**
 * Closes the logins in one transaction, each with a verifier that nobody knows the password of. Where a holder's
 * prepared transaction or a login that is vanishing stands in the way, the others are closed all the same.
 */
export async function nologin(site: Site, endings: readonly Present[]): Promise<void> {
  const close = async (batch: readonly Present[]) => {
    const verifier = literal(throwaway().verifier);
    const statements = batch.map(
      ({ lease }) => `alter role ${identifier(lease.role)} nologin password ${verifier}`,
    );
    await site.connections.useTwice((session) => session.batch('logins closed', [...atOnce, ...statements]));
    const at = new Date().toISOString();
    // Closed already and tried again: it was over then.
    for (const ending of batch)
      if (ending.canLogin || !ending.evidence.cut) ending.evidence = { ...ending.evidence, cut: { at } };
  };
  try {
    await close(endings);
  } catch (error) {
    if (!refusedByServer(error)) throw error;
    await rollBackPrepared(site, endings);
    await site.steps.terminate(site, endings);
    for (const ending of endings) {
      try {
        await close([ending]);
      } catch (reason) {
        if (!refusedByServer(reason)) throw reason;
        if (!(reason instanceof pg.DatabaseError && reason.code === '42704'))
          ending.obstacle = `The login could not be closed: ${spoken(reason)}.`;
      }
    }
  }
}
