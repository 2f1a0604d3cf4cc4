import { randomUUID } from 'node:crypto';
import { sql, type Selectable } from 'kysely';
import type { GrantState } from '../../contract/grants.ts';
import { append, recording } from '../audit/append.ts';
import { expiryOf, moveGrant, type GrantEvent, type Step } from '../rules/lifecycle.ts';
import type { Macs } from '../integrity/macs.ts';
import { grantFields, stateTold } from './authentic.ts';
import { channels, isNear, notifying } from './notify.ts';
import { inSeconds } from './now.ts';
import type { Reader, RequestRow } from './request.ts';
import type { Db, Schema, Trx } from './schema.ts';

export type GrantRow = Selectable<Schema['grant']>;

/** The grant of an approved request. Nothing is issued; its clock starts with the first lease. */
export async function insertGrant(
  trx: Trx,
  macs: Macs,
  request: RequestRow,
  options: { approvedBy: string | null; activateWithinSeconds: number; durationSeconds?: number },
): Promise<GrantRow> {
  const row = {
    id: randomUUID(),
    request_id: request.id,
    holder: request.requester,
    target: request.target,
    duration_s: options.durationSeconds ?? request.duration_s,
    terminals: request.template.terminals,
    activate_by: await inSeconds(trx, options.activateWithinSeconds),
    activated_at: null,
    expires_at: null,
  };
  const grant = await trx
    .insertInto('grant')
    .values({ ...row, state: 'approved', mac: macs.of('grant', grantFields(row)) })
    .returningAll()
    .returning(notifying(channels.expiry))
    .executeTakeFirstOrThrow();
  await append(trx, {
    action: 'grant approved',
    actor: options.approvedBy,
    resource: 'grant',
    resourceId: grant.id,
    version: grant.version,
    requestId: request.id,
    grantId: grant.id,
    target: grant.target,
    detail: { activateBy: grant.activate_by.toISOString(), durationSeconds: grant.duration_s },
  });
  return grant;
}

export function grantById(db: Db, id: string): Promise<GrantRow | undefined> {
  return db.selectFrom('grant').selectAll().where('id', '=', id).executeTakeFirst();
}

