import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, type JWTVerifyOptions, type JWTVerifyResult } from 'jose';
import { Secret } from '../../contract/secret.ts';
import type { IdentityConfig } from '../config/config.ts';
import { macsWith, type Macs } from '../integrity/macs.ts';
import { NotSignedIn } from './failures.ts';
import { holderOf, Refused } from './claims.ts';
import { Keys } from './keys.ts';
import { noncesWith } from './nonces.ts';
import { proofAlgorithms, ProofRefused, Proofs, type Call } from './proofs.ts';
import type { TokenHolder } from './token-holder.ts';

/** Longest token, in characters. */
const longest = 16 * 1024;
/** How far clocks may be apart, in seconds. */
const tolerance = 10;

export interface VerifierOptions {
  readonly identity: IdentityConfig;
  /** The protected resource (RFC 9728), for the way to sign in that a refusal names. */
  readonly publicUrl: string;
  /** The same at every broker; one that is known here only unless given. */
  readonly macs?: Pick<Macs, 'of' | 'holds'>;
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
   * @param call what a proof must be about, where the token is bound to a key
   * @throws NotSignedIn, ProviderUnavailable
   */
  verify(authorization: string | undefined, call?: Call): Promise<TokenHolder>;
  /**
   * Whose a token is, whoever carries it: for what explains tokens.
   * @throws NotSignedIn, ProviderUnavailable
   */
  inspect(token: string): Promise<TokenHolder>;
  /** Fetches the provider's keys if there are none, so that the first call need not wait. Never rejects. */
  prepare(): Promise<void>;
  /** Whether tokens can be verified at the moment. */
  readonly ready: boolean;
}

/**
 * Verifies access tokens (RFC 9068, RFC 8725) of one issuer. Nothing but a header carries a token (RFC 6750 section 2.1).
 * One that is bound to a key counts only with a proof of that key, and only under its own scheme (RFC 9449 section 7).
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { identity, publicUrl } = options;
  const now = options.now ?? (() => new Date());
  const elapsed = options.elapsed ?? (() => performance.now());
  const keys = new Keys({
    issuer: identity.issuer,
    fetch: options.fetch ?? globalThis.fetch,
    elapsed,
    log: options.log ?? (() => undefined),
  });
  const nonces = noncesWith(options.macs ?? macsWith([new Secret(randomUUID())]), now);
  const proofs = new Proofs({ publicUrl, nonces, now, elapsed });
  const where = `resource_metadata="${publicUrl}/.well-known/oauth-protected-resource"`;
  const proven = `algs="${proofAlgorithms.join(' ')}"`;
  /** Who sends a token under one scheme, or none, is told of both. */
  const challenge = (error?: string) =>
    `Bearer ${error === undefined ? '' : `error="${error}", `}${where}, DPoP ${proven}`;
  const refuse = (reason: string, words: string) =>
    new NotSignedIn(reason, words, challenge('invalid_token'));

  const verify = async (authorization: string | undefined, call?: Call): Promise<TokenHolder> => {
    if (authorization === undefined || authorization === '')
      throw new NotSignedIn('No token came.', 'Sign in first.', challenge());
    // RFC 6750 section 3.1: no error code for whoever did not know better, another one for a call that is malformed.
    const [, scheme] = /^(Bearer|DPoP)(?: |$)/i.exec(authorization) ?? [];
    if (scheme === undefined)
      throw new NotSignedIn('The call signs in by another scheme than Bearer or DPoP.', again, challenge());
    if (authorization.includes(','))
      throw new NotSignedIn(
        'More than one sign-in came with the call.',
        'The call signs in more than once, so that nobody can say who calls. Send one Authorization header.',
        challenge('invalid_request'),
        { problem: 'invalid-request' },
      );
    const token = authorization.slice(scheme.length).replace(/^ +/, '');
    const holder = await inspect(token);
    await demandProof(scheme, token, holder, call);
    return holder;
  };

  const inspect = async (token: string): Promise<TokenHolder> => {
    if (token.length <= longest && closed.test(token))
      throw refuse('The token is opaque or encrypted, not a bearer token that can be read.', unreadable);
    if (token.length > longest || !readable.test(token))
      throw refuse('The Authorization header is not a bearer token of a sensible size.', again);
    const { protectedHeader, payload } = await verifySignature(token);
    try {
      return holderOf(protectedHeader, payload, identity, now());
    } catch (error) {
      if (error instanceof Refused) throw refuse(error.message, error.words);
      throw error;
    }
  };

  const demandProof = async (
    scheme: string,
    token: string,
    { boundTo }: TokenHolder,
    call: Call | undefined,
  ): Promise<void> => {
    const asBearer = /^Bearer$/i.test(scheme);
    if (boundTo === undefined && asBearer) return;
    if (boundTo === undefined) throw refuse('The token came under DPoP and is not bound to a key.', again);
    // RFC 9449 section 7.2: or whoever stole it would only have to leave the proof away.
    if (asBearer) throw refuse('The token is bound to a key, and came as a bearer token.', unproven);
    try {
      await proofs.demand(call, token, boundTo);
    } catch (error) {
      if (!(error instanceof ProofRefused)) throw error;
      const asked = `DPoP error="${error.code}", ${proven}, ${where}`;
      const nonce = error.code === 'use_dpop_nonce' ? nonces.make() : undefined;
      throw new NotSignedIn(error.message, unproven, asked, { nonce });
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
    inspect,
    prepare: () => keys.prepare(),
    get ready() {
      return keys.present;
    },
  };
}

/** A token without a JWT's parts, or one with the five of an encrypted JWT (RFC 7516): only its provider can read it. */
const closed = /^(?:(?:[\w~+/-]+\.)?[\w~+/-]{16,}=*|[\w-]+(?:\.[\w-]*){4})$/;
const readable = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
/** Several spellings of one signature would be several tokens (RFC 4648 section 3.5). */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

const isText = (part: string): boolean => isUtf8(Buffer.from(part, 'base64url'));

const again = 'This sign-in cannot be read. Sign in again.';
const unreadable =
  'The identity provider gives sign-ins that only it can read, so nobody can be recognised by them. Tell whoever runs Daypass; signing in again does not help.';
const unproven =
  'This sign-in counts only on the machine that it was made on, and the call did not prove to come from there. Sign in again from the editor.';
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
