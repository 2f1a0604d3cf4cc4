import type { Closed } from '../target.ts';
import { told } from './calls.ts';
import { cutPresent } from './cut.ts';
import { disinherit } from './disinherit.ts';
import { keepEvidence, locate, madeElsewhere, present, type Ending, type Site } from './ending.ts';
import { sweepReplicas, unproven } from './replicas.ts';
import { receiptOf } from './receipt.ts';
import { look } from './sweep.ts';

/** Proves and cleans the end of leases that were cut, as far as each gets this time. */
export async function close(site: Site, endings: readonly Ending[]): Promise<Closed[]> {
  await locate(site, endings);
  for (const ending of endings)
    if (ending.elsewhere && ending.oid === undefined) ending.obstacle ??= madeElsewhere;
  const known = present(endings);
  // As long as the login exists, every proof can be had afresh, and an old one may no longer be true.
  for (const ending of known)
    ending.evidence = {
      ...ending.evidence,
      quiet: undefined,
      probe: undefined,
      replicas: undefined,
      gone: undefined,
    };

  await cutPresent(
    site,
    known.filter(({ canLogin, evidence }) => canLogin || !evidence.cut),
  );
  await disinherit(site, present(known));
  const open = present(known);
  await Promise.all([site.steps.sweep(site, open), sweepReplicas(site, open)]);
  await site.steps.probe(
    site,
    present(known).filter(({ evidence }) => evidence.quiet),
  );

  // Cleaning removes the login, and with it the possibility of these proofs: they are stored first.
  const proven = present(known).filter((ending) => {
    const { cut, quiet, probe } = ending.evidence;
    return cut && quiet && probe && unproven(site, ending).length === 0;
  });
  await keepEvidence(site, proven);
  await site.steps.clean(site, proven);

  const missing = endings.filter(({ oid, obstacle }) => oid === undefined && obstacle === undefined);
  await endOrphans(site, missing);
  // Before the last look at the catalogues: whoever was under way until then is seen by that.
  const underWay = await issuesUnderWay(site, missing);
  await site.steps.verify(site, [...present(proven), ...missing]);
  for (const ending of endings) if (ending.elsewhere) ending.obstacle = madeElsewhere;
  await keepEvidence(site, proven);
  return endings.map((ending) => outcome(ending, underWay));
}

/** Sessions live on when somebody else removes their login. */
async function endOrphans(site: Site, missing: readonly Ending[]): Promise<void> {
  const numbers = missing.flatMap(({ evidence }) => evidence.oid ?? []);
  if (numbers.length === 0) return;
  const live = await look(site, numbers);
  for (const ending of missing) {
    const { oid } = ending.evidence;
    if (oid === undefined || !live.has(oid)) continue;
    const orphan = { ...ending, oid };
    await site.steps.terminate(site, [orphan]);
    ending.evidence = orphan.evidence;
  }
}

/** Logins that another session of a broker is creating at this moment. */
async function issuesUnderWay(site: Site, missing: readonly Ending[]): Promise<ReadonlySet<string>> {
  if (missing.length === 0) return new Set();
  const rows = await site.connections.useTwice((session) =>
    session.query<{ role: string }>(
      'issues under way looked for',
      `select role from unnest($1::text[]) role
        where exists (select from pg_stat_activity
                       where usename = current_user and pid <> pg_backend_pid() and state = 'active' and strpos(query, role) > 0)`,
      [missing.map(({ lease }) => lease.role)],
    ),
  );
  return new Set(rows.map(({ role }) => role));
}

function outcome({ lease, oid, evidence, obstacle }: Ending, underWay: ReadonlySet<string>): Closed {
  const { leaseId } = lease;
  if (obstacle !== undefined) return { leaseId, outcome: 'unconfirmed', ...told(obstacle) };
  const receipt = receiptOf(lease, evidence);
  if (typeof receipt !== 'string') return { leaseId, outcome: 'confirmed', receipt };
  if (oid !== undefined || !evidence.gone) return { leaseId, outcome: 'unconfirmed', obstacle: receipt };
  if (underWay.has(lease.role))
    return { leaseId, outcome: 'unconfirmed', obstacle: 'The login is being created at this moment.' };
  return {
    leaseId,
    outcome: 'absent',
    detail: `There is no login ${lease.role} and no connection of it. It was never created, or somebody else removed it.`,
  };
}
