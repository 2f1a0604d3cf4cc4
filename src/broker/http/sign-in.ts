import { spokenAge } from '../../contract/durations.ts';
import type { Context } from '../context.ts';
import { judge, type SignInDemand, type SignInFacts, type Verdict } from '../rules/sign-in.ts';
import type { Caller } from './caller.ts';
import { Refusal } from './problem.ts';

/**
 * Whoever uses authority must have signed in lately enough, and as the template demands. Looking, and what ends access,
 * is never refused for it.
 * @param mfa what was stored with the request, or what the template says where there is none yet
 * @throws Refusal `step-up-needed`, with what the sign-in must be
 */
export function demandSignIn(
  { config: { identity } }: Pick<Context, 'config'>,
  { signIn }: Pick<Caller, 'signIn'>,
  mfa: SignInDemand | undefined,
  now = new Date(),
): void {
  const verdict = judge(signIn, { everybody: identity.sessionSeconds, mfa }, now);
  if (verdict.is === 'enough') return;
  const { acrValues, maxAge, inBrowser } = verdict.challenge;
  throw new Refusal('step-up-needed', wordsFor(verdict, signIn, now), {
    challenge: {
      ...(acrValues ? { acrValues: [...acrValues] } : {}),
      ...(maxAge === undefined ? {} : { maxAge }),
      inBrowser,
    },
  });
}

function wordsFor(
  { why, withinSeconds = 0 }: Extract<Verdict, { is: 'too little' }>,
  { authenticatedAt }: SignInFacts,
  now: Date,
): string {
  switch (why) {
    case 'by code':
      return 'A sign-in by code does not count for this. Sign in where your browser comes back to VS Code by itself.';
    case 'weak':
      return 'This needs a sign-in with a second factor, which yours was without. Sign in again, with it.';
    case 'of unknown age':
      return 'The identity provider does not say when you signed in (auth_time), so it may be too long ago. Sign in again. If that does not help, tell whoever runs the identity provider.';
    case 'old':
      return `This needs a sign-in of the last ${spokenAge(withinSeconds)}; yours is ${spokenAge(ageIn(authenticatedAt, now))} old. Sign in again.`;
  }
}

function ageIn(since: Date | undefined, now: Date): number {
  return since ? (now.getTime() - since.getTime()) / 1000 : 0;
}
