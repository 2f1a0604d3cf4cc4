import { isUtf8 } from 'node:buffer';
import { decodeProtectedHeader, errors, jwtVerify, type JWTVerifyOptions, type JWTVerifyResult } from 'jose';
import type { IdentityConfig } from '../config/config.ts';
import { NotSignedIn } from './failures.ts';
import { holderOf, Refused } from './claims.ts';
import { Keys } from './keys.ts';
import type { TokenHolder } from './token-holder.ts';

/** Longest token, in characters. */
const longest = 16 * 1024;
/** How far clocks may be apart, in seconds. */
const tolerance = 10;

export interface VerifierOptions {
  readonly identity: IdentityConfig;
  /** The protected resource (RFC 9728), for the way to sign in that a refusal names. */
  readonly publicUrl: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly now?: () => Date;
  /** Milliseconds on a clock that is never set, for how long keys are kept. */
  readonly elapsed?: () => number;
  /** Told what was wrong with the identity provider. Nothing of a token ever comes here. */
  readonly log?: (message: string, error?: unknown) => void;
}

export interface Verifier {
  /**
   * Whoever calls, from the value of the `Authorization` header.
   * @throws NotSignedIn, ProviderUnavailable
   */
  verify(authorization: string | undefined): Promise<TokenHolder>;
  /** Fetches the provider's keys if there are none, so that the first call need not wait. Never rejects. */
  prepare(): Promise<void>;
  /** Whether tokens can be verified at the moment. */
  readonly ready: boolean;
}

/** Verifies access tokens (RFC 9068, RFC 8725) of one issuer. Nothing but a header carries a token (RFC 6750 section 2.1). */
export function createVerifier(options: VerifierOptions): Verifier {
  const { identity, publicUrl } = options;
  const now = options.now ?? (() => new Date());
  const keys = new Keys({
    issuer: identity.issuer,
    fetch: options.fetch ?? globalThis.fetch,
    elapsed: options.elapsed ?? (() => performance.now()),
    log: options.log ?? (() => undefined),
  });
  const where = `resource_metadata="${publicUrl}/.well-known/oauth-protected-resource"`;
  const refuse = (reason: string, words: string) =>
    new NotSignedIn(reason, words, `Bearer error="invalid_token", ${where}`);

  const verify = async (authorization: string | undefined): Promise<TokenHolder> => {
    if (authorization === undefined || authorization === '')
      throw new NotSignedIn('No token came.', 'Sign in first.', `Bearer ${where}`);
    // RFC 6750 section 3.1: no error code for whoever did not know better, another one for a call that is malformed.
    if (!/^Bearer( |$)/i.test(authorization))
      throw new NotSignedIn('The call signs in by another scheme than Bearer.', again, `Bearer ${where}`);
    if (authorization.includes(','))
      throw new NotSignedIn(
        'More than one sign-in came with the call.',
        'The call signs in more than once, so that nobody can say who calls. Send one Authorization header.',
        `Bearer error="invalid_request", ${where}`,
        'invalid-request',
      );
    if (authorization.length <= longest && closed.test(authorization))
      throw refuse('The token is opaque or encrypted, not a bearer token that can be read.', unreadable);
    const token = authorization.length > longest ? undefined : bearer.exec(authorization)?.[1];
    if (token === undefined)
      throw refuse('The Authorization header is not a bearer token of a sensible size.', again);
    const { protectedHeader, payload } = await verifySignature(token);
    try {
      return holderOf(protectedHeader, payload, identity, now());
    } catch (error) {
      if (error instanceof Refused) throw refuse(error.message, error.words);
      throw error;
    }
  };

  const verifySignature = async (token: string): Promise<JWTVerifyResult> => {
    const checks: JWTVerifyOptions = {
      issuer: identity.issuer,
      audience: identity.audience,
      algorithms: [...identity.algorithms],
      clockTolerance: tolerance,
      currentDate: now(),
      requiredClaims: ['exp', 'sub'],
    };
    if (!token.split('.').every(isCanonical))
      throw refuse('The token is not written as it must be (base64url).', again);
    // What is no UTF-8 would be read as U+FFFD, and two subjects that differ in it as one (RFC 8725 section 3.7).
    if (!token.split('.').slice(0, 2).every(isText)) throw refuse('The token is not in UTF-8.', again);
    let header;
    try {
      header = decodeProtectedHeader(token);
    } catch {
      throw refuse('The token is not a JWT.', again);
    }
    // Before any key is looked for: what is not signed as it must be costs the provider nothing.
    if (header.alg === undefined || !checks.algorithms?.includes(header.alg))
      throw refuse('The token is not signed with an accepted algorithm.', again);
    const candidates = await keys.matching({ ...header, alg: header.alg });
    let last: unknown;
    for (const key of candidates) {
      try {
        return await jwtVerify(token, key, checks);
      } catch (error) {
        last = error;
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) break;
      }
    }
    const [reason, words] = spoken(last);
    throw refuse(reason, words);
  };

  return {
    verify,
    prepare: () => keys.prepare(),
    get ready() {
      return keys.present;
    },
  };
}

/** A token without a JWT's parts, or one with the five of an encrypted JWT (RFC 7516): only its provider can read it. */
const closed = /^Bearer +(?:(?:[\w~+/-]+\.)?[\w~+/-]{16,}=*|[\w-]+(?:\.[\w-]*){4})$/i;
const bearer = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)$/i;
/** Several spellings of one signature would be several tokens (RFC 4648 section 3.5). */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

const isText = (part: string): boolean => isUtf8(Buffer.from(part, 'base64url'));

const again = 'This sign-in cannot be read. Sign in again.';
const unreadable =
  'The identity provider gives sign-ins that only it can read, so nobody can be recognised by them. Tell whoever runs Daypass; signing in again does not help.';
const elsewhere =
  'This sign-in was made for something else and does not count here. Sign in again from the editor.';

/** The reason for the log, without anything that the token says, and the words for people. */
function spoken(error: unknown): [reason: string, words: string] {
  if (error === undefined)
    return ['The token is signed with a key that the provider does not publish.', again];
  if (error instanceof errors.JWTExpired)
    return ['The token has expired.', 'Your sign-in has ended. Sign in again.'];
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return ['The token is of another issuer.', elsewhere];
    if (error.claim === 'aud') return ['The token is for another audience.', elsewhere];
    if (error.claim === 'nbf')
      return ['The token is not valid yet (nbf).', 'Your sign-in is not valid yet. Try again in a moment.'];
    return [`A claim of the token is missing or wrong (${error.claim}).`, again];
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return ['The token’s signature is wrong.', again];
  if (error instanceof errors.JOSEError) return [`The token cannot be used (${error.code}).`, again];
  return ['The token’s key cannot be used.', again];
}
