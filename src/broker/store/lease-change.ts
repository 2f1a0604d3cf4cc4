import { sql, type RawBuilder, type Selectable, type Updateable } from 'kysely';
import { LeaseState } from '../../contract/leases.ts';
import type { AuditEvent } from '../audit/append.ts';
import { moveLease, type LeaseEvent } from '../rules/lifecycle.ts';
import type { GrantRow } from './grant.ts';
import type { Schema, Trx } from './schema.ts';

export type LeaseRow = Selectable<Schema['lease']>;

type New = Updateable<Schema['lease']>;
/** New values, each given or told in SQL. */
type Changes = { readonly [Column in keyof New]: New[Column] | RawBuilder<NonNullable<New[Column]>> };

/** What an event of a lease says of its grant. */
type OfGrant = Pick<GrantRow, 'id' | 'version' | 'request_id'>;

type OfLease = Extract<AuditEvent, { resource: 'lease' }>;

export function eventOf(
  lease: Pick<LeaseRow, 'id' | 'role' | 'target'>,
  grant: OfGrant,
  action: OfLease['action'],
  actor: string | null,
  detail: Record<string, unknown> = {},
): OfLease {
  return {
    action,
    actor,
    resource: 'lease',
    resourceId: lease.id,
    version: grant.version,
    requestId: grant.request_id,
    grantId: grant.id,
    target: lease.target,
    detail: { role: lease.role, ...detail },
  };
}

/** The states that an event finds a lease in, and the one that it leaves it in. */
export function courseOf(event: LeaseEvent): { readonly from: LeaseState[]; readonly to: LeaseState } {
  const steps = LeaseState.options.map((from) => ({ from, step: moveLease(from, event) }));
  const from = steps.filter(({ step }) => step.moved).map((one) => one.from);
  const to = steps.flatMap(({ step }) => (step.moved ? [step.state] : []))[0];
  if (!to) throw new Error(`No lease is ever moved by: ${event.is}.`);
  return { from, to };
}

/**
 * Changes a lease that is in one of these states, and with it its grant's version; undefined where it is in another.
 * One statement; the grant is locked before the lease, as everywhere.
 */
export async function changeLease(
  trx: Trx,
  leaseId: string,
  from: readonly LeaseState[],
  changes: Changes,
): Promise<{ readonly lease: LeaseRow; readonly grant: OfGrant } | undefined> {
  const row = await trx
    .with('touched', (query) =>
      query
        .updateTable('grant')
        .set((e) => ({ version: e('version', '+', 1) }))
        .where('id', '=', (e) => e.selectFrom('lease').select('grant_id').where('id', '=', leaseId))
        .returning(['id', 'version', 'request_id']),
    )
    .updateTable('lease')
    .from('touched')
    .set(changes)
    .set({ version: sql<number>`lease.version + 1` })
    .where('lease.id', '=', leaseId)
    .whereRef('lease.grant_id', '=', 'touched.id')
    .where('lease.state', 'in', [...from])
    .returningAll('lease')
    .returning(['touched.version as grant_version', 'touched.request_id'])
    .executeTakeFirst();
  if (!row) return undefined;
  const { grant_version: version, request_id, ...lease } = row;
  return { lease, grant: { id: lease.grant_id, version, request_id } };
}
