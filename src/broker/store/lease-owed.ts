import type { Integrity } from '../integrity/integrity.ts';
import type { Macs } from '../integrity/macs.ts';
import type { OwedLease } from '../leases/settle.ts';
import { leaseFields } from './authentic.ts';
import type { GrantRow } from './grant.ts';
import type { LeaseRow } from './lease-change.ts';
import { now } from './now.ts';
import type { Db } from './schema.ts';

/**
 * What a target still owes an end, now or later, with the database's time of looking. A due time counts only where it
 * is authentic: a lease that somebody else wrote, or changed, is due at once.
 */
export async function owedLeases(
  db: Db,
  { macs, alarm }: Integrity,
  target: string,
): Promise<{ now: Date; leases: OwedLease[] }> {
  const rows = await db
    .selectFrom('lease')
    .innerJoin('grant', 'grant.id', 'lease.grant_id')
    .innerJoin('request', 'request.id', 'grant.request_id')
    .select([
      'lease.id as leaseId',
      'lease.role',
      'lease.state',
      'lease.created_at as createdAt',
      'lease.issued_at as issuedAt',
      'lease.due_at as dueAt',
      'lease.evidence',
      'request.template_id as templateId',
      'request.scope',
      'lease.grant_id',
      'lease.person_id',
      'lease.mac',
      'grant.state as grantState',
    ])
    .where('lease.target', '=', target)
    .where('lease.state', 'in', ['issuing', 'issued', 'closing'])
    .orderBy('lease.due_at')
    .execute();
  const wrong = new Map<string, string>();
  for (const [n, row] of rows.entries()) {
    // Thousands of them at once would hold up the deadlines.
    if (n % atATime === atATime - 1) await new Promise((resolve) => setImmediate(resolve));
    const why = whyNotOwed(macs, target, row);
    if (why === undefined) continue;
    wrong.set(row.leaseId, why);
    alarm({ record: 'lease', id: row.leaseId, target, why });
  }
  // Last: the less passes between a reading of the clock and its answer, the more exact it is.
  const at = await now(db);
  const leases = rows.map((row) => ({
    ...row,
    authentic: wrong.get(row.leaseId) !== changed,
    dueAt: wrong.has(row.leaseId) && at < row.dueAt ? at : row.dueAt,
  })) as OwedLease[];
  return { now: at, leases };
}

const atATime = 250;

const changed = 'it was changed, or nobody asked for it; it is ended';

/** Why a lease that is not over has to end at once; undefined where it need not. */
function whyNotOwed(
  macs: Macs,
  target: string,
  row: Pick<LeaseRow, 'grant_id' | 'person_id' | 'role' | 'mac' | 'state'> & {
    readonly leaseId: string;
    readonly dueAt: Date;
    readonly grantState: GrantRow['state'];
  },
): string | undefined {
  const fields = leaseFields({ ...row, id: row.leaseId, target, due_at: row.dueAt });
  if (!macs.holds('lease', fields, row.mac)) return changed;
  // Whatever ends a grant closes its leases in the same transaction.
  const hidden = row.state !== 'closing' && row.grantState !== 'approved' && row.grantState !== 'active';
  return hidden ? 'its access was called over while it was open; it is ended' : undefined;
}

/**
 * Which of these roles belong to leases that are not over, whatever their target: several targets may be databases of
 * one server, and share its roles. A lease that is not authentic accounts for none. The rest is to be removed.
 */
export async function openRoles(db: Db, { macs }: Integrity, roles: readonly string[]): Promise<Set<string>> {
  if (roles.length === 0) return new Set();
  const rows = await db
    .selectFrom('lease')
    .select(['id', 'grant_id', 'person_id', 'target', 'role', 'due_at', 'mac'])
    .where('role', 'in', [...roles])
    .where('state', 'in', ['issuing', 'issued', 'closing'])
    .execute();
  return new Set(rows.filter((row) => macs.holds('lease', leaseFields(row), row.mac)).map((row) => row.role));
}
