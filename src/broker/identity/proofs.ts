import { createHash } from 'node:crypto';
import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  jwtVerify,
  type CryptoKey,
  type JWK_EC_Public,
} from 'jose';
import * as z from 'zod';
import type { Nonces } from './nonces.ts';
import { Seen } from './seen.ts';

/** What proofs are signed with. Nobody needs another one: whoever signs in makes the key for it. */
export const proofAlgorithms = ['ES256'] as const;

/** Longest proof, in characters. */
const longest = 4 * 1024;
/** How old a proof, or the nonce in it, may be, in seconds: as long as a slow call is on its way. */
const freshSeconds = 30;
/** How far clocks may be apart, in seconds. */
const tolerance = 10;
/** Longer than a proof can count, from its first use on. */
const rememberedMs = 60_000;
const mostKeys = 10_000;

/** A call, as far as its proof is about it. */
export interface Call {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  /** The values of its `DPoP` headers. */
  readonly proofs: readonly string[];
}

/** A proof that does not count; the message is for the log. */
export class ProofRefused extends Error {
  /** RFC 9449 sections 7.1 and 9. */
  readonly code: 'invalid_dpop_proof' | 'use_dpop_nonce';

  constructor(reason: string, code: ProofRefused['code'] = 'invalid_dpop_proof') {
    super(reason);
    this.code = code;
  }
}

export interface ProofsOptions {
  /** An origin, without a slash at its end. */
  readonly publicUrl: string;
  readonly nonces: Nonces;
  readonly now: () => Date;
  readonly elapsed: () => number;
}

/**
 * Proofs that whoever calls has the key that their token is bound to (DPoP, RFC 9449 section 4.3). One counts once. That
 * is known at this broker only: to use it again at another one, it takes a proof that was not half a minute old.
 */
export class Proofs {
  readonly #options: ProofsOptions;
  /** By thumbprint: to import one costs more than a signature. */
  readonly #keys = new Map<string, Known>();
  readonly #seen: Seen;

  constructor(options: ProofsOptions) {
    this.#options = options;
    this.#seen = new Seen(rememberedMs, options.elapsed);
  }

  /**
   * @param thumbprint of the key that the token is bound to
   * @throws ProofRefused
   */
  async demand(call: Call | undefined, token: string, thumbprint: string): Promise<void> {
    const [proof, ...more] = call?.proofs ?? [];
    if (!call || proof === undefined || more.length > 0 || proof.length > longest)
      throw new ProofRefused('A token that is bound to a key came without its one proof.');
    const { jti, htm, htu, ath, iat, nonce } = await this.#claims(proof, thumbprint);
    if (htm !== call.method) throw new ProofRefused('The proof is for another method (htm).');
    if (plain(htu) !== plain(`${this.#options.publicUrl}${call.target}`))
      throw new ProofRefused('The proof is for another address (htu).');
    if (ath !== createHash('sha256').update(token).digest('base64url'))
      throw new ProofRefused('The proof is for another token (ath).');
    if (!this.#isFresh(nonce === undefined ? iat : this.#options.nonces.madeAt(nonce)))
      throw new ProofRefused('The proof is not of this moment (iat, nonce).', 'use_dpop_nonce');
    if (this.#seen.before(`${thumbprint} ${jti}`)) throw new ProofRefused('The proof came before (jti).');
  }

  async #claims(proof: string, thumbprint: string): Promise<z.infer<typeof Claims>> {
    const key = await this.#keyIn(proof, thumbprint);
    let payload: unknown;
    try {
      ({ payload } = await jwtVerify(proof, key, {
        algorithms: [...proofAlgorithms],
        clockTolerance: tolerance,
        currentDate: this.#options.now(),
      }));
    } catch {
      throw new ProofRefused('The proof is not signed by the key that it names, or not valid now.');
    }
    const claims = Claims.safeParse(payload);
    if (!claims.success) throw new ProofRefused('The proof does not say what it must.');
    return claims.data;
  }

  /** The key that a proof carries, if it is the one that the token is bound to. */
  async #keyIn(proof: string, thumbprint: string): Promise<CryptoKey> {
    const header = Header.safeParse(headerOf(proof));
    if (!header.success) throw new ProofRefused('The proof’s header is not as it must be (typ, alg, jwk).');
    const { kty, crv, x, y } = header.data.jwk;
    const known = this.#keys.get(thumbprint);
    if (known?.x === x && known.y === y) return known.key;
    if ((await calculateJwkThumbprint({ kty, crv, x, y })) !== thumbprint)
      throw new ProofRefused('The proof is by another key than the token’s.');
    const key = await imported({ kty, crv, x, y }).catch(() => {
      throw new ProofRefused('The proof’s key is none.');
    });
    this.#keep(thumbprint, { x, y, key });
    return key;
  }

  #keep(thumbprint: string, key: Known): void {
    for (const oldest of this.#keys.keys()) {
      if (this.#keys.size < mostKeys) break;
      this.#keys.delete(oldest);
    }
    this.#keys.set(thumbprint, key);
  }

  #isFresh(at: number | undefined): boolean {
    if (at === undefined) return false;
    const age = this.#options.now().getTime() / 1000 - at;
    return age >= -tolerance && age <= freshSeconds + tolerance;
  }
}

interface Known {
  readonly x: string;
  readonly y: string;
  readonly key: CryptoKey;
}

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

const Header = z.object({
  typ: z.literal('dpop+jwt'),
  alg: z.enum(proofAlgorithms),
  jwk: z
    .looseObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: coordinate, y: coordinate })
    .refine((key) => !('d' in key)),
});

/** RFC 9449 section 4.2. */
const Claims = z.object({
  jti: z.string().min(1).max(128),
  htm: z.string(),
  htu: z.url(),
  ath: z.string(),
  iat: z.number(),
  nonce: z.string().optional(),
});

function imported(key: JWK_EC_Public): Promise<CryptoKey> {
  return crypto.subtle.importKey('jwk', key, { name: 'ECDSA', namedCurve: key.crv }, false, ['verify']);
}

function headerOf(proof: string): unknown {
  try {
    return decodeProtectedHeader(proof);
  } catch {
    return undefined;
  }
}

/** Without query and fragment, written in one way (RFC 9449 section 4.3); undefined where it is no address. */
function plain(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { origin, pathname } = new URL(address);
  return `${origin}${pathname}`;
}
