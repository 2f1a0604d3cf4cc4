import type { Who } from '../rules/policy.ts';
import type { SignInFacts } from '../rules/sign-in.ts';

/** Whoever made this call: a person the store knows, with the groups that this call's token says. */
export interface Caller extends Who {
  readonly name: string;
  /** Who somebody is by their token; with the issuer it makes the id. */
  readonly subject: string;
  readonly audits: boolean;
  /** How and when they signed in. */
  readonly signIn: SignInFacts;
  /** When the token ends. */
  readonly expiresAt: Date;
}
