import { createHash, randomUUID, type webcrypto } from 'node:crypto';
import { Secret } from '../../contract/secret.ts';

/** What a sign-in is proved with here. */
export const proofAlgorithm = 'ES256';
const kind = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** What a call is made with. */
export interface Access {
  readonly token: Secret;
  /** The key that the token is bound to; absent: whoever has the token may use it. */
  readonly key?: Secret | undefined;
}

/** A key pair for one sign-in (DPoP, RFC 9449), as a private JWK (RFC 7517). */
export async function newProofKey(): Promise<Secret> {
  const { privateKey } = await crypto.subtle.generateKey(kind, true, ['sign', 'verify']);
  return new Secret(JSON.stringify(await crypto.subtle.exportKey('jwk', privateKey)));
}

const pairs = new WeakMap<Secret, Promise<webcrypto.CryptoKeyPair>>();

/** The key pair in the form that signs; taken apart once. */
export function pairOf(key: Secret): Promise<webcrypto.CryptoKeyPair> {
  const known = pairs.get(key) ?? read(key);
  pairs.set(key, known);
  return known;
}

async function read(key: Secret): Promise<webcrypto.CryptoKeyPair> {
  const { kty, crv, x, y, d } = JSON.parse(key.reveal()) as Required<webcrypto.JsonWebKey>;
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey('jwk', { kty, crv, x, y, d }, kind, false, ['sign']),
    crypto.subtle.importKey('jwk', { kty, crv, x, y }, kind, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

export const nonceHeader = 'dpop-nonce';

/** What the proof of the next try is to contain, where clocks are so far apart that the broker took this one for stale. */
export function nonceAsked(status: number, header: unknown): string | undefined {
  return status === 401 && typeof header === 'string' ? header : undefined;
}

export interface ProvenCall {
  readonly method: string;
  readonly url: string;
  /** The broker's time, in ms since the epoch. */
  readonly at: number;
  /** What the broker has asked for. */
  readonly nonce?: string | undefined;
}

/**
 * The headers by which a call says who makes it: a bearer token (RFC 6750 section 2.1), or one that is bound to a key with
 * a proof for this call and no other (RFC 9449 sections 4.2 and 7.1).
 */
export async function credentials({ token, key }: Access, call: ProvenCall): Promise<Record<string, string>> {
  if (!key) return { authorization: `Bearer ${token.reveal()}` };
  const { privateKey, publicKey } = await pairOf(key);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const text = [
    { alg: proofAlgorithm, typ: 'dpop+jwt', jwk: { kty, crv, x, y } },
    {
      jti: randomUUID(),
      htm: call.method,
      htu: call.url.replace(/[?#].*$/, ''),
      iat: Math.floor(call.at / 1000),
      ath: createHash('sha256').update(token.reveal()).digest('base64url'),
      ...(call.nonce === undefined ? {} : { nonce: call.nonce }),
    },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = await crypto.subtle.sign(
    { name: kind.name, hash: 'SHA-256' },
    privateKey,
    Buffer.from(text),
  );
  return {
    authorization: `DPoP ${token.reveal()}`,
    dpop: `${text}.${Buffer.from(signature).toString('base64url')}`,
  };
}
