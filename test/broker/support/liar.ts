import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';

/** An identity provider of our own that can lie, be slow and be counted. */
export class Liar {
  readonly #server: Server;
  /** Whom its tokens are for. */
  audience: string;
  readonly keys = new Map<string, KeyObject>();
  answer: (path: string) => { status?: number; body: unknown } | 'never' | undefined = () => undefined;
  readonly asked: string[] = [];
  published: object[] = [];

  constructor(audience: string) {
    this.audience = audience;
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      this.asked.push(path);
      const said = this.answer(path);
      if (said === 'never') return;
      const usual = path.endsWith('/jwks')
        ? { keys: this.published }
        : { issuer: this.issuer, jwks_uri: `${this.issuer}/jwks` };
      const body = said?.body ?? usual;
      response.writeHead(said?.status ?? 200, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Publishes a new key for signatures, and returns its id. */
  addKey(type: 'ec' | 'rsa' | 'ed25519', more: object = {}): string {
    const { publicKey, privateKey } =
      type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : type === 'rsa'
          ? generateKeyPairSync('rsa', { modulusLength: 2048 })
          : generateKeyPairSync('ed25519');
    const kid = randomUUID();
    this.keys.set(kid, privateKey);
    this.published.push({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', ...more });
    return kid;
  }

  claims(more: Record<string, unknown> = {}): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: this.issuer,
      sub: 'ana',
      aud: this.audience,
      client_id: 'daypass-vscode',
      iat: now,
      auth_time: now,
      exp: now + 300,
      jti: randomUUID(),
      name: 'Ana Lima',
      groups: ['engineering'],
      ...more,
    };
  }

  sign(kid: string, claims: Record<string, unknown>, header: object = {}): Promise<string> {
    const key = this.keys.get(kid)!;
    const alg = { ec: 'ES256', rsa: 'RS256', ed25519: 'EdDSA' }[key.asymmetricKeyType as string] ?? '';
    return new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header }).sign(key);
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
