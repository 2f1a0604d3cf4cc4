import { sql } from 'kysely';
import type { CloseReason, LeaseState } from '../../contract/leases.ts';
import type { Receipt } from '../../contract/receipts.ts';
import { appendAll, recording } from '../audit/append.ts';
import type { Macs } from '../integrity/macs.ts';
import { leaseFields } from './authentic.ts';
import { touchGrant, type GrantRow, type LockedGrant } from './grant.ts';
import { changeLease, courseOf, eventOf, type LeaseRow } from './lease-change.ts';
import { withEvidenceOfIssue } from './lease-evidence.ts';
import { channels, isNear, notify, notifying } from './notify.ts';
import type { Store } from './connect.ts';
import type { Db, Trx, Writer } from './schema.ts';

export type { LeaseRow };

/** The intent, with its due time, before anything touches the target. The grant must be locked and active. */
export async function insertLease(
  trx: Trx,
  macs: Macs,
  grant: LockedGrant,
  lease: { id: string; role: string; key: string; bodyHash: string },
): Promise<LeaseRow> {
  const dueAt = grant.expires_at;
  if (!dueAt) throw new Error('A lease belongs to an active grant.');
  const { id, role } = lease;
  const row = {
    id,
    grant_id: grant.id,
    person_id: grant.holder,
    target: grant.target,
    role,
    due_at: dueAt,
  };
  const touched = { ...grant, version: grant.version + 1 };
  const event = eventOf({ id, role, target: grant.target }, touched, 'lease issuing', grant.holder, {
    dueAt: dueAt.toISOString(),
  });
  return trx
    .with('recorded', recording(event))
    .with('touched', (query) =>
      query.updateTable('grant').set({ version: touched.version }).where('id', '=', grant.id),
    )
    .insertInto('lease')
    .values({
      ...row,
      state: 'issuing',
      idempotency_key: lease.key,
      body_hash: lease.bodyHash,
      mac: macs.of('lease', leaseFields(row)),
    })
    .returningAll()
    .$if(isNear(dueAt, grant.now), (query) => query.returning(notifying(channels.lease, grant.target)))
    .executeTakeFirstOrThrow();
}

export function leaseById(db: Db, id: string): Promise<LeaseRow | undefined> {
  return db.selectFrom('lease').selectAll().where('id', '=', id).executeTakeFirst();
}

