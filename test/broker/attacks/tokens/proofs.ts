import { createHmac } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { Prover } from '../../support/prover.ts';
import { bearer, encode, type Forge, type Sent, type TokenAttack } from './forge.ts';

/** What is wrong with a proof; what is not said is as it must be. */
interface Wrong {
  readonly claims?: Record<string, unknown>;
  readonly header?: object;
  /** Of the call, in place of `GET /v1/me`. */
  readonly path?: string;
  readonly method?: string;
}

const key = new Prover();
const other = new Prover();

const bound = async ({ token }: Forge, to = key) => token({ cnf: { jkt: await to.thumbprint() } });

const under = (token: string, ...proofs: readonly string[]) => [
  'authorization',
  `DPoP ${token}`,
  ...proofs.flatMap((proof) => ['dpop', proof]),
];

/** A call with a token that is bound to our key, and a proof by it. */
async function call(forge: Forge, { claims, header, path = '/v1/me', method = 'GET' }: Wrong): Promise<Sent> {
  const token = await bound(forge);
  const url = `${forge.provider.audience}/v1/me`;
  const proof = await key.sign({ ...key.claims('GET', url, token), ...claims }, header);
  return { path, method, headers: under(token, proof) };
}

/** The same call a second time. */
async function again(forge: Forge, change: (proof: string) => string): Promise<Sent> {
  const token = await bound(forge);
  const url = `${forge.provider.audience}/v1/me`;
  const proof = await key.proof('GET', url, token);
  const first = await fetch(url, { headers: { authorization: `DPoP ${token}`, dpop: proof } });
  if (first.status !== 200) throw new Error(`The first call was refused: ${await first.text()}`);
  return { headers: under(token, change(proof)) };
}

/** The other signature of the same words: of each one by an elliptic curve there are two. */
function otherSignature(proof: string): string {
  const [header = '', payload = '', signature = ''] = proof.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const mirrored = Buffer.concat([
    bytes.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
  ]);
  return `${header}.${payload}.${mirrored.toString('base64url')}`;
}

const only = 'A token that is bound to a key counts only with a proof of that key, made for this call.';
const from = 'RFC 9449 4.3';
const invalid = 'invalid_dpop_proof';
const wrongHeader = /header is not as it must be/;
const seconds = (more: number) => Math.floor(Date.now() / 1000) + more;

const wrong = (attack: string, what: Wrong, expected: TokenAttack['expected'], error = invalid) =>
  ({ from, says: only, attack, forge: (forge: Forge) => call(forge, what), expected, error }) as TokenAttack;