export function grantsOf(db: Db, requestIds: readonly string[]): Promise<GrantRow[]> {
  if (requestIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('grant')
    .selectAll()
    .where('request_id', 'in', [...requestIds])
    .execute();
}

/**
 * A grant that nobody else changes until the transaction is over, with the database's time once that was so and what its
 * own events say happened to it.
 */
export type LockedGrant = GrantRow & { readonly now: Date; readonly happened: readonly string[] };

export async function lockGrant(trx: Trx, id: string): Promise<LockedGrant | undefined> {
  const grant = await trx.selectFrom('grant').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
  if (!grant) return undefined;
  // A statement of its own: one that waits for the lock sees the row as it is then, and all else as it was before.
  const { now, happened } = await trx
    .selectNoFrom([
      sql<Date>`clock_timestamp()`.as('now'),
      sql<string[]>`array(select action from audit_event
        where request_id = ${grant.request_id} and grant_id = ${grant.id} and resource = 'grant')`.as(
        'happened',
      ),
    ])
    .executeTakeFirstOrThrow();
  return { ...grant, now, happened };
}

/** Whether a grant is as the broker wrote it last: its terms, and the state that its own events left it in. */
export function isAuthenticGrant(macs: Macs, grant: LockedGrant): boolean {
  const { state } = grant;
  const said = state === 'approved' || state === 'active' ? state : 'over';
  return macs.holds('grant', grantFields(grant), grant.mac) && said === stateTold(grant.happened);
}

/**
 * Grants that the reader has a part in: those that are not over and settled, or owed a review, or those and the newest others up to
 * `limit`. What is open comes first, the reader's own before that of others, so that no number of others hides it, and what was opened before what was only approved.
 */
export function listGrants(db: Db, reader: Reader, only: 'open' | 'all', limit: number): Promise<GrantRow[]> {
  const own = sql<boolean>`"grant".holder = ${reader.id}`;
  const groups = sql<string[]>`${[...reader.groups]}::text[]`;
  const asked = sql<boolean>`(${reader.audits} or request.approve_by && ${groups} or request.revoke_by && ${groups})`;
  // Each part by an index of its own: sorted as a whole, everything ever granted would be read for each list.
  const ids = db
    .selectFrom('grant')
    .innerJoin('request', 'request.id', 'grant.request_id')
    .select('grant.id')
    .limit(limit);
  const openIds = sql`any(array(
    select id from "grant" where state = 'approved' union all select id from "grant" where state = 'active'
    union all select grant_id from lease where state in ('issuing', 'issued', 'closing')
    union all select g.id from broken_glass b join "grant" g on g.request_id = b.request_id
     where not exists (select from review where review.grant_id = g.id)))`;
  const open = ids
    .where(sql<boolean>`"grant".id = ${openIds}`)
    .where(sql<boolean>`(${own} or ${asked})`)
    .orderBy(own, 'desc')
    .orderBy(sql`"grant".state = 'approved'`)
    .orderBy('grant.created_at', 'desc');
  const mine = ids.where('grant.holder', '=', reader.id).orderBy('grant.created_at', 'desc');
  const others = ids.where(asked).orderBy('grant.created_at', 'desc');
  const parts = only === 'open' ? [open] : [open, mine, others];
  return db
    .selectFrom('grant')
    .selectAll()
    .where(sql<boolean>`id = any(array(${sql.join(parts, sql` union all `)}))`)
    .orderBy(sql`id = ${openIds}`, 'desc')
    .orderBy(own, 'desc')
    .orderBy(sql`state = 'approved'`)
    .orderBy('created_at', 'desc')
    .limit(limit)
    .execute();
}

export interface ActiveGrant {
  readonly target: string;
  readonly holder: string;
  /** Of its template. */
  readonly title: string;
}

/** What is active at any of these targets. */
export async function activeAt(db: Db, targets: readonly string[]): Promise<ActiveGrant[]> {
  if (targets.length === 0) return [];
  return db
    .selectFrom('grant')
    .innerJoin('request', 'request.id', 'grant.request_id')
    .select(['grant.target', 'grant.holder', sql<string>`request.template ->> 'title'`.as('title')])
    .where('grant.state', '=', 'active')
    .where('grant.target', 'in', [...new Set(targets)])
    .execute();
}

/**
 * Moves a locked grant by one event and records it; `active` sets its end once and for all.
 * The row as it stands then comes back, or the refusal, which changes nothing.
 */
export async function stepGrant(
  trx: Trx,
  macs: Macs,
  grant: LockedGrant,
  event: GrantEvent,
  actor: string | null,
  comment?: string,
): Promise<{ step: Step<GrantState>; grant: LockedGrant }> {
  const { now: at } = grant;
  const step = moveGrant(
    { state: grant.state, activateBy: grant.activate_by, expiresAt: grant.expires_at },
    event,
    at,
  );
  if (!step.moved || step.state === grant.state) return { step, grant };
  const activates = step.state === 'active';
  const over = !activates && step.state !== 'approved';
  const expiresAt = expiryOf(at, grant.duration_s);
  const version = grant.version + 1;
  const recorded = recording({
    action: actionOf(step.state),
    actor,
    resource: 'grant',
    resourceId: grant.id,
    version,
    requestId: grant.request_id,
    grantId: grant.id,
    target: grant.target,
    detail: {
      ...(activates ? { expiresAt: expiresAt.toISOString() } : {}),
      ...(comment === undefined ? {} : { comment }),
    },
  });
  const terms = {
    activated_at: activates ? at : over ? grant.activated_at : null,
    expires_at: activates ? expiresAt : over ? grant.expires_at : null,
  };
  const after = await trx
    .with('recorded', recorded)
    .updateTable('grant')
    .set({
      state: step.state,
      version,
      ...terms,
      // Terms that somebody else wrote are never made authentic.
      ...(isAuthenticGrant(macs, grant) && !over
        ? { mac: macs.of('grant', grantFields({ ...grant, ...terms })) }
        : {}),
      ...(over ? { ended_at: at, ended_by: actor, comment: comment ?? null } : {}),
    })
    .where('id', '=', grant.id)
    .returningAll()
    .$if(!over && (!activates || isNear(expiresAt, at)), (query) =>
      query.returning(notifying(channels.expiry)),
    )
    .executeTakeFirstOrThrow();
  return { step, grant: { ...after, now: at, happened: [...grant.happened, actionOf(step.state)] } };
}

function actionOf(state: GrantState) {
  switch (state) {
    case 'active':
      return 'grant activated';
    case 'approved':
      return 'grant not begun';
    default:
      return `grant ${state}` as const;
  }
}

/** A change of a lease shows as a new version of its grant. */
export async function touchGrant(trx: Trx, grantId: string): Promise<GrantRow> {
  return trx
    .updateTable('grant')
    .set((e) => ({ version: e('version', '+', 1) }))
    .where('id', '=', grantId)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Ids of grants whose time has passed (approved ones that nobody activated, active ones), and when the next one's will. */
export async function overdueGrants(db: Db): Promise<{ due: string[]; next: Date | null }> {
  const at = sql<Date>`clock_timestamp()`;
  const approved = db.selectFrom('grant').where('state', '=', 'approved');
  const active = db.selectFrom('grant').where('state', '=', 'active');
  const due = await approved
    .select('id')
    .where('activate_by', '<=', at)
    .unionAll(active.select('id').where('expires_at', '<=', at))
    .limit(2000)
    .execute();
  const soonest = await approved
    .select((e) => e.fn.min<Date | null>('activate_by').as('at'))
    .unionAll(active.select((e) => e.fn.min<Date | null>('expires_at').as('at')))
    .execute();
  const ends = soonest.flatMap((one) => one.at ?? []);
  const next = ends.length > 0 ? new Date(Math.min(...ends.map((end) => end.getTime()))) : null;
  return { due: due.map((row) => row.id), next };
}