export function leasesOf(db: Db, grantIds: readonly string[]): Promise<LeaseRow[]> {
  if (grantIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('lease')
    .selectAll()
    .where('grant_id', 'in', [...grantIds])
    .orderBy('created_at')
    .execute();
}

export async function receiptsOf(db: Db, leaseIds: readonly string[]): Promise<Map<string, Receipt>> {
  if (leaseIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('receipt')
    .selectAll()
    .where('lease_id', 'in', [...leaseIds])
    .execute();
  return new Map(rows.map((row) => [row.lease_id, row.receipt]));
}

/**
 * The outcome of an issue. Refused (undefined) if the lease was closed meanwhile: whoever issued must then have it
 * cut again.
 */
export async function settleIssue(
  db: Writer,
  leaseId: string,
  outcome:
    | { is: 'issue confirmed'; evidence: unknown }
    | { is: 'issue failed'; nothingCreated: boolean; obstacle: string },
): Promise<LeaseRow | undefined> {
  const { from, to } = courseOf(outcome);
  const at = sql<Date>`clock_timestamp()`;
  if (outcome.is === 'issue confirmed')
    return changeLease(db, leaseId, {
      from,
      set: { state: to, issued_at: at, evidence: withEvidenceOfIssue(outcome.evidence) },
      event: { action: 'lease issued', by: 'its holder' },
    });
  const { obstacle } = outcome;
  const reason = 'issue not confirmed';
  const lease = await changeLease(db, leaseId, {
    from,
    set: to === 'closing' ? { state: to, close_reason: reason, closing_at: at } : { state: to },
    event:
      to === 'closing'
        ? { action: 'lease closing', by: 'nobody', detail: { reason, obstacle } }
        : { action: 'lease failed', by: 'nobody', detail: { obstacle } },
  });
  if (lease) await notify(db, channels.lease, lease.target);
  return lease;
}

/** Leases whose time has passed or whose issue was lost begin to close, however many, in four statements. */
export async function beginClosing(
  trx: Trx,
  leases: readonly { readonly leaseId: string; readonly reason: CloseReason }[],
): Promise<void> {
  const ids = leases.map((lease) => lease.leaseId);
  const reasons = JSON.stringify(leases.map(({ leaseId, reason }) => ({ id: leaseId, reason })));
  await trx
    .selectFrom('grant')
    .select('id')
    .where('id', 'in', (e) => e.selectFrom('lease').select('grant_id').where('id', 'in', ids))
    .orderBy('id')
    .forUpdate()
    .execute();
  const { rows } = await sql<{
    id: string;
    grant_id: string;
    role: string;
    target: string;
    close_reason: CloseReason;
  }>`
    update lease
    set state = 'closing', close_reason = due.reason, closing_at = clock_timestamp(), version = version + 1
    from jsonb_to_recordset(${reasons}::jsonb) as due(id uuid, reason text)
    where lease.id = due.id and lease.state in ('issuing', 'issued')
    returning lease.id, lease.grant_id, lease.role, lease.target, lease.close_reason`.execute(trx);
  if (rows.length === 0) return;
  const grants = await trx
    .updateTable('grant')
    .set((e) => ({ version: e('version', '+', 1) }))
    .where('id', 'in', [...new Set(rows.map((row) => row.grant_id))])
    .returning(['id', 'version', 'request_id'])
    .execute();
  const grantOf = new Map(grants.map((grant) => [grant.id, grant]));
  await appendAll(
    trx,
    rows.map((row) => ({
      action: 'lease closing' as const,
      actor: null,
      resource: 'lease' as const,
      resourceId: row.id,
      version: grantOf.get(row.grant_id)?.version ?? 0,
      requestId: grantOf.get(row.grant_id)?.request_id ?? '',
      grantId: row.grant_id,
      target: row.target,
      detail: { role: row.role, reason: row.close_reason },
    })),
  );
}

/** Leases of one grant that are not over begin to close, all or the one named. The grant is locked first. */
export async function closeLeases(
  trx: Trx,
  grant: GrantRow,
  reason: CloseReason,
  actor: string | null,
  onlyId?: string,
): Promise<LeaseRow[]> {
  let query = trx
    .updateTable('lease')
    .set((e) => ({
      state: 'closing' as const,
      close_reason: reason,
      closing_at: sql<Date>`clock_timestamp()`,
      version: e('version', '+', 1),
    }))
    .where('grant_id', '=', grant.id)
    .where('state', 'in', ['issuing', 'issued']);
  if (onlyId !== undefined) query = query.where('id', '=', onlyId);
  const closing = await query.returningAll().execute();
  if (closing.length === 0) return [];
  const after = await touchGrant(trx, grant.id);
  await appendAll(
    trx,
    closing.map((lease) => eventOf(lease, after, 'lease closing', actor, { reason })),
  );
  // Theirs, not the grant's: somebody may have written another one there.
  for (const target of new Set(closing.map((lease) => lease.target)))
    await notify(trx, channels.lease, target);
  return closing;
}

/** Leases that are not over, the newest first, at most so many. */
export function openLeaseRows(db: Db, limit: number): Promise<LeaseRow[]> {
  return db
    .selectFrom('lease')
    .selectAll()
    .where('state', 'in', ['issuing', 'issued', 'closing'])
    .orderBy('created_at', 'desc')
    .limit(limit)
    .execute();
}

/**
 * The end is settled at the target: with its receipt, or, where nothing of the lease was there and nothing could be
 * proven, with the words that say so. Repeating it changes nothing.
 * @returns the target, where somebody else had written a receipt of it before: that one stands, and ours is in the event
 */
export async function confirmClosed(
  trx: Trx,
  leaseId: string,
  end: { receipt: Receipt } | { absent: string },
): Promise<{ readonly forgedAt?: string }> {
  const proven = 'receipt' in end;
  const { from, to } = courseOf({ is: proven ? 'end confirmed' : 'found absent' });
  const lease = await changeLease(trx, leaseId, {
    from,
    set: {
      state: to,
      closed_at: sql<Date>`clock_timestamp()`,
      obstacle: proven ? null : end.absent,
      obstacle_since: null,
    },
    event: { action: 'lease closed', by: 'nobody', detail: { ...end } },
  });
  if (!lease || !proven) return {};
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('receipt')
    .values({ lease_id: leaseId, receipt: JSON.stringify(end.receipt) })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 0n) return {};
  await trx.updateTable('lease').set({ obstacle: forgedReceipt }).where('id', '=', leaseId).execute();
  return { forgedAt: lease.target };
}

const forgedReceipt =
  'Its end was proven, but somebody had written a receipt of it before; the true one is in the audit log';

/** The end is due and not proven. Said once for each different obstacle, so that a long outage is no flood. */
export async function noteObstacle(
  { db, write }: Pick<Store, 'db' | 'write'>,
  leaseId: string,
  { obstacle, obstacleSince }: { readonly obstacle: string; readonly obstacleSince?: Date },
): Promise<void> {
  if ((await leaseById(db, leaseId))?.obstacle === obstacle) return;
  const event = { action: 'lease unconfirmed', by: 'nobody', detail: { obstacle } } as const;
  await write('obstacle noted', (writer) =>
    changeLease(writer, leaseId, {
      from: ['closing'],
      set: { obstacle, obstacle_since: obstacleSince ?? null },
      event,
    }),
  );
}

/** How many leases are in each state. */
export async function countLeases(db: Db): Promise<Map<LeaseState, number>> {
  const rows = await db
    .selectFrom('lease')
    .select(['state', (e) => e.fn.countAll<number>().as('count')])
    .groupBy('state')
    .execute();
  return new Map(rows.map(({ state, count }) => [state, count]));
}
