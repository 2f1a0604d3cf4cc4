import type { SignInFacts } from '../rules/sign-in.ts';

/** Somebody whose access token was verified. A person is (issuer, subject). */
export interface TokenHolder {
  readonly issuer: string;
  readonly subject: string;
  /** What others see; never empty. */
  readonly name: string;
  readonly groups: readonly string[];
  readonly clientId: string;
  /** False for tokens of the device flow: they cannot decide, revoke or break glass. */
  readonly mayDecide: boolean;
  /** How and when they signed in. */
  readonly signIn: SignInFacts;
  readonly expiresAt: Date;
  /** Thumbprint (RFC 7638) of the key that whoever carries the token must prove to have; absent: a bearer token. */
  readonly boundTo?: string;
}