/** Ways that a proof of possession may be missing, stolen or made up. */
export const proofAttacks: readonly TokenAttack[] = [
  wrong('none: a good proof', {}, 'counts'),
  wrong('none: an address with a query, which no proof names', { path: '/v1/me?x=1' }, 'counts'),
  {
    from: 'RFC 9449 7.2, RFC 9700 4.10.1',
    says: 'Whoever stole a token would only have to leave the proof away.',
    attack: 'a bound token as a bearer token, with a good proof beside it',
    forge: async (forge) => {
      const token = await bound(forge);
      const proof = await key.proof('GET', `${forge.provider.audience}/v1/me`, token);
      return { headers: [...bearer(token), 'dpop', proof] };
    },
    expected: /came as a bearer token/,
  },
  {
    from: 'RFC 9449 7.1',
    says: 'Under DPoP comes what is bound to a key, and nothing else.',
    attack: 'a bearer token under DPoP, with a proof by a key that came along',
    forge: async ({ good, provider }) => {
      const token = await good();
      return { headers: under(token, await key.proof('GET', `${provider.audience}/v1/me`, token)) };
    },
    expected: /not bound to a key/,
  },
  {
    from: 'RFC 9449 6.1, RFC 8705 3.1',
    says: 'What is bound in two ways must be proved in both.',
    attack: 'a token that is bound to a certificate too',
    forge: async (forge) => {
      const token = await forge.token({ cnf: { jkt: await key.thumbprint(), 'x5t#S256': 'x'.repeat(43) } });
      return { headers: under(token, await key.proof('GET', `${forge.provider.audience}/v1/me`, token)) };
    },
    expected: /bound to a key/,
  },
  {
    from,
    says: only,
    attack: 'a stolen token without a proof',
    forge: async (forge) => ({ headers: under(await bound(forge)) }),
    expected: /without its one proof/,
    error: invalid,
  },
  {
    from: 'RFC 9449 4.3, 1.',
    says: 'There is one proof, or nobody knows which one a proxy looked at.',
    attack: 'two proofs, both good',
    forge: async (forge) => {
      const token = await bound(forge);
      const proof = () => key.proof('GET', `${forge.provider.audience}/v1/me`, token);
      return { headers: under(token, await proof(), await proof()) };
    },
    expected: /without its one proof/,
    error: invalid,
  },
  {
    from,
    says: only,
    attack: 'a stolen token with a proof by the thief’s key',
    forge: async (forge) => {
      const token = await bound(forge);
      return { headers: under(token, await other.proof('GET', `${forge.provider.audience}/v1/me`, token)) };
    },
    expected: /another key than the token’s/,
    error: invalid,
  },
  {
    from: 'RFC 9449 4.3, 6.',
    says: 'A proof is signed by the key that it names.',
    attack: 'a proof that names the token’s key, and is signed by the thief’s',
    forge: async (forge) => {
      const token = await bound(forge);
      const claims = other.claims('GET', `${forge.provider.audience}/v1/me`, token);
      return { headers: under(token, await other.sign(claims, { jwk: key.publicKey })) };
    },
    expected: /not signed by the key that it names/,
    error: invalid,
  },
  {
    from: 'RFC 9449 11.1',
    says: 'A proof counts once.',
    attack: 'a proof that was used',
    forge: (forge) => again(forge, (proof) => proof),
    expected: /came before/,
    error: invalid,
  },
  {
    from: 'RFC 9449 11.1',
    says: 'A proof counts once, however it is written.',
    attack: 'a proof that was used, with the other signature of the same words',
    forge: (forge) => again(forge, otherSignature),
    expected: /came before/,
    error: invalid,
  },
  {
    from: 'RFC 9449 4.3, 5.',
    says: 'A proof is signed, with a key that only its sender has.',
    attack: 'a proof that is not signed (alg none)',
    forge: async (forge) => {
      const token = await bound(forge);
      const claims = key.claims('GET', `${forge.provider.audience}/v1/me`, token);
      const header = { alg: 'none', typ: 'dpop+jwt', jwk: key.publicKey };
      return { headers: under(token, `${encode(header)}.${encode(claims)}.`) };
    },
    expected: wrongHeader,
    error: invalid,
  },
  {
    from: 'RFC 9449 4.3, 5.',
    says: 'A proof is signed, with a key that only its sender has.',
    attack: 'a proof that is signed with the public key as a shared secret (HS256)',
    forge: async (forge) => {
      const token = await bound(forge);
      const claims = key.claims('GET', `${forge.provider.audience}/v1/me`, token);
      const text = `${encode({ alg: 'HS256', typ: 'dpop+jwt', jwk: key.publicKey })}.${encode(claims)}`;
      const mac = createHmac('sha256', JSON.stringify(key.publicKey)).update(text).digest('base64url');
      return { headers: under(token, `${text}.${mac}`) };
    },
    expected: wrongHeader,
    error: invalid,
  },
  {
    from: 'RFC 8725 3.4',
    says: 'A key is a point of its curve.',
    attack: 'a token bound to a point that is on no curve, with something as its proof',
    forge: async (forge) => {
      const jwk = { kty: 'EC', crv: 'P-256', x: 'B'.repeat(42) + 'A', y: 'C'.repeat(42) + 'A' };
      const token = await forge.token({ cnf: { jkt: await calculateJwkThumbprint(jwk) } });
      const claims = key.claims('GET', `${forge.provider.audience}/v1/me`, token);
      return { headers: under(token, await key.sign(claims, { jwk })) };
    },
    expected: /key is none/,
    error: invalid,
  },
  {
    from: 'RFC 9449 4.3, 4.',
    says: 'What was made for something else is no proof.',
    attack: 'the token itself as its proof',
    forge: async (forge) => {
      const token = await bound(forge);
      return { headers: under(token, token) };
    },
    expected: wrongHeader,
    error: invalid,
  },
  wrong(
    'a proof with the private key in it',
    { header: { jwk: key.privateKey.export({ format: 'jwk' }) } },
    wrongHeader,
  ),
  wrong('a proof of another type', { header: { typ: 'JWT' } }, wrongHeader),
  wrong('a proof of no type', { header: { typ: undefined } }, wrongHeader),
  wrong('a proof that names no key', { header: { jwk: undefined } }, wrongHeader),
  wrong('a proof that names its key by an id', { header: { jwk: undefined, kid: 'x' } }, wrongHeader),
  wrong('a proof that names a shared secret', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }, wrongHeader),
  wrong('a proof for another method', { method: 'POST', path: '/v1/requests' }, /another method/),
  wrong('a proof for a method in small letters', { claims: { htm: 'get' } }, /another method/),
  wrong('a proof for another path', { path: '/v1/templates' }, /another address/),
  wrong(
    'a proof for another broker',
    { claims: { htu: 'https://elsewhere.example/v1/me' } },
    /another address/,
  ),
  wrong('a proof for an address that is none', { claims: { htu: '/v1/me' } }, /does not say what it must/),
  wrong('a proof for another token', { claims: { ath: 'x'.repeat(43) } }, /another token/),
  wrong('a proof for no token, as for the provider', { claims: { ath: undefined } }, /does not say/),
  wrong('a proof without a name', { claims: { jti: undefined } }, /does not say what it must/),
  wrong('a proof with a name that fills memory', { claims: { jti: 'x'.repeat(1_000) } }, /does not say/),
  wrong('a proof that is at its end', { claims: { exp: seconds(-60) } }, /not valid now/),
  wrong(
    'a proof of an hour ago',
    { claims: { iat: seconds(-3600) } },
    /not of this moment/,
    'use_dpop_nonce',
  ),
  wrong('a proof of a minute ago', { claims: { iat: seconds(-60) } }, /not of this moment/, 'use_dpop_nonce'),
  wrong('a proof made ahead', { claims: { iat: seconds(3600) } }, /not of this moment/, 'use_dpop_nonce'),
  wrong(
    'a proof with a nonce of the thief’s own',
    { claims: { nonce: `${seconds(0)}.1.00000000.${'A'.repeat(43)}` } },
    /not of this moment/,
    'use_dpop_nonce',
  ),
];
