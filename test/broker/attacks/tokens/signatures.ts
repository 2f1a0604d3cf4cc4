import { createHmac, createPublicKey, createSign } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import {
  algorithm,
  encode,
  headerText,
  notBearer,
  notText,
  signedBytes,
  signedClaims,
  unknownKey,
  wrongSignature,
  type Forge,
  type TokenAttack,
} from './forge.ts';

/** Signatures, keys, algorithms, and how a token is written. */
export const signatureAttacks: readonly TokenAttack[] = [
  // RFC 8725 sections 3.1 and 3.2
  {
    from: 'RFC 8725 2.1 and 3.2, RFC 9068 4',
    says: 'A token whose algorithm is none is refused.',
    attack: 'alg none, no signature',
    forge: ({ provider }) => `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(provider.claims())}.`,
    expected: algorithm,
  },
  ...[
    'None',
    'NONE',
    'nOnE',
    '',
    'es256',
    'ES256 ',
    'ES256\0',
    'HS256',
    'PBES2-HS256+A128KW',
    'dir',
    'ECDH-ES',
  ].map((alg) => ({
    from: 'RFC 8725 3.1, RFC 7515 4.1.1',
    says: 'Only algorithms that the application chose are used; their names are compared letter by letter.',
    attack: `alg ${JSON.stringify(alg)}`,
    forge: ({ provider }: Forge) => `${encode({ alg })}.${encode(provider.claims())}.`,
    expected: algorithm,
  })),
  ...([7, null, {}, true] as const).map((alg) => ({
    from: 'RFC 7515 4.1.1',
    says: 'The name of the algorithm is a text.',
    attack: `alg that is ${JSON.stringify(alg)}`,
    forge: ({ provider }: Forge) => `${encode({ alg })}.${encode(provider.claims())}.AAAA`,
    expected: /accepted algorithm|not a JWT/,
  })),
  {
    from: 'RFC 8725 3.1, RFC 7515 4.1.1',
    says: 'The algorithm must be said.',
    attack: 'no alg at all',
    forge: ({ provider }) => `${encode({ typ: 'at+jwt' })}.${encode(provider.claims())}.AAAA`,
    expected: algorithm,
  },
  {
    from: 'RFC 7515 4.1.1',
    says: 'The name of the algorithm is a text.',
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
    from: 'RFC 8725 3.1 and 3.2',
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
    from: 'RFC 8725 3.2',
    says: 'Only algorithms that are current cryptography are used.',
    attack: 'RS1, as some libraries still know it',
    forge: ({ provider, keys }) =>
      `${encode({ alg: 'RS1', kid: keys.rsa })}.${encode(provider.claims())}.AAAA`,
    expected: algorithm,
  },

  // Sections 3.3 and 3.4
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
  ...(
    [
      ['zeros (CVE-2022-21449)', 0, 64],
      ['ones, beyond the order of the curve', 0xff, 64],
      ['half the length', 1, 32],
    ] as const
  ).map(([what, byte, length]) => ({
    from: 'RFC 8725 3.4, RFC 7518 3.4',
    says: 'Values that cannot be are refused before anything is computed with them.',
    attack: `an ECDSA signature of ${what}`,
    forge: ({ provider, keys }: Forge) =>
      `${encode({ alg: 'ES256', kid: keys.ec, typ: 'at+jwt' })}.${encode(provider.claims())}.${Buffer.alloc(length, byte).toString('base64url')}`,
    expected: wrongSignature,
  })),
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

  // Sections 2.3, 2.4, 3.6 and 3.7: what is encrypted, compressed, or no UTF-8
  {
    from: 'RFC 8725 3.6',
    says: 'Compression before encryption tells of the plain text; nothing compressed or encrypted is taken.',
    attack: 'an encrypted, compressed token (JWE, five parts)',
    forge: () => `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM', zip: 'DEF' })}.AAAA.AAAA.AAAA.AAAA`,
    expected: notBearer,
  },
  {
    from: 'RFC 8725 2.4 and 3.6',
    says: 'What would grow beyond measure when it is unpacked is not unpacked.',
    attack: 'ten megabytes of zeros, compressed, in the place of the cipher text (JWE)',
    forge: () =>
      `${encode({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' })}..AAAA.${deflateRawSync(Buffer.alloc(10_000_000)).toString('base64url')}.AAAA`,
    expected: notBearer,
  },
  {
    from: 'RFC 8725 2.3 and 3.3',
    says: 'What is merely encrypted proves nothing about who wrote it: anybody has the public key.',
    attack: 'claims encrypted to the provider’s public key, named as signed by it',
    forge: ({ provider, keys }) =>
      `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM', kid: keys.rsa })}.${encode(provider.claims())}.AAAA`,
    expected: algorithm,
  },
  {
    from: 'RFC 8725 2.5 and 3.4',
    says: 'A point that came along is not computed with.',
    attack: 'ECDH-ES with an ephemeral key that is no point of its curve',
    forge: ({ provider }) =>
      `${encode({ alg: 'ECDH-ES+A128KW', enc: 'A128GCM', epk: { kty: 'EC', crv: 'P-256', x: 'AQ', y: 'AQ' } })}.${encode(provider.claims())}.AAAA`,
    expected: algorithm,
  },
  {
    from: 'RFC 7518 4.8.1.2',
    says: 'How often something is hashed is not for the sender to say.',
    attack: 'PBES2 with two thousand million rounds (p2c)',
    forge: ({ provider }) =>
      `${encode({ alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', p2c: 2_000_000_000, p2s: 'AAAA' })}.${encode(provider.claims())}.AAAA`,
    expected: algorithm,
  },
  ...(
    [
      [
        'flattened',
        (protectedHeader: string, payload: string, signature: string) => ({
          protected: protectedHeader,
          payload,
          signature,
        }),
      ],
      [
        'general',
        (protectedHeader: string, payload: string, signature: string) => ({
          payload,
          signatures: [{ protected: protectedHeader, signature }],
        }),
      ],
    ] as const
  ).map(([what, written]) => ({
    from: 'RFC 7519 1, RFC 7515 7.2',
    says: 'A JWT is always in the compact form.',
    attack: `a good token as ${what} JSON`,
    forge: async ({ good }: Forge) => {
      const [header = '', payload = '', signature = ''] = (await good()).split('.');
      return { headers: ['authorization', `Bearer ${encode(written(header, payload, signature))}`] };
    },
    expected: notBearer,
  })),
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
    expected: /cannot be used|not in UTF-8/,
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
    from: 'RFC 8725 2.6 and 3.7',
    says: 'Claims are UTF-8.',
    attack: 'claims in UTF-16',
    forge: (forge) =>
      signedBytes(forge, headerText(forge), Buffer.from(JSON.stringify(forge.provider.claims()), 'utf16le')),
    expected: /cannot be used/,
  },
  ...(
    [
      ['a byte that is no character', 'ff'],
      ['half a character', 'c3'],
      ['a letter in more bytes than it takes', 'c1a1'],
      ['half of a pair (CESU-8)', 'eda080'],
    ] as const
  ).map(([what, bytes]) => ({
    from: 'RFC 8725 2.6 and 3.7',
    says: 'No other encoding than UTF-8 is admitted: two subjects that differ in such bytes must not become one.',
    attack: `a subject with ${what} in it`,
    forge: (forge: Forge) => {
      const claims = JSON.stringify(forge.provider.claims({ sub: 'an_a' }));
      const [before = '', after = ''] = claims.split('_a"');
      const middle = Buffer.from(bytes, 'hex');
      return signedBytes(
        forge,
        headerText(forge),
        Buffer.concat([Buffer.from(before), middle, Buffer.from(`"${after}`)]),
      );
    },
    expected: notText,
  })),
  {
    from: 'RFC 8725 3.7',
    says: 'No other encoding than UTF-8 is admitted.',
    attack: 'a header with a byte that is no character',
    forge: ({ provider }) =>
      `${Buffer.from('{"alg":"ES256","x":"\xff"}', 'latin1').toString('base64url')}.${encode(provider.claims())}.AAAA`,
    expected: notText,
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
    from: 'RFC 7519 4 and 7.3',
    says: 'Names are compared after their escapes are read: a name is the same however it is written.',
    attack: 'two subjects, the last one’s name written in escapes',
    forge: (forge) => signedClaims(forge, '"s\\u0075b":"last"'),
    expected: 'counts',
  },
  {
    from: 'RFC 7519 7.3',
    says: 'Names are compared after their escapes are read: a name is the same however it is written.',
    attack: 'none in a name written in escapes, after ES256',
    forge: ({ provider, keys }) =>
      `${Buffer.from(`{"alg":"ES256","kid":"${keys.ec}","\\u0061lg":"none"}`).toString('base64url')}.${encode(provider.claims())}.`,
    expected: algorithm,
  },
  {
    from: 'RFC 7519 7.3',
    says: 'Names differ by case.',
    attack: 'SUB and EXP instead of sub and exp',
    forge: ({ token, now }) => token({ sub: undefined, exp: undefined, SUB: 'ana', EXP: now + 300 }),
    expected: /missing or wrong/,
  },
  {
    from: 'RFC 7519 7.2',
    says: 'What counts are the members of the object itself.',
    attack: 'claims inherited through __proto__',
    forge: (forge) =>
      signedBytes(forge, headerText(forge), `{"__proto__":${JSON.stringify(forge.provider.claims())}}`),
    expected: /missing or wrong|another issuer/,
  },
  {
    from: 'RFC 7515 4',
    says: 'What counts are the members of the object itself.',
    attack: 'a header whose algorithm and key come through __proto__',
    forge: ({ provider, keys }) =>
      `${Buffer.from(`{"__proto__":{"alg":"ES256","kid":"${keys.ec}"}}`).toString('base64url')}.${encode(provider.claims())}.AAAA`,
    expected: algorithm,
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
    from: 'RFC 9110 5.4',
    says: 'A header has a length that the server is willing to look at.',
    attack: 'a token of 17,000 characters',
    forge: ({ token }) => token({ padding: 'x'.repeat(12_500) }),
    expected: /sensible size/,
  },
  {
    from: 'RFC 8259 9, RFC 7515 4',
    says: 'A header is an object, and not deeper than can be read.',
    attack: 'a header nested five thousand deep',
    forge: () => `${Buffer.from('['.repeat(5_000) + ']'.repeat(5_000)).toString('base64url')}.e30.AAAA`,
    expected: /not a JWT|accepted algorithm/,
  },
];
