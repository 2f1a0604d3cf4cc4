/**
 * The three state machines. Each is one pure function: what is, what happened, what time it is, gives what is then,
 * or a refusal that names why. Times are the database's.
 */

import type { GrantState } from '../../contract/grants.ts';
import type { CloseReason, LeaseState } from '../../contract/leases.ts';
import type { RequestState } from '../../contract/requests.ts';

export type Moved<State> = { readonly moved: true; readonly state: State };
export type Refused = { readonly moved: false; readonly why: 'already settled' | 'not yet' | 'too late' };
export type Step<State> = Moved<State> | Refused;

const to = <State>(state: State): Moved<State> => ({ moved: true, state });
const no = (why: Refused['why']): Refused => ({ moved: false, why });

export interface RequestFacts {
  readonly state: RequestState;
  readonly answerBy: Date;
  /** Whether the quorum is there, the event's approval included. */
  readonly agreed: boolean;
}
export type RequestEvent =
  'decided: approve' | 'decided: deny' | 'withdrawn' | 'glass broken' | 'time passed';

/** `pending → approved | denied | withdrawn | expired`. An approval short of the quorum leaves it pending. */
export function moveRequest(request: RequestFacts, event: RequestEvent, now: Date): Step<RequestState> {
  if (request.state !== 'pending') return no('already settled');
  const late = now >= request.answerBy;
  if (event === 'time passed') return late ? to('expired') : no('not yet');
  if (event === 'withdrawn') return to('withdrawn');
  if (late) return no('too late');
  if (event === 'glass broken') return to('approved');
  if (event === 'decided: deny') return to('denied');
  return to(request.agreed ? 'approved' : 'pending');
}

export interface GrantFacts {
  readonly state: GrantState;
  readonly activateBy: Date;
  readonly expiresAt: Date | null;
}
export type GrantEvent = 'lease wanted' | 'nothing opened' | 'ended' | 'revoked' | 'time passed';

/**
 * `approved → active | lapsed | ended | revoked`, `active → ended | expired | revoked`. Back to `approved` only where
 * the first lease, which set the clock going, is proven never to have been created, and another can still be tried.
 */
export function moveGrant(grant: GrantFacts, event: GrantEvent, now: Date): Step<GrantState> {
  if (grant.state !== 'approved' && grant.state !== 'active') return no('already settled');
  const late = now >= (grant.state === 'approved' ? grant.activateBy : (grant.expiresAt ?? grant.activateBy));
  switch (event) {
    case 'lease wanted':
      return late ? no('too late') : to('active');
    case 'nothing opened':
      return grant.state === 'active' && now < grant.activateBy ? to('approved') : no('too late');
    case 'ended':
      return to('ended');
    case 'revoked':
      return to('revoked');
    case 'time passed':
      if (!late) return no('not yet');
      return to(grant.state === 'approved' ? 'lapsed' : 'expired');
  }
}

export type LeaseEvent =
  | { readonly is: 'issue confirmed' }
  | { readonly is: 'issue failed'; readonly nothingCreated: boolean }
  | { readonly is: 'close'; readonly reason: CloseReason }
  | { readonly is: 'end confirmed' }
  /** Nothing of it is at the target and no proof of its end could be had: it is over, without a receipt. */
  | { readonly is: 'found absent' };

/**
 * `issuing → issued → closing → closed`; `failed` only where it is proven that nothing was created. An issue with an
 * unknown outcome goes to `closing`, and `closing` has no way out but what the target says.
 */
export function moveLease(state: LeaseState, event: LeaseEvent): Step<LeaseState> {
  switch (event.is) {
    case 'issue confirmed':
      return state === 'issuing' ? to('issued') : no('already settled');
    case 'issue failed':
      if (state !== 'issuing') return no('already settled');
      return to(event.nothingCreated ? 'failed' : 'closing');
    case 'close':
      return state === 'issuing' || state === 'issued' ? to('closing') : no('already settled');
    case 'end confirmed':
    case 'found absent':
      return state === 'closing'
        ? to('closed')
        : no(state === 'closed' || state === 'failed' ? 'already settled' : 'not yet');
  }
}

/** A grant's end: its clock starts at activation, never at the request. */
export function expiryOf(activatedAt: Date, durationSeconds: number): Date {
  return new Date(activatedAt.getTime() + durationSeconds * 1000);
}
