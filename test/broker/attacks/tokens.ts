import {
  createHmac,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  randomUUID,
  sign as signBytes,
} from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { SignJWT } from 'jose';
import type { Liar } from '../support/liar.ts';

/** What a row has to work with: a provider whose keys it holds, unlike the attackers that most rows play. */
export interface Forge {
  readonly provider: Liar;
  /** Ids of its published keys. */
  readonly keys: { readonly ec: string; readonly rsa: string };
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
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signed by the provider's elliptic key over exactly these bytes. */
function signedBytes({ provider, keys }: Forge, header: string, payload: string | Buffer): string {
  const text = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  const key = provider.keys.get(keys.ec)!;
  return `${text}.${signBytes('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const headerText = ({ keys }: Forge, more = '') => `{"alg":"ES256","typ":"at+jwt","kid":"${keys.ec}"${more}}`;
const stranger = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const bearer = (token: string) => ['authorization', `Bearer ${token}`];

/** Signed by a key that nobody publishes, under a header that would like it to count. */
async function bySomebodyElse({ provider }: Forge, header: object): Promise<string> {
  const { privateKey } = stranger();
  return new SignJWT(provider.claims())
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header })
    .sign(privateKey);
}

const algorithm = /accepted algorithm/;
const noToken = /No token came/;
const notBearer = /not a bearer token/;
const wrongSignature = /signature is wrong/;
const unknownKey = /key that the provider does not publish/;

export const tokenAttacks: readonly TokenAttack[] = [
  // RFC 8725 section 3.1
  {
    from: 'RFC 8725 3.1',
    says: 'Only algorithms that the application chose are used.',
    attack: 'alg none, no signature',
    forge: ({ provider }) => `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(provider.claims())}.`,
    expected: algorithm,
  },
  ...['None', 'NONE', 'nOnE', ''].map((alg) => ({
    from: 'RFC 8725 3.1',
    says: 'Only algorithms that the application chose are used.',
    attack: `alg "${alg}"`,
    forge: ({ provider }: Forge) => `${encode({ alg })}.${encode(provider.claims())}.`,
    expected: algorithm,
  })),
  {
    from: 'RFC 8725 3.1',
    says: 'Only algorithms that the application chose are used.',
    attack: 'no alg at all',
    forge: ({ provider }) => `${encode({ typ: 'at+jwt' })}.${encode(provider.claims())}.AAAA`,
    expected: algorithm,
  },
  {
    from: 'RFC 8725 3.1',
    says: 'Only algorithms that the application chose are used.',
    attack: 'alg that is a list with an accepted one in it',
    forge: ({ provider, keys }) =>
      `${encode({ alg: ['ES256'], kid: keys.ec })}.${encode(provider.claims())}.AAAA`,
    expected: /accepted algorithm|not a JWT/,
  },
  ...(['jwk', 'pem', 'der'] as const).map((form) => ({
    from: 'RFC 8725 2.1, 3.1',
    says: 'The algorithm must be that of the key: a public key is no shared secret.',
    attack: `HS256 with the public RSA key as the secret (${form})`,
    forge: ({ provider, keys }: Forge) => {
      const text = `${encode({ alg: 'HS256', kid: keys.rsa, typ: 'at+jwt' })}.${encode(provider.claims())}`;
      const key = createPublicKey(provider.keys.get(keys.rsa)!);
      const secret =
        form === 'jwk'
          ? JSON.stringify(key.export({ format: 'jwk' }))
          : form === 'pem'
            ? key.export({ format: 'pem', type: 'spki' })
            : key.export({ format: 'der', type: 'spki' });
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    },
    expected: algorithm,
  })),
  {
    from: 'RFC 8725 3.1',
    says: 'Each key is used with exactly one algorithm.',
    attack: 'RS256 said of the elliptic key',
    forge: ({ provider, keys }) =>
      `${encode({ alg: 'RS256', kid: keys.ec })}.${encode(provider.claims())}.AAAA`,
    expected: unknownKey,
  },
  {
    from: 'RFC 8725 3.1',
    says: 'Only algorithms that the application chose are used.',
    attack: 'RS512, really signed, and not in the list',
    forge: ({ provider, keys }) => {
      const text = `${encode({ alg: 'RS512', kid: keys.rsa, typ: 'at+jwt' })}.${encode(provider.claims())}`;
      const signature = createSign('sha512').update(text).sign(provider.keys.get(keys.rsa)!);
      return `${text}.${signature.toString('base64url')}`;
    },
    expected: algorithm,
  },
  {
    from: 'RFC 8725 3.1',
    says: 'Only algorithms that the application chose are used.',
    attack: 'RS1, as some libraries still know it',
    forge: ({ provider, keys }) =>
      `${encode({ alg: 'RS1', kid: keys.rsa })}.${encode(provider.claims())}.AAAA`,
    expected: algorithm,
  },

  // Section 3.2 and 3.3
  {
    from: 'RFC 8725 3.3',
    says: 'Every cryptographic operation must succeed, or the whole token is rejected.',
    attack: 'claims changed after they were signed',
    forge: async ({ good, provider }) => {
      const [header, , signature] = (await good()).split('.');
      return `${header!}.${encode(provider.claims({ groups: ['payments-leads'] }))}.${signature!}`;
    },
    expected: wrongSignature,
  },
  {
    from: 'RFC 8725 3.3',
    says: 'Every cryptographic operation must succeed, or the whole token is rejected.',
    attack: 'header changed after it was signed',
    forge: async ({ good, keys }) => {
      const [, payload, signature] = (await good()).split('.');
      return `${encode({ alg: 'ES256', kid: keys.ec, typ: 'at+jwt', x: 1 })}.${payload!}.${signature!}`;
    },
    expected: wrongSignature,
  },
  {
    from: 'RFC 8725 3.3',
    says: 'Every cryptographic operation must succeed, or the whole token is rejected.',
    attack: 'signature left out',
    forge: async ({ good }) => `${(await good()).split('.').slice(0, 2).join('.')}.`,
    expected: wrongSignature,
  },
  {
    from: 'RFC 8725 3.4 (CVE-2022-21449)',
    says: 'Cryptographic inputs are validated.',
    attack: 'an ECDSA signature of zeros',
    forge: ({ provider, keys }) =>
      `${encode({ alg: 'ES256', kid: keys.ec, typ: 'at+jwt' })}.${encode(provider.claims())}.${Buffer.alloc(64).toString('base64url')}`,
    expected: wrongSignature,
  },
  {
    from: 'RFC 7518 3.4',
    says: 'An ECDSA signature is R and S, 64 bytes; no other form counts.',
    attack: 'the same signature in DER',
    forge: ({ provider, keys }) => {
      const text = `${encode({ alg: 'ES256', kid: keys.ec, typ: 'at+jwt' })}.${encode(provider.claims())}`;
      const der = createSign('sha256').update(text).sign(provider.keys.get(keys.ec)!);
      return `${text}.${der.toString('base64url')}`;
    },
    expected: wrongSignature,
  },
  {
    from: 'RFC 8725 3.3, RFC 7519 5.2',
    says: 'A nested token is verified on each level; here none is taken.',
    attack: 'a good token as the payload of another one',
    forge: async (forge) => signedBytes(forge, headerText(forge, ',"cty":"JWT"'), await forge.good()),
    expected: /cannot be used|missing or wrong/,
  },

  // Sections 3.4 to 3.7
  {
    from: 'RFC 8725 3.6',
    says: 'Compression before encryption tells of the plain text; nothing compressed or encrypted is taken.',
    attack: 'an encrypted, compressed token (JWE, five parts)',
    forge: () => `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM', zip: 'DEF' })}.AAAA.AAAA.AAAA.AAAA`,
    expected: notBearer,
  },
  {
    from: 'RFC 8725 3.6, RFC 7516 4.1.3',
    says: 'Compression has no place in a signed token.',
    attack: 'a signed payload that is compressed (zip)',
    forge: (forge) =>
      signedBytes(
        forge,
        headerText(forge, ',"zip":"DEF"'),
        deflateRawSync(JSON.stringify(forge.provider.claims())),
      ),
    expected: /cannot be used/,
  },
  {
    from: 'RFC 7797 7',
    says: 'A JWT never has its payload unencoded.',
    attack: 'b64 false, as critical',
    forge: (forge) =>
      signedBytes(
        forge,
        headerText(forge, ',"b64":false,"crit":["b64"]'),
        JSON.stringify(forge.provider.claims()),
      ),
    expected: /cannot be used|signature is wrong/,
  },
  {
    from: 'RFC 7515 4.1.11',
    says: 'A critical extension that is not understood makes the token invalid.',
    attack: 'crit with an extension of somebody’s own',
    forge: (forge) =>
      signedBytes(forge, headerText(forge, ',"x":1,"crit":["x"]'), JSON.stringify(forge.provider.claims())),
    expected: /cannot be used/,
  },
  {
    from: 'RFC 7515 4.1.11',
    says: 'crit is a list that is not empty.',
    attack: 'crit that is a text',
    forge: (forge) =>
      signedBytes(forge, headerText(forge, ',"crit":"exp"'), JSON.stringify(forge.provider.claims())),
    expected: /cannot be used/,
  },
  {
    from: 'RFC 8725 3.7',
    says: 'Claims are UTF-8.',
    attack: 'claims in UTF-16',
    forge: (forge) =>
      signedBytes(forge, headerText(forge), Buffer.from(JSON.stringify(forge.provider.claims()), 'utf16le')),
    expected: /cannot be used/,
  },
  ...['null', '[]', '"ana"', '1', ''].map((payload) => ({
    from: 'RFC 7519 7.2',
    says: 'The claims are a JSON object.',
    attack: `claims that are ${payload || 'nothing'}`,
    forge: (forge: Forge) => signedBytes(forge, headerText(forge), payload),
    expected: /cannot be used|missing or wrong|not a bearer/,
  })),
  {
    from: 'RFC 7519 4',
    says: 'Of two claims of one name, the last one counts, or none does.',
    attack: 'two subjects, signed: the last one is who calls',
    forge: (forge) => {
      const claims = JSON.stringify(forge.provider.claims({ sub: 'last' }));
      return signedBytes(forge, headerText(forge), `{"sub":"first",${claims.slice(1)}`);
    },
    expected: 'counts',
  },
  {
    from: 'RFC 7515 4',
    says: 'Of two header parameters of one name, the last one counts, or none does.',
    attack: 'ES256 first, none last',
    forge: ({ provider, keys }) =>
      `${Buffer.from(`{"alg":"ES256","kid":"${keys.ec}","alg":"none"}`).toString('base64url')}.${encode(provider.claims())}.`,
    expected: algorithm,
  },
  {
    from: 'RFC 7515 4',
    says: 'Of two header parameters of one name, the last one counts, or none does.',
    attack: 'none first, ES256 last, unsigned',
    forge: ({ provider, keys }) =>
      `${Buffer.from(`{"alg":"none","kid":"${keys.ec}","alg":"ES256"}`).toString('base64url')}.${encode(provider.claims())}.`,
    expected: wrongSignature,
  },
  {
    from: 'RFC 4648 3.5, RFC 7515 2',
    says: 'There is one spelling of each value: bits that say nothing are zero.',
    attack: 'the last letter of a good signature changed to one that decodes alike',
    forge: async ({ good }) => {
      const token = await good();
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1)!) + 1]!;
    },
    expected: /not written as it must be/,
  },
  ...(
    [
      ['padding at its end', (token: string) => `${token}==`],
      ['the alphabet with + and /', (token: string) => `${token.slice(0, -4)}+/+/`],
      ['a line break in it', (token: string) => `${token.slice(0, 30)}%0A${token.slice(30)}`],
      ['a fourth part', (token: string) => `${token}.AAAA`],
      ['a comma and another one after it', (token: string) => `${token},${token}`],
      ['a word after it', (token: string) => `${token} admin`],
    ] as const
  ).map(([what, change]) => ({
    from: 'RFC 6750 2.1, RFC 7515 2',
    says: 'A token is three parts in base64url, and nothing else.',
    attack: `a good token with ${what}`,
    forge: async ({ good }: Forge) => change(await good()),
    expected: notBearer,
  })),
  {
    from: 'RFC 8725 3.4',
    says: 'Inputs are validated before they are worked on.',
    attack: 'a token of 17,000 characters',
    forge: ({ token }) => token({ padding: 'x'.repeat(12_500) }),
    expected: /sensible size/,
  },
  {
    from: 'RFC 8725 3.4',
    says: 'Inputs are validated before they are worked on.',
    attack: 'a header nested ten thousand deep',
    forge: () => `${Buffer.from('['.repeat(5_000) + ']'.repeat(5_000)).toString('base64url')}.e30.AAAA`,
    expected: /not a JWT|accepted algorithm/,
  },

  // Section 3.8
  ...(
    [
      ['with a slash at its end', (issuer: string) => `${issuer}/`],
      ['in capitals', (issuer: string) => issuer.toUpperCase()],
      ['over https', (issuer: string) => issuer.replace('http:', 'https:')],
      ['with our own behind an @', (issuer: string) => issuer.replace('http://', 'http://evil@')],
      ['as a list', (issuer: string) => [issuer]],
      ['left out', () => undefined],
    ] as const
  ).map(([what, change]) => ({
    from: 'RFC 8725 3.8, RFC 9068 4',
    says: 'The issuer is compared exactly; its keys belong to it.',
    attack: `the issuer ${what}`,
    forge: ({ provider, token }: Forge) => token({ iss: change(provider.issuer) }),
    expected: /another issuer|missing or wrong/,
  })),
  ...(
    [
      ['left out', undefined],
      ['empty', ''],
      ['of blanks', '  '],
      ['a number', 7],
      ['a list', ['ana']],
      ['an object', { id: 'ana' }],
      ['null', null],
      ['longer than any', 'a'.repeat(300)],
      ['with a NUL in it', 'ana\0'],
      ['with letters that are not seen', 'ana\u200b'],
      ['that reads backwards', '\u202eana'],
    ] as const
  ).map(([what, sub]) => ({
    from: 'RFC 8725 3.8, RFC 9068 2.2',
    says: 'The subject must be a valid one.',
    attack: `a subject that is ${what}`,
    forge: ({ token }: Forge) => token({ sub }),
    expected: /does not say who|missing or wrong|cannot be used/,
  })),

  // Section 3.9, RFC 9700 2.3 and 4.10.2
  ...(
    [
      ['another API of the same provider', () => 'https://mail.example'],
      ['ours, with a slash', (audience: string) => `${audience}/`],
      ['ours, with a path', (audience: string) => `${audience}/v1`],
      ['ours in part', (audience: string) => audience.slice(0, -1)],
      ['nobody', () => undefined],
      ['an empty list', () => []],
      ['a list in a list', (audience: string) => [[audience]]],
      ['everybody', () => '*'],
    ] as const
  ).map(([what, change]) => ({
    from: 'RFC 8725 3.9, RFC 9700 2.3 and 4.10.2',
    says: 'Each call is checked for whether its token was made for this server; otherwise it is refused.',
    attack: `a token for ${what}`,
    forge: ({ provider, token }: Forge) => token({ aud: change(provider.audience) }),
    expected: /another audience/,
  })),
  {
    from: 'RFC 8725 3.9, RFC 9068 4',
    says: 'Several audiences are possible; ours must be among them.',
    attack: 'two audiences, one of them ours',
    forge: ({ provider, token }) => token({ aud: ['https://mail.example', provider.audience] }),
    expected: 'counts',
  },
  {
    from: 'RFC 8725 3.9',
    says: 'Several audiences are possible; ours must be among them.',
    attack: 'two audiences, neither of them ours',
    forge: ({ token }) => token({ aud: ['https://mail.example', 'https://files.example'] }),
    expected: /another audience/,
  },

  // Section 3.10
  ...(
    [
      ['a path', '../../../../dev/null'],
      ['SQL', "' or 1=1; drop table person; --"],
      ['a command', '|/bin/true'],
      ['an address', 'http://169.254.169.254/latest/meta-data'],
      ['unknown', randomUUID()],
      ['of 8,000 letters', 'k'.repeat(8_000)],
      ['a number', 7],
      ['a prototype', '__proto__'],
      ['empty', ''],
    ] as const
  ).map(([what, kid]) => ({
    from: 'RFC 8725 3.10',
    says: 'What a token says is no instruction: a key id is looked up among the known ones, and nothing else.',
    attack: `a key id that is ${what}`,
    forge: (forge: Forge) => bySomebodyElse(forge, { kid }),
    expected: /does not publish|signature is wrong|cannot be used/,
  })),
  ...(['jku', 'x5u'] as const).map((name) => ({
    from: 'RFC 8725 3.10',
    says: 'Addresses in a token are not followed (SSRF).',
    attack: `an address to fetch the key from (${name})`,
    forge: (forge: Forge) =>
      bySomebodyElse(forge, { kid: forge.keys.ec, [name]: `${forge.provider.issuer}/evil-keys` }),
    expected: wrongSignature,
  })),
  {
    from: 'RFC 8725 3.10, RFC 7515 4.1.3 (CVE-2018-0114)',
    says: 'A key that came along proves nothing.',
    attack: 'an embedded key (jwk) that fits the signature',
    forge: async ({ provider, keys }) => {
      const { publicKey, privateKey } = stranger();
      return new SignJWT(provider.claims())
        .setProtectedHeader({
          alg: 'ES256',
          typ: 'at+jwt',
          kid: keys.ec,
          jwk: publicKey.export({ format: 'jwk' }),
        })
        .sign(privateKey);
    },
    expected: wrongSignature,
  },
  {
    from: 'RFC 7515 4.1.6',
    says: 'A certificate that came along proves nothing.',
    attack: 'an embedded certificate (x5c)',
    forge: (forge) => bySomebodyElse(forge, { kid: forge.keys.ec, x5c: ['MIIB'] }),
    expected: wrongSignature,
  },

  // Sections 3.11 and 3.12
  ...[
    'logout+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'oauth-authz-req+jwt',
    'token-introspection+jwt',
    'JWE',
    'at+jwt2',
  ].map((typ) => ({
    from: 'RFC 8725 3.11, RFC 9068 4',
    says: 'The type says what a token is for; one of another type is refused.',
    attack: `typ ${typ}`,
    forge: ({ token }: Forge) => token({}, { typ }),
    expected: /another type/,
  })),
  ...['JWT', 'at+jwt', 'AT+JWT', 'application/at+jwt'].map((typ) => ({
    from: 'RFC 9068 4, RFC 7515 4.1.9',
    says: 'at+jwt in any case, with or without application/; many providers write JWT.',
    attack: `typ ${typ}`,
    forge: ({ token }: Forge) => token({}, { typ }),
    expected: 'counts' as const,
  })),
  ...(
    [
      ['the hash of an access token', { at_hash: 'x' }],
      ['the hash of a code', { c_hash: 'x' }],
      ['the hash of a state', { s_hash: 'x' }],
      ['a nonce', { nonce: 'x' }],
      ['the name ID', { typ: 'ID' }],
      ['the name Refresh', { typ: 'Refresh' }],
      ['the name Offline', { typ: 'Offline' }],
    ] as const
  ).map(([what, claims]) => ({
    from: 'RFC 8725 3.12, RFC 9068 4',
    says: 'Tokens of one issuer for different purposes must not be taken for one another.',
    attack: `an ID token or its like, by ${what}`,
    forge: ({ token }: Forge) => token(claims, { typ: 'JWT' }),
    expected: /ID token/,
  })),
  {
    from: 'RFC 8725 3.12, OpenID Connect Core 2',
    says: 'Tokens of one issuer for different purposes must not be taken for one another.',
    attack: 'an ID token whose audience is the editor’s client too',
    forge: ({ provider, token }) => token({ aud: [provider.audience, 'daypass-vscode'] }),
    expected: /ID token/,
  },
  {
    from: 'RFC 9700 2.2.1 and 4.10.1',
    says: 'A token bound to a key counts only with the proof that its sender has it.',
    attack: 'a bound token (cnf) without proof',
    forge: ({ token }) => token({ cnf: { jkt: 'x' } }),
    expected: /bound to a key/,
  },
  {
    from: 'RFC 9700 4.15, RFC 9068 5',
    says: 'A program must not be taken for a person whose name it has.',
    attack: 'a token of a client itself (sub is the client)',
    forge: ({ token }) => token({ sub: 'daypass-vscode' }),
    expected: /belongs to a program/,
  },
  ...(
    [
      ['another app of the same provider', { client_id: 'another-app' }, /not configured/],
      ['another app, by azp', { client_id: undefined, azp: 'another-app' }, /not configured/],
      ['two apps', { azp: 'another-app' }, /two different clients/],
      ['no app', { client_id: undefined }, /does not name its client/],
      ['a list of apps', { client_id: ['daypass-vscode'] }, /does not name its client/],
    ] as const
  ).map(([what, claims, expected]) => ({
    from: 'RFC 9068 2.2, threats: another app of the same provider',
    says: 'A token names the client that it was issued to; only configured ones count.',
    attack: `a token of ${what}`,
    forge: ({ token }: Forge) => token(claims),
    expected,
  })),
  ...(
    [
      ['one text', 'payments-leads', /not a list of texts/],
      ['an object', { 'payments-leads': true }, /not a list of texts/],
      ['a list of objects', [{ name: 'payments-leads' }], /not a list of texts/],
      ['one that is too long', ['x'.repeat(1_001)], /not a list of texts/],
    ] as const
  ).map(([what, groups, expected]) => ({
    from: 'RFC 8725 3.10',
    says: 'Claims of another form than expected are not guessed at.',
    attack: `groups that are ${what}`,
    forge: ({ token }: Forge) => token({ groups }),
    expected,
  })),

  // RFC 7519 4.1 and RFC 9068 4: times
  ...(
    [
      ['expired a minute ago', ({ now }: Forge) => ({ exp: now - 60 }), /expired/],
      ['without an end', () => ({ exp: undefined }), /missing or wrong \(exp\)/],
      [
        'with an end that is a text',
        ({ now }: Forge) => ({ exp: String(now + 300) }),
        /missing or wrong|cannot be used/,
      ],
      [
        'with an end in a list',
        ({ now }: Forge) => ({ exp: [now + 300] }),
        /missing or wrong|cannot be used/,
      ],
      ['with an end of null', () => ({ exp: null }), /missing or wrong|cannot be used/],
      ['with a negative end', () => ({ exp: -1 }), /expired/],
      ['that ends in milliseconds', ({ now }: Forge) => ({ exp: (now + 300) * 1000 }), /no point in time/],
      ['that ends at the end of numbers', () => ({ exp: 1.7e308 }), /no point in time/],
      ['good for ten years', ({ now }: Forge) => ({ exp: now + 10 * 366 * 86_400 }), /no point in time/],
      ['with an end in fractions', ({ now }: Forge) => ({ exp: now + 300.5 }), 'counts'],
      ['not valid yet', ({ now }: Forge) => ({ nbf: now + 600 }), /not valid yet/],
      [
        'not valid before a text',
        () => ({ nbf: 'tomorrow' }),
        /not valid yet|missing or wrong|cannot be used/,
      ],
      [
        'issued in the future',
        ({ now }: Forge) => ({ iat: now + 3600, exp: now + 7200 }),
        /issued in the future/,
      ],
      ['issued at a text', () => ({ iat: 'now' }), /missing or wrong|cannot be used|future/],
    ] as const
  ).map(([what, claims, expected]) => ({
    from: 'RFC 7519 4.1.4 to 4.1.6, RFC 9068 4',
    says: 'The time now lies before the end; times are numbers.',
    attack: `a token ${what}`,
    forge: (forge: Forge) => forge.token(claims(forge)),
    expected,
  })),

  // RFC 6750 and RFC 9700 4.3: ways that a token may come
  {
    from: 'RFC 9700 2.1 and 4.3.2, RFC 6750 2.3',
    says: 'A token never comes in an address, where logs and histories keep it.',
    attack: 'a good token as ?access_token=',
    forge: async ({ good }) => ({ path: `/v1/me?access_token=${await good()}` }),
    expected: noToken,
  },
  {
    from: 'RFC 6750 2.2',
    says: 'A token never comes in a body.',
    attack: 'a good token in a form',
    forge: async ({ good }) => ({
      method: 'POST',
      path: '/v1/requests',
      headers: ['content-type', 'application/x-www-form-urlencoded'],
      body: `access_token=${await good()}`,
    }),
    expected: noToken,
  },
  {
    from: 'RFC 6750 5.3',
    says: 'A token never comes in a cookie: browsers send those by themselves (CSRF).',
    attack: 'a good token in cookies',
    forge: async ({ good }) => {
      const token = await good();
      return { headers: ['cookie', `access_token=${token}; authorization=Bearer ${token}`] };
    },
    expected: noToken,
  },
  {
    from: 'RFC 9700 4.13, RFC 9110 5.3',
    says: 'What a proxy looked at must be what the server looks at.',
    attack: 'two Authorization headers, both good',
    forge: async ({ good }) => ({ headers: [...bearer(await good()), ...bearer(await good())] }),
    expected: notBearer,
  },
  {
    from: 'RFC 9700 4.13, RFC 9110 5.3',
    says: 'What a proxy looked at must be what the server looks at.',
    attack: 'two Authorization headers, a good one first',
    forge: async ({ good }) => ({ headers: [...bearer(await good()), 'authorization', 'Basic YTpi'] }),
    expected: notBearer,
  },
  ...[
    'x-forwarded-authorization',
    'x-authorization',
    'proxy-authorization',
    'x-forwarded-user',
    'x-remote-user',
  ].map((name) => ({
    from: 'RFC 9700 4.13',
    says: 'Headers that a proxy would set are believed from nobody.',
    attack: `a good token as ${name}`,
    forge: async ({ good }: Forge) => ({ headers: [name, `Bearer ${await good()}`] }),
    expected: noToken,
  })),
  ...['Basic', 'DPoP', 'Token', 'JWT', 'MAC', ''].map((scheme) => ({
    from: 'RFC 6750 2.1, RFC 9449 7.1',
    says: 'The scheme is Bearer, and says how the rest is meant.',
    attack: `a good token under the scheme "${scheme}"`,
    forge: async ({ good }: Forge) => ({ headers: ['authorization', `${scheme} ${await good()}`.trim()] }),
    expected: notBearer,
  })),
  ...['bearer', 'BEARER', 'bEaReR'].map((scheme) => ({
    from: 'RFC 9110 11.1',
    says: 'A scheme is the same in any case.',
    attack: `a good token under ${scheme}`,
    forge: async ({ good }: Forge) => ({ headers: ['authorization', `${scheme} ${await good()}`] }),
    expected: 'counts' as const,
  })),
  {
    from: 'RFC 9700 4.14',
    says: 'A refresh token is for the provider alone.',
    attack: 'an opaque refresh token',
    forge: () => 'v1.MjAyNi1yZWZyZXNoLXRva2Vu',
    expected: notBearer,
  },
  {
    from: 'RFC 6750 3',
    says: 'Who sends nothing is told where to sign in.',
    attack: 'no token',
    forge: () => ({}),
    expected: noToken,
  },
];
