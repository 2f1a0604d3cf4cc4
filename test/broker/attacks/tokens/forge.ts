import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Liar } from '../../support/liar.ts';

/** What a row has to work with: a provider whose keys it holds, unlike the attackers that most rows play. */
export interface Forge {
  readonly provider: Liar;
  /** Ids of its published keys. */
  readonly keys: { readonly ec: string; readonly ec2: string; readonly rsa: string };
  /** Seconds since 1970. */
  readonly now: number;
  /** A token that counts. */
  readonly good: () => Promise<string>;
  readonly token: (claims?: Record<string, unknown>, header?: object) => Promise<string>;
}

/** What is sent: a token in the usual header, or a whole call. */
export type Sent =
  | string
  | {
      readonly path?: string;
      readonly method?: string;
      readonly headers?: readonly string[];
      readonly body?: string;
    };

export interface TokenAttack {
  /** RFC and section that it comes from. */
  readonly from: string;
  /** What that says, in our words. */
  readonly says: string;
  /** What is tried. */
  readonly attack: string;
  readonly forge: (forge: Forge) => Sent | Promise<Sent>;
  /** Why it is refused, in the log; `counts`: it is no attack, and is let in. */
  readonly expected: RegExp | 'counts';
  /** The error code of RFC 6750 section 3.1 or RFC 9449; `invalid_token` unless said. */
  readonly error?: 'none' | 'invalid_request' | 'invalid_dpop_proof' | 'use_dpop_nonce';
}

export const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signed by the provider's elliptic key over exactly these bytes. */
export function signedBytes({ provider, keys }: Forge, header: string, payload: string | Buffer): string {
  const text = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  const key = provider.keys.get(keys.ec)!;
  return `${text}.${signBytes('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** Signed, with claims that are written out after those that make it good; a name that stands twice is the last one. */
export function signedClaims(forge: Forge, more: string): string {
  const claims = JSON.stringify(forge.provider.claims());
  return signedBytes(forge, headerText(forge), `${claims.slice(0, -1)},${more}}`);
}

export const headerText = ({ keys }: Forge, more = '') =>
  `{"alg":"ES256","typ":"at+jwt","kid":"${keys.ec}"${more}}`;
export const stranger = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const bearer = (token: string) => ['authorization', `Bearer ${token}`];

/** Signed by a key that nobody publishes, under a header that would like it to count. */
export async function bySomebodyElse(
  { provider }: Forge,
  header: object,
  claims: Record<string, unknown> = {},
): Promise<string> {
  const { privateKey } = stranger();
  return new SignJWT(provider.claims(claims))
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header })
    .sign(privateKey);
}

export const algorithm = /accepted algorithm/;
export const noToken = /No token came/;
export const notBearer = /not a bearer token/;
export const otherScheme = /another scheme/;
export const several = /More than one sign-in/;
export const notText = /not in UTF-8/;
export const wrongSignature = /signature is wrong/;
export const unknownKey = /key that the provider does not publish/;
