/** Who may do what. Pure; every answer is computed anew from who is calling and what is stored. */

import type { GlassTerms } from './break-glass.ts';
import { groupsOf, groupsThatAdd, type Approval, type Need } from './quorum.ts';
import type { RequesterDemand, SignInDemand } from './sign-in.ts';
import type { AutomaticApproval } from './verdict.ts';

/** Somebody who calls, as these rules need to know them. */
export interface Who {
  readonly id: string;
  readonly groups: readonly string[];
  /** False for tokens of the device-code client: such a sign-in can be phished past MFA. */
  readonly mayDecide: boolean;
}

export interface TemplateRule {
  readonly requestBy: readonly string[];
}
/** What a template demands before anything is given under it. A request keeps it as it was when it was made. */
export interface Demands {
  /** Who must approve, all of them; empty: nobody needs to. */
  readonly needs: readonly Need[];
  /** Groups whose members do not decide, whatever else they are in. */
  readonly never: readonly string[];
  /** Groups whose members could request it; absent in what was made before that was kept. */
  readonly requestBy?: readonly string[];
  /** What would have approved it without anybody; absent as that is. */
  readonly approvedAlone?: readonly AutomaticApproval[];
  /** Why nobody was asked although somebody would have to approve otherwise, in words. */
  readonly automatic?: string;
  /** The sign-in that a requester needs. */
  readonly mfa?: RequesterDemand;
  /** The sign-in that an approver needs. */
  readonly approverMfa?: SignInDemand;
  /** Who need not wait for approval in an emergency; absent: nobody. */
  readonly breakGlass?: GlassTerms;
}
export interface RequestRule extends Demands {
  readonly requester: string;
  readonly revokeBy: readonly string[];
}

export const mostPending = 3;

function inOneOf(who: Who, groups: readonly string[]): boolean {
  return groups.some((group) => who.groups.includes(group));
}

export function mayRequest(who: Who, template: TemplateRule): boolean {
  return inOneOf(who, template.requestBy);
}

/** Never the requester, whatever groups they are in, and nobody whom the template keeps out. */
export function mayDecide(who: Who, request: RequestRule): boolean {
  return (
    who.mayDecide &&
    who.id !== request.requester &&
    inOneOf(who, groupsOf(request.needs)) &&
    !inOneOf(who, request.never)
  );
}

/** Of those who decide, whose approval brings it further: whoever adds nothing to what others approved can only deny. */
export function mayApprove(who: Who, request: RequestRule, approvals: readonly Approval[]): boolean {
  return mayDecide(who, request) && inOneOf(who, groupsThatAdd(request.needs, approvals));
}

/** Those whom the template names, with a sign-in that cannot be passed on. */
export function mayBreakGlass(
  who: Who,
  { breakGlass }: { readonly breakGlass?: Pick<GlassTerms, 'by'> },
): boolean {
  return who.mayDecide && breakGlass !== undefined && inOneOf(who, breakGlass.by);
}

/** Whoever could have approved it: never whoever held it. */
export const mayReview = mayDecide;

/** Whom the template names. The holder ends; somebody else revokes. */
export function mayRevoke(who: Who, request: RequestRule): boolean {
  return who.mayDecide && who.id !== request.requester && inOneOf(who, request.revokeBy);
}

export function audits(who: Who, auditors: readonly string[]): boolean {
  return inOneOf(who, auditors);
}

/** Those with a part in it: who asked, who may be asked, who may revoke, who audits. */
export function maySee(who: Who, request: RequestRule, auditors: readonly string[]): boolean {
  return (
    who.id === request.requester ||
    inOneOf(who, groupsOf(request.needs)) ||
    inOneOf(who, request.revokeBy) ||
    audits(who, auditors)
  );
}
