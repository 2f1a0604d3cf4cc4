import type { Logger } from 'pino';
import { leaseFields } from '../store/authentic.ts';
import type { Store } from '../store/connect.ts';
import { openLeaseRows } from '../store/lease.ts';
import type { Macs } from './macs.ts';

/**
 * With another key everything that is open counts as forged, and is ended: that is safe, and seldom meant. It is said
 * plainly at the start, since alarms about single records would not say why.
 */
export async function checkKeys({ db }: Pick<Store, 'db'>, macs: Macs, log: Logger): Promise<void> {
  const rows = await openLeaseRows(db, 100);
  if (rows.length === 0 || rows.some((row) => macs.holds('lease', leaseFields(row), row.mac))) return;
  log.error(
    { open: rows.length },
    'Nothing that is open in the database was made with the configured integrity keys, so it is ended. If the key was replaced: name the former one after the new one under "integrity.keys", and start again.',
  );
}
