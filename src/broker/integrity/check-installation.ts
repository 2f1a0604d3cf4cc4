import { leaseFields } from '../store/authentic.ts';
import type { Store } from '../store/connect.ts';
import { openLeaseRows } from '../store/lease.ts';
import type { Integrity } from './integrity.ts';

/**
 * Under another name the installation does not find the logins whose records somebody deleted. What is open and bears
 * the name of before tells that it was renamed; it is ended by its own name all the same.
 * @param roleOf the login of a lease at a target by the name of now; undefined where the target is not configured
 */
export async function checkInstallation(
  { db }: Pick<Store, 'db'>,
  { macs, alarm }: Integrity,
  roleOf: (target: string, leaseId: string) => string | undefined,
): Promise<void> {
  for (const row of await openLeaseRows(db, 100)) {
    const role = roleOf(row.target, row.id);
    if (role === undefined || role === row.role || !macs.holds('lease', leaseFields(row), row.mac)) continue;
    const why = 'the installation was renamed since; look for logins of its former name at the targets';
    alarm({ record: 'lease', id: row.id, target: row.target, why });
  }
}
