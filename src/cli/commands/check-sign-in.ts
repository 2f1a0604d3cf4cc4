import type { IdentityConfig } from '../../broker/config/config.ts';
import { judge, type SignInDemand, type SignInFacts, type Verdict } from '../../broker/rules/sign-in.ts';
import type { ResolvedTemplate, TemplateSet } from '../../broker/templates/template.ts';
import { spokenAge } from '../../contract/durations.ts';
import { shown } from './shown-claim.ts';

/** What the broker would say of a sign-in where somebody uses access. */
export interface SignInFindings {
  /** How it stands towards `identity.session`. */
  readonly session: string;
  /** Whether that lets it do more than look and end. */
  readonly isOfUse: boolean;
  /** A line for each demand of a template that it does not meet; or the one that it meets them all. */
  readonly mfa: readonly string[];
}

/** Holds a sign-in against the bound for everybody and against what templates demand. Pure. */
export function signInFindings(
  signIn: SignInFacts,
  { sessionSeconds: everybody }: Pick<IdentityConfig, 'sessionSeconds'>,
  templates: TemplateSet,
  now: Date,
): SignInFindings {
  const demands = [...templates.values()].flatMap(demandsOf);
  const refusals = demands.flatMap(({ what, mfa }) => {
    const verdict = judge(signIn, { mfa }, now);
    return verdict.is === 'enough' ? [] : [`refused for ${what}: ${whyNot(verdict, signIn, mfa, now)}.`];
  });
  return {
    ...sessionFindings(signIn, everybody, now),
    mfa:
      demands.length > 0 && refusals.length === 0 ? ['enough for every template that demands it'] : refusals,
  };
}

function sessionFindings(
  signIn: SignInFacts,
  everybody: number | undefined,
  now: Date,
): Pick<SignInFindings, 'session' | 'isOfUse'> {
  if (everybody === undefined)
    return { session: 'enough however old it is (identity.session: unlimited)', isOfUse: true };
  const verdict = judge(signIn, { everybody }, now);
  const bound = `identity.session is ${spokenAge(everybody)}`;
  if (verdict.is === 'enough')
    return { session: `young enough to request, approve and open terminals (${bound})`, isOfUse: true };
  const remedy =
    verdict.why === 'old'
      ? 'Take the token of a new sign-in.'
      : 'Have the provider put auth_time into access tokens, or set identity.session: unlimited.';
  return {
    session: `refused for requests, approvals and terminals: ${whyNot(verdict, signIn, {}, now)} (${bound}). ${remedy}`,
    isOfUse: false,
  };
}

interface Demand {
  readonly what: string;
  readonly mfa: SignInDemand;
}

function demandsOf({ id, mfa, approverMfa, breakGlass }: ResolvedTemplate): Demand[] {
  const moments = { request: 'requesting', activation: 'opening a terminal' };
  return [
    ...(mfa ? [{ what: `${id} (${mfa.at.map((moment) => moments[moment]).join(', ')})`, mfa }] : []),
    ...(approverMfa ? [{ what: `${id} (approving)`, mfa: approverMfa }] : []),
    // How fresh that one must be says nothing of a token: it is always asked for anew.
    ...(breakGlass ? [{ what: `${id} (breaking the glass)`, mfa: { acr: breakGlass.acr } }] : []),
  ];
}

function whyNot(
  { why, withinSeconds = 0 }: Extract<Verdict, { is: 'too little' }>,
  { acr, authenticatedAt }: SignInFacts,
  demand: SignInDemand,
  now: Date,
): string {
  switch (why) {
    case 'by code':
      return 'a sign-in by code never counts for it';
    case 'weak':
      return `acr is ${acr.length === 0 ? 'not said' : acr.map(shown).join(', ')}, and only ${(demand.acr ?? []).join(' or ')} counts`;
    case 'of unknown age':
      return authenticatedAt
        ? 'auth_time lies in the future'
        : 'the token does not say when somebody signed in (auth_time)';
    case 'old': {
      const age = authenticatedAt ? (now.getTime() - authenticatedAt.getTime()) / 1000 : 0;
      return `the sign-in is ${spokenAge(age)} old, and at most ${spokenAge(withinSeconds)} count`;
    }
  }
}
