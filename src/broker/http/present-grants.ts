import type { Grant } from '../../contract/grants.ts';
import type { Lease } from '../../contract/leases.ts';
import type { Receipt } from '../../contract/receipts.ts';
import type { Context } from '../context.ts';
import { mayReview, mayRevoke } from '../rules/policy.ts';
import { decisionsOn, type DecisionRow } from '../store/decision.ts';
import { type GrantRow } from '../store/grant.ts';
import { brokenGlassOn, reviewsOf, type BrokenGlassRow, type ReviewRow } from '../store/glass.ts';
import { leasesOf, receiptsOf, type LeaseRow } from '../store/lease.ts';
import { peopleById, type PersonRow } from '../store/person.ts';
import { requestsById, ruleOf, type RequestRow } from '../store/request.ts';
import { durationOf } from '../../contract/values.ts';
import type { Caller } from './caller.ts';
import { automaticOn, breakable, person, presentGlass } from './presented.ts';

const open = new Set(['issuing', 'issued', 'closing']);

/** What else is stored about some grants and shown with them; the same whoever looks. */
export interface AboutGrants {
  readonly requests: readonly RequestRow[];
  readonly broken: ReadonlyMap<string, BrokenGlassRow>;
  readonly reviews: ReadonlyMap<string, ReviewRow>;
  readonly decisions: readonly DecisionRow[];
  readonly leases: readonly LeaseRow[];
  readonly receipts: ReadonlyMap<string, Receipt>;
  readonly people: ReadonlyMap<string, PersonRow>;
}

export async function aboutGrants(
  { store: { db }, integrity }: Context,
  rows: readonly GrantRow[],
): Promise<AboutGrants> {
  const requestIds = rows.map((row) => row.request_id);
  const requests = await requestsById(db, requestIds);
  const [broken, reviews, decisions, leases] = await Promise.all([
    brokenGlassOn(db, integrity, breakable(requests)),
    reviewsOf(
      db,
      integrity,
      rows.map((row) => row.id),
    ),
    decisionsOn(db, integrity, requestIds),
    leasesOf(
      db,
      rows.map((row) => row.id),
    ),
  ]);
  const receipts = await receiptsOf(
    db,
    leases.map((lease) => lease.id),
  );
  const people = await peopleById(db, [
    ...rows.flatMap((row) => [row.holder, ...(row.ended_by ? [row.ended_by] : [])]),
    ...decisions.map((one) => one.person_id),
    ...[...reviews.values()].map((one) => one.person_id),
  ]);
  return { requests, broken, reviews, decisions, leases, receipts, people };
}

/** Stored grants as the caller sees them, in the order given. */
export async function presentGrants(
  context: Context,
  caller: Caller,
  rows: readonly GrantRow[],
): Promise<Grant[]> {
  const about = await aboutGrants(context, rows);
  return rows.flatMap((row) => presentGrant(caller, row, about) ?? []);
}

/** Undefined where its request is not there. */
export function presentGrant(
  caller: Caller,
  row: GrantRow,
  { requests, broken, reviews, decisions, leases, receipts, people }: AboutGrants,
): Grant | undefined {
  const request = requests.find((one) => one.id === row.request_id);
  if (!request) return undefined;
  const mine = leases.filter((lease) => lease.grant_id === row.id);
  const glass = glassOn(row, broken, reviews, people);
  const live = row.state === 'approved' || row.state === 'active';
  const inUse = mine.filter((lease) => lease.state === 'issuing' || lease.state === 'issued').length;
  return {
    id: row.id,
    requestId: row.request_id,
    state: row.state,
    holder: person(people, row.holder),
    template: request.template,
    duration: durationOf(row.duration_s),
    ...(row.duration_s < request.duration_s ? { asked: durationOf(request.duration_s) } : {}),
    reason: request.reason,
    ...(request.ticket === null ? {} : { ticket: request.ticket }),
    ...automaticOn(request),
    ...(glass ? { brokenGlass: glass } : {}),
    approvedBy: decisions
      .filter((one) => one.request_id === row.request_id && one.verdict === 'approve')
      .map((one) => person(people, one.person_id)),
    createdAt: row.created_at.toISOString(),
    activateBy: row.activate_by.toISOString(),
    ...(row.activated_at ? { activatedAt: row.activated_at.toISOString() } : {}),
    ...(row.expires_at ? { expiresAt: row.expires_at.toISOString() } : {}),
    ...(row.ended_at ? { endedAt: row.ended_at.toISOString() } : {}),
    ...(row.ended_by ? { endedBy: person(people, row.ended_by) } : {}),
    ...(row.comment === null ? {} : { comment: row.comment }),
    leases: mine.map((lease) => presentLease(lease, receipts.get(lease.id))),
    settled: !live && !mine.some((lease) => open.has(lease.state)),
    version: row.version,
    may: {
      openTerminal: live && row.holder === caller.id && inUse < row.terminals,
      end: live && row.holder === caller.id,
      revoke: live && mayRevoke(caller, ruleOf(request)),
      review: !live && glass !== undefined && !glass.review && mayReview(caller, ruleOf(request)),
    },
  };
}

function glassOn(
  grant: GrantRow,
  broken: ReadonlyMap<string, BrokenGlassRow>,
  reviews: ReadonlyMap<string, ReviewRow>,
  people: ReadonlyMap<string, PersonRow>,
): Grant['brokenGlass'] {
  const { brokenGlass } = presentGlass(broken.get(grant.request_id));
  if (!brokenGlass) return undefined;
  const review = reviews.get(grant.id);
  if (!review) return brokenGlass;
  const { person_id, at, comment } = review;
  return { ...brokenGlass, review: { by: person(people, person_id), at: at.toISOString(), comment } };
}

export function presentLease(row: LeaseRow, receipt: Receipt | undefined): Lease {
  const absent = row.state === 'closed' ? row.obstacle : null;
  return {
    id: row.id,
    grantId: row.grant_id,
    state: row.state,
    role: row.role,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.due_at.toISOString(),
    ...(row.close_reason ? { closeReason: row.close_reason } : {}),
    ...(row.closed_at ? { closedAt: row.closed_at.toISOString() } : {}),
    ...(row.state === 'closing' && row.obstacle !== null && row.closing_at
      ? {
          unconfirmed: {
            since: row.closing_at.toISOString(),
            obstacle: row.obstacle,
            ...(row.obstacle_since ? { obstacleSince: row.obstacle_since.toISOString() } : {}),
          },
        }
      : {}),
    ...(absent === null ? {} : { absent }),
    ...(receipt && absent === null ? { receipt } : {}),
  };
}
