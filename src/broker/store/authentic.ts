import { digestOf } from '../templates/digest.ts';
import type { Fields, Macs } from '../integrity/macs.ts';
import type { Demands } from '../rules/policy.ts';
import type { DecisionRow } from './decision.ts';
import type { BrokenGlassRow, ReviewRow } from './glass.ts';
import type { GrantRow } from './grant.ts';
import type { LeaseRow } from './lease-change.ts';
import type { MessageRow } from './message.ts';
import type { PageSessionRow } from './page-session.ts';
import type { RequestRow } from './request.ts';
import type { SightingRow } from './shift.ts';

/** What of each record is authenticated: everything by which it decides who gets what, where, and for how long. */

export const requestFields = (
  row: Pick<
    RequestRow,
    'id' | 'requester' | 'digest' | 'approve_by' | 'revoke_by' | 'quorum' | 'answer_by'
  > & { readonly demands: Demands | null },
): Fields => ({
  id: row.id,
  requester: row.requester,
  digest: row.digest,
  approveBy: row.approve_by,
  revokeBy: row.revoke_by,
  quorum: row.quorum,
  ...(row.demands === null ? {} : { demands: digestOf(row.demands) }),
  answerBy: row.answer_by.toISOString(),
});

export const decisionFields = (
  row: Pick<DecisionRow, 'id' | 'request_id' | 'person_id' | 'verdict' | 'digest' | 'groups' | 'duration_s'>,
): Fields => ({
  id: row.id,
  request: row.request_id,
  person: row.person_id,
  verdict: row.verdict,
  digest: row.digest,
  ...(row.groups.length === 0 ? {} : { groups: row.groups }),
  ...(row.duration_s === null ? {} : { durationSeconds: row.duration_s }),
});

/** Nobody's words are put into another's mouth: what is answered makes others approve. */
export const messageFields = (
  row: Pick<MessageRow, 'id' | 'request_id' | 'person_id' | 'text' | 'at'>,
): Fields => ({
  id: row.id,
  request: row.request_id,
  person: row.person_id,
  text: row.text,
  at: row.at.toISOString(),
});

export const brokenGlassFields = (row: Omit<BrokenGlassRow, 'mac'>): Fields => ({
  request: row.request_id,
  person: row.person_id,
  reason: row.reason,
  at: row.at.toISOString(),
});

/** Nobody signs off what they did themselves by writing it into the database. */
export const reviewFields = (row: Omit<ReviewRow, 'mac'>): Fields => ({
  grant: row.grant_id,
  person: row.person_id,
  comment: row.comment,
  at: row.at.toISOString(),
});

export const grantFields = (
  row: Pick<
    GrantRow,
    | 'id'
    | 'request_id'
    | 'holder'
    | 'target'
    | 'duration_s'
    | 'terminals'
    | 'activate_by'
    | 'activated_at'
    | 'expires_at'
  >,
): Fields => ({
  id: row.id,
  request: row.request_id,
  holder: row.holder,
  target: row.target,
  durationSeconds: row.duration_s,
  terminals: row.terminals,
  activateBy: row.activate_by.toISOString(),
  activatedAt: row.activated_at?.toISOString() ?? null,
  expiresAt: row.expires_at?.toISOString() ?? null,
});

export const leaseFields = (
  row: Pick<LeaseRow, 'id' | 'grant_id' | 'person_id' | 'target' | 'role' | 'due_at'>,
): Fields => ({
  id: row.id,
  grant: row.grant_id,
  person: row.person_id,
  target: row.target,
  role: row.role,
  dueAt: row.due_at.toISOString(),
});

export const pageSessionFields = (
  row: Pick<PageSessionRow, 'id' | 'person_id' | 'holder' | 'expires_at'>,
): Fields => ({
  id: row.id,
  person: row.person_id,
  holder: digestOf(row.holder),
  expiresAt: row.expires_at.toISOString(),
});

/** Nobody makes a shift older than it is: what stands in a schedule for long enough approves. */
export const shiftFields = (row: Omit<SightingRow, 'mac'>): Fields => ({
  id: row.id,
  schedule: row.schedule,
  person: row.person,
  from: row.begins.toISOString(),
  until: row.ends.toISOString(),
  seen: row.gone ? 'gone' : 'there',
  at: row.at.toISOString(),
});

/** The digest over what a request asks for: what deciders are shown, and decide on. */
export function digestOfRequest(
  row: Pick<RequestRow, 'requester' | 'template' | 'target' | 'scope' | 'duration_s' | 'reason' | 'ticket'>,
): string {
  return digestOf({
    requester: row.requester,
    template: row.template,
    target: row.target,
    scope: row.scope,
    durationSeconds: row.duration_s,
    reason: row.reason,
    ticket: row.ticket,
  });
}

/** Whether a request is as it was made: its terms, and what it asks for. */
export function isAuthenticRequest(macs: Macs, row: RequestRow): boolean {
  return macs.holds('request', requestFields(row), row.mac) && digestOfRequest(row) === row.digest;
}

/**
 * The state that a grant's own events leave it in; `over` where one of them ended it, or none of them began it. A row
 * that was put back to what it was before is authentic by its mac, and is told by what happened since.
 */
export function stateTold(happened: readonly string[]): 'approved' | 'active' | 'over' {
  const count = (action: string) => happened.filter((one) => one === action).length;
  const ended = happened.some((one) => /^grant (lapsed|ended|expired|revoked)$/.test(one));
  if (ended || count('grant approved') !== 1) return 'over';
  return count('grant activated') > count('grant not begun') ? 'active' : 'approved';
}
