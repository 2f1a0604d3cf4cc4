/** Whether somebody's sign-in is enough for what they want (RFC 9470). Pure. */

/** How somebody signed in, as their access token says; what it does not say is absent. */
export interface SignInFacts {
  /** OpenID Connect Core section 2: what the sign-in amounts to, in the identity provider's own terms; one, or several. */
  readonly acr: readonly string[];
  /** RFC 8176: the methods that were used. */
  readonly amr: readonly string[];
  /** When the person last proved who they are. Refreshing a token does not change it. */
  readonly authenticatedAt?: Date;
  /** Through the device flow (RFC 8628): whoever proved something may not be whoever holds the token. */
  readonly byCode: boolean;
}

/** What a sign-in must be. */
export interface SignInDemand {
  readonly withinSeconds?: number;
  /** One of these. */
  readonly acr?: readonly string[];
}

export interface RequesterDemand extends SignInDemand {
  readonly at: readonly Moment[];
}

export type Moment = 'request' | 'activation';

/** What the demand of a template is at this moment. */
export function demandAt(moment: Moment, mfa: RequesterDemand | undefined): SignInDemand | undefined {
  return mfa?.at.includes(moment) ? mfa : undefined;
}

/** What a sign-in is to be instead: all that is demanded, so that one that answers to it is enough. */
export interface Challenge {
  readonly acrValues?: readonly string[];
  /** Seconds, fewer than are demanded: what the provider takes must still count when it is back here. */
  readonly maxAge?: number;
  /** A code does not count (RFC 8628): one that is passed on would, and whoever is in a browser need not step down. */
  readonly inBrowser: boolean;
}

export type Verdict =
  | { readonly is: 'enough' }
  | {
      readonly is: 'too little';
      readonly why: 'by code' | 'weak' | 'old' | 'of unknown age';
      /** The strictest of what is demanded, as `SignInDemand` has it. */
      readonly withinSeconds: number | undefined;
      readonly challenge: Challenge;
    };

/** How far ahead the identity provider's clock may be; what lies further ahead says nothing. */
const aheadSeconds = 300;

/** From the provider's look at a sign-in to ours: the browser's way back, the tokens, the call made again. */
const wayBackSeconds = 60;

/** How old a sign-in may be for the provider that may be so old for us: a minute less, or half of what is short. */
function askedAge(withinSeconds: number): number {
  return Math.max(withinSeconds - wayBackSeconds, Math.floor(withinSeconds / 2));
}

/**
 * Judges a sign-in.
 * @param everybody how old any sign-in may be, in seconds; undefined: of any age
 * @param mfa what a template demands beyond that
 */
export function judge(
  signIn: SignInFacts,
  { everybody, mfa }: { readonly everybody?: number | undefined; readonly mfa?: SignInDemand | undefined },
  now: Date,
): Verdict {
  const bounds = [everybody, mfa?.withinSeconds].filter((bound) => bound !== undefined);
  const withinSeconds = bounds.length > 0 ? Math.min(...bounds) : undefined;
  const acrValues = mfa?.acr;
  const tooLittle = (why: Extract<Verdict, { is: 'too little' }>['why']): Verdict => ({
    is: 'too little',
    why,
    withinSeconds,
    challenge: {
      ...(acrValues ? { acrValues } : {}),
      ...(withinSeconds === undefined ? {} : { maxAge: askedAge(withinSeconds) }),
      inBrowser: mfa !== undefined || !signIn.byCode,
    },
  });
  // Codes can be passed on: whoever typed one in may have proven who they are for somebody else.
  if (mfa && signIn.byCode) return tooLittle('by code');
  if (acrValues && !signIn.acr.some((acr) => acrValues.includes(acr))) return tooLittle('weak');
  if (withinSeconds === undefined) return { is: 'enough' };
  const age = signIn.authenticatedAt && (now.getTime() - signIn.authenticatedAt.getTime()) / 1000;
  if (age === undefined || !(age >= -aheadSeconds)) return tooLittle('of unknown age');
  return age <= withinSeconds ? { is: 'enough' } : tooLittle('old');
}
