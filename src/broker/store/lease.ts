import { sql, type Selectable } from 'kysely';
import type { CloseReason, LeaseState } from '../../contract/leases.ts';
import type { Receipt } from '../../contract/receipts.ts';
import { append, appendAll, type AuditEvent } from '../audit/append.ts';
import type { OwedLease } from '../leases/settle.ts';
import { moveLease } from '../rules/lifecycle.ts';
import { channels, notify } from './notify.ts';
import { now } from './now.ts';
import { touchGrant, type GrantRow } from './grant.ts';
import type { Db, Schema, Trx } from './schema.ts';

export type LeaseRow = Selectable<Schema['lease']>;

type LeaseAction = Extract<AuditEvent, { resource: 'lease' }>['action'];

async function record(
  trx: Trx,
  lease: LeaseRow,
  grant: GrantRow,
  action: LeaseAction,
  actor: string | null,
  detail: Record<string, unknown> = {},
): Promise<void> {
  await append(trx, {
    action,
    actor,
    resource: 'lease',
    resourceId: lease.id,
    version: grant.version,
    requestId: grant.request_id,
    grantId: grant.id,
    target: lease.target,
    detail: { role: lease.role, ...detail },
  });
}

/** The intent, with its due time, before anything touches the target. The grant must be locked and active. */
export async function insertLease(
  trx: Trx,
  grant: GrantRow,
  lease: { id: string; role: string; key: string; bodyHash: string },
): Promise<LeaseRow> {
  if (!grant.expires_at) throw new Error('A lease belongs to an active grant.');
  const row = await trx
    .insertInto('lease')
    .values({
      id: lease.id,
      grant_id: grant.id,
      person_id: grant.holder,
      target: grant.target,
      role: lease.role,
      state: 'issuing',
      due_at: grant.expires_at,
      idempotency_key: lease.key,
      body_hash: lease.bodyHash,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await record(trx, row, await touchGrant(trx, grant.id), 'lease issuing', grant.holder, {
    dueAt: row.due_at.toISOString(),
  });
  await notify(trx, channels.lease, row.target);
  return row;
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

export function leaseByKey(
  db: Db,
  personId: string,
  grantId: string,
  key: string,
): Promise<LeaseRow | undefined> {
  return db
    .selectFrom('lease')
    .selectAll()
    .where('person_id', '=', personId)
    .where('grant_id', '=', grantId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst();
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

function lock(trx: Trx, id: string): Promise<LeaseRow | undefined> {
  return trx.selectFrom('lease').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

/**
 * The outcome of an issue. Refused (undefined) if the lease was closed meanwhile: whoever issued must then have it
 * cut again.
 */
export async function settleIssue(
  trx: Trx,
  leaseId: string,
  outcome: { is: 'issue confirmed' } | { is: 'issue failed'; nothingCreated: boolean; obstacle: string },
): Promise<LeaseRow | undefined> {
  const grantId = (await leaseById(trx, leaseId))?.grant_id;
  if (!grantId) return undefined;
  const grant = await touchGrant(trx, grantId);
  const lease = await lock(trx, leaseId);
  if (!lease) return undefined;
  const step = moveLease(lease.state, outcome);
  if (!step.moved) return undefined;
  const at = sql<Date>`clock_timestamp()`;
  const after = await trx
    .updateTable('lease')
    .set({
      state: step.state,
      version: lease.version + 1,
      ...(step.state === 'issued' ? { issued_at: at } : {}),
      ...(step.state === 'closing' ? { close_reason: 'issue not confirmed' as const, closing_at: at } : {}),
    })
    .where('id', '=', leaseId)
    .returningAll()
    .executeTakeFirstOrThrow();
  if (step.state === 'issued') await record(trx, after, grant, 'lease issued', lease.person_id);
  else {
    const obstacle = outcome.is === 'issue failed' ? outcome.obstacle : '';
    if (step.state === 'failed') await record(trx, after, grant, 'lease failed', null, { obstacle });
    else await record(trx, after, grant, 'lease closing', null, { reason: 'issue not confirmed', obstacle });
    await notify(trx, channels.lease, lease.target);
  }
  return after;
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
  for (const lease of closing) await record(trx, lease, after, 'lease closing', actor, { reason });
  await notify(trx, channels.lease, grant.target);
  return closing;
}

/** What a target still owes an end, now or later, with the database's time of looking. */
export async function owedLeases(db: Db, target: string): Promise<{ now: Date; leases: OwedLease[] }> {
  const at = await now(db);
  const rows = await db
    .selectFrom('lease')
    .innerJoin('grant', 'grant.id', 'lease.grant_id')
    .innerJoin('request', 'request.id', 'grant.request_id')
    .select([
      'lease.id as leaseId',
      'lease.role',
      'lease.state',
      'lease.created_at as createdAt',
      'lease.due_at as dueAt',
      'lease.evidence',
      'request.template_id as templateId',
      'request.scope',
    ])
    .where('lease.target', '=', target)
    .where('lease.state', 'in', ['issuing', 'issued', 'closing'])
    .orderBy('lease.due_at')
    .execute();
  return { now: at, leases: rows as OwedLease[] };
}

/** Which of these roles belong to leases that are not over; the rest at a target is to be removed. */
export async function openRoles(db: Db, target: string, roles: readonly string[]): Promise<Set<string>> {
  if (roles.length === 0) return new Set();
  const rows = await db
    .selectFrom('lease')
    .select('role')
    .where('target', '=', target)
    .where('role', 'in', [...roles])
    .where('state', 'in', ['issuing', 'issued', 'closing'])
    .execute();
  return new Set(rows.map((row) => row.role));
}

/** What was observed at the target, kept so that a crash after the login is gone does not lose the proof. */
export async function keepEvidence(db: Db, evidence: ReadonlyMap<string, unknown>): Promise<void> {
  if (evidence.size === 0) return;
  const rows = JSON.stringify([...evidence].map(([id, what]) => ({ id, what })));
  await sql`
    update lease set evidence = kept.what
    from jsonb_to_recordset(${rows}::jsonb) as kept(id uuid, what jsonb)
    where lease.id = kept.id`.execute(db);
}

export async function evidenceOf(db: Db, leaseIds: readonly string[]): Promise<Map<string, unknown>> {
  if (leaseIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('lease')
    .select(['id', 'evidence'])
    .where('id', 'in', [...leaseIds])
    .execute();
  return new Map(rows.map((row) => [row.id, row.evidence ?? undefined]));
}

/**
 * The end is settled at the target: with its receipt, or, where nothing of the lease was there and nothing could be
 * proven, with the words that say so. Repeating it changes nothing.
 */
export async function confirmClosed(
  trx: Trx,
  leaseId: string,
  end: { receipt: Receipt } | { absent: string },
): Promise<void> {
  const grantId = (await leaseById(trx, leaseId))?.grant_id;
  if (!grantId) return;
  const grant = await touchGrant(trx, grantId);
  const lease = await lock(trx, leaseId);
  const proven = 'receipt' in end;
  if (!lease || !moveLease(lease.state, { is: proven ? 'end confirmed' : 'found absent' }).moved) return;
  const after = await trx
    .updateTable('lease')
    .set({
      state: 'closed',
      closed_at: sql<Date>`clock_timestamp()`,
      obstacle: proven ? null : end.absent,
      version: lease.version + 1,
    })
    .where('id', '=', lease.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  if (proven)
    await trx
      .insertInto('receipt')
      .values({ lease_id: lease.id, receipt: JSON.stringify(end.receipt) })
      .execute();
  await record(trx, after, grant, 'lease closed', null, { ...end });
}

/** The end is due and not proven. Said once for each different obstacle, so that a long outage is no flood. */
export async function noteObstacle(trx: Trx, leaseId: string, obstacle: string): Promise<void> {
  const grantId = (await leaseById(trx, leaseId))?.grant_id;
  if (!grantId) return;
  const grant = await touchGrant(trx, grantId);
  const lease = await lock(trx, leaseId);
  if (lease?.state !== 'closing' || lease.obstacle === obstacle) return;
  const after = await trx
    .updateTable('lease')
    .set({ obstacle, version: lease.version + 1 })
    .where('id', '=', leaseId)
    .returningAll()
    .executeTakeFirstOrThrow();
  await record(trx, after, grant, 'lease unconfirmed', null, { obstacle });
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
