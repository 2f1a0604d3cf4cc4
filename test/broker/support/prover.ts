import { createHash, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, SignJWT, type JWK } from 'jose';

/** Whoever has a key, and proves it (RFC 9449); well, or as an attacker would. */
export class Prover {
  readonly publicKey: JWK;
  readonly privateKey: KeyObject;

  constructor() {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.privateKey = pair.privateKey;
    this.publicKey = pair.publicKey.export({ format: 'jwk' });
  }

  thumbprint(): Promise<string> {
    return calculateJwkThumbprint(this.publicKey);
  }

  claims(method: string, url: string, token?: string): Record<string, unknown> {
    return {
      jti: randomUUID(),
      htm: method,
      htu: url,
      iat: Math.floor(Date.now() / 1000),
      ...(token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') }),
    };
  }

  sign(claims: Record<string, unknown>, header: object = {}): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: this.publicKey, ...header })
      .sign(this.privateKey);
  }

  proof(method: string, url: string, token?: string): Promise<string> {
    return this.sign(this.claims(method, url, token));
  }
}
