import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import {
  bySomebodyElse,
  signedBytes,
  signedClaims,
  stranger,
  unknownKey,
  wrongSignature,
  type Forge,
  type TokenAttack,
} from './forge.ts';

/** What a token says, really signed by the provider unless a row says otherwise. */
export const claimAttacks: readonly TokenAttack[] = [
  // Section 3.8
  ...(
    [
      ['with a slash at its end', (issuer: string) => `${issuer}/`],
      ['in capitals', (issuer: string) => issuer.toUpperCase()],
      ['over https', (issuer: string) => issuer.replace('http:', 'https:')],
      ['with our own behind an @', (issuer: string) => issuer.replace('http://', 'http://evil@')],
      ['with a path', (issuer: string) => `${issuer}/tenant`],
      ['with another one behind a #', (issuer: string) => `${issuer}#https://other.example`],
      ['with a dot more', (issuer: string) => issuer.replace('127.0.0.1', '127.0.0.1.')],
      ['in percent signs', (issuer: string) => issuer.replace('127', '%31%32%37')],
      ['with a blank', (issuer: string) => `${issuer} `],
      ['as null', () => null],
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
      ['half a character, written in escapes', 'ana\ud800'],
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
      ['an empty text', () => ''],
      ['null', () => null],
      ['a number', () => 7],
      ['an object with ours in it', (audience: string) => ({ [audience]: audience, 0: audience, length: 1 })],
      ['ours in capitals', (audience: string) => audience.toUpperCase()],
      ['ours and more in one text', (audience: string) => `${audience} https://mail.example`],
      ['ours and a dot', (audience: string) => audience.replace('127.0.0.1', '127.0.0.1.')],
    ] as const
  ).map(([what, change]) => ({
    from: 'RFC 8725 3.9, RFC 9700 2.3 and 4.10.2',
    says: 'Each call is checked for whether its token was made for this server; otherwise it is refused.',
    attack: `a token for ${what}`,
    forge: ({ provider, token }: Forge) => token({ aud: change(provider.audience) }),
    expected: /another audience/,
  })),
  {
    from: 'RFC 7519 4.1.3, RFC 9068 4',
    says: 'Several audiences are possible; ours must be among them.',
    attack: 'two audiences, one of them ours',
    forge: ({ provider, token }) => token({ aud: ['https://mail.example', provider.audience] }),
    expected: 'counts',
  },
  {
    from: 'RFC 7519 4.1.3, RFC 8725 3.9',
    says: 'Several audiences are possible; ours must be among them.',
    attack: 'two audiences, neither of them ours',
    forge: ({ token }) => token({ aud: ['https://mail.example', 'https://files.example'] }),
    expected: /another audience/,
  },

  // Sections 2.9 and 3.10: what a token says is followed by nobody; and 3.8, keys belong to their issuer
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
    from: 'RFC 8725 2.9 and 3.10',
    says: 'What a token says is no instruction: a key id is looked up among the known ones, and nothing else.',
    attack: `a key id that is ${what}`,
    forge: (forge: Forge) => bySomebodyElse(forge, { kid }),
    expected: /does not publish|signature is wrong|cannot be used/,
  })),
  ...(['jku', 'x5u'] as const).map((name) => ({
    from: 'RFC 8725 2.9 and 3.10',
    says: 'Addresses in a token are not followed (SSRF).',
    attack: `an address to fetch the key from (${name})`,
    forge: (forge: Forge) =>
      bySomebodyElse(forge, { kid: forge.keys.ec, [name]: `${forge.provider.issuer}/evil-keys` }),
    expected: wrongSignature,
  })),
  {
    from: 'RFC 8725 3.8, RFC 9068 4, RFC 7515 4.1.3 (CVE-2018-0114)',
    says: 'Keys are those that the issuer publishes: one that came along proves nothing.',
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
    from: 'RFC 8725 3.8, RFC 9068 4, RFC 7515 4.1.6 to 4.1.8',
    says: 'Keys are those that the issuer publishes: a certificate that came along proves nothing.',
    attack: 'an embedded certificate (x5c) and its prints',
    forge: (forge) =>
      bySomebodyElse(forge, { kid: forge.keys.ec, x5c: ['MIIB'], x5t: 'AAAA', 'x5t#S256': 'AAAA' }),
    expected: wrongSignature,
  },
  {
    from: 'RFC 8725 3.8',
    says: 'A key belongs to its issuer: what another one signed is not ours, whatever it says.',
    attack: 'no key id at all, signed by somebody else',
    forge: (forge) => bySomebodyElse(forge, {}),
    expected: wrongSignature,
  },
  {
    from: 'RFC 8725 3.1 and 3.8',
    says: 'The signature is that of the key which is named.',
    attack: 'really signed, by another published key than the one that it names',
    forge: async ({ provider, keys }) =>
      new SignJWT(provider.claims())
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: keys.ec })
        .sign(provider.keys.get(keys.ec2)!),
    expected: wrongSignature,
  },
  {
    from: 'RFC 8725 2.7 and 3.8',
    says: 'What another issuer signed, whole and well, is not ours.',
    attack: 'a token of another provider, which names itself',
    forge: (forge) => bySomebodyElse(forge, { kid: randomUUID() }, { iss: 'https://other.example' }),
    expected: unknownKey,
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
  ...([7, ['at+jwt'], { typ: 'at+jwt' }, null, true] as const).map((typ) => ({
    from: 'RFC 7515 4.1.9, RFC 8725 3.11',
    says: 'The type is a text; whatever else is another type.',
    attack: `typ that is ${JSON.stringify(typ)}`,
    forge: (forge: Forge) =>
      signedBytes(
        forge,
        JSON.stringify({ alg: 'ES256', kid: forge.keys.ec, typ }),
        JSON.stringify(forge.provider.claims()),
      ),
    expected: /another type/,
  })),
  ...['JWT', 'at+jwt', 'AT+JWT', 'application/at+jwt'].map((typ) => ({
    from: 'RFC 9068 4, RFC 7515 4.1.9',
    says: 'at+jwt in any case, with or without application/. RFC 9068 takes nothing else; many providers write JWT, and the rows below (RFC 8725 3.12) tell those from others.',
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
    from: 'RFC 8725 2.8 and 3.12, RFC 9068 5',
    says: 'Tokens of one issuer for different purposes must not be taken for one another.',
    attack: `an ID token or its like, by ${what}`,
    forge: ({ token }: Forge) => token(claims, { typ: 'JWT' }),
    expected: /ID token/,
  })),
  ...(
    [
      [
        'a logout token',
        { events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, sid: 'x' },
        /event/,
      ],
      [
        'a security event',
        { events: { 'https://schemas.openid.net/secevent/risc/event-type/account-disabled': {} } },
        /event/,
      ],
      ['an empty list of events', { events: {} }, /event/],
      [
        'what a client proves itself with (RFC 7523)',
        { iss: 'daypass-vscode', sub: 'daypass-vscode' },
        /another issuer/,
      ],
      [
        'a proof of possession (RFC 9449)',
        { iss: undefined, sub: undefined, htm: 'GET', htu: 'http://x' },
        /another issuer/,
      ],
      [
        'user information (OpenID Connect Core 5.3.2)',
        { exp: undefined, client_id: undefined },
        /missing or wrong/,
      ],
      [
        'a signed answer of the authorization endpoint (JARM)',
        { sub: undefined, code: 'x', state: 'y' },
        /missing or wrong/,
      ],
    ] as const
  ).map(([what, claims, expected]) => ({
    from: 'RFC 8725 2.8 and 3.12',
    says: 'Tokens of one issuer for different purposes must not be taken for one another.',
    attack: `${what}, under typ JWT`,
    forge: ({ token }: Forge) => token(claims, { typ: 'JWT' }),
    expected,
  })),
  {
    from: 'RFC 8693 4.1, RFC 9700 4.15',
    says: 'Somebody who acts for a person is not that person: one of two who must agree could be both.',
    attack: 'a token that was handed on (act)',
    forge: ({ token }) => token({ act: { sub: 'ben' } }),
    expected: /handed on/,
  },
  {
    from: 'RFC 8725 3.12, OpenID Connect Core 2',
    says: 'Tokens of one issuer for different purposes must not be taken for one another.',
    attack: 'an ID token whose audience is the editor’s client too',
    forge: ({ provider, token }) => token({ aud: [provider.audience, 'daypass-vscode'] }),
    expected: /ID token/,
  },
  {
    from: 'RFC 9700 2.2.1 and 4.10.1, RFC 9449 7.2',
    says: 'A token bound to a key counts only with the proof that its sender has it, never as a bearer token.',
    attack: 'a token bound to a key (jkt), as a bearer token',
    forge: ({ token }) => token({ cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' } }),
    expected: /bound to a key/,
  },
  ...(
    [
      ['a certificate (x5t#S256)', { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' }],
      ['a key that it carries (jwk)', { jwk: { kty: 'EC' } }],
      ['a key by its id', { kid: 'x' }],
      ['nothing that is known', {}],
      ['null', null],
    ] as const
  ).map(([what, cnf]) => ({
    from: 'RFC 9700 4.10.1, RFC 8705 3, RFC 7800 3.1',
    says: 'A token that its sender must prove to own counts only with that proof.',
    attack: `a token bound to ${what}`,
    forge: ({ token }: Forge) => token({ cnf }),
    expected: /bound to a key/,
  })),
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
    from: 'RFC 9068 2.2.3.1, RFC 7643 4.1.2',
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
      ['that ended within the leeway', ({ now }: Forge) => ({ exp: now - 3 }), 'counts'],
      ['with an end that is true', () => ({ exp: true }), /missing or wrong|cannot be used/],
      [
        'that begins after it ends',
        ({ now }: Forge) => ({ nbf: now + 600, exp: now + 300 }),
        /not valid yet/,
      ],
      ['that begins at the end of numbers', () => ({ nbf: 1.7e308 }), /not valid yet/],
      ['not valid before null', () => ({ nbf: null }), /not valid yet/],
      ['issued at the end of numbers', () => ({ iat: 1.7e308 }), /issued in the future|cannot be used/],
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
  ...(
    [
      ['an end beyond all numbers', '"exp":1e999', /no point in time/],
      ['two ends, the last one past', '"exp":1', /expired/],
      ['two ends, the last one a text', '"exp":"9999999999"', /missing or wrong|cannot be used/],
      [
        'two audiences of one name, the last one another’s',
        '"aud":"https://mail.example"',
        /another audience/,
      ],
      ['two issuers, the last one another', '"iss":"https://other.example"', /another issuer/],
      ['two clients of one name, the last one another', '"client_id":"another-app"', /not configured/],
    ] as const
  ).map(([what, more, expected]) => ({
    from: 'RFC 7519 4, RFC 8259 6',
    says: 'Of two claims of one name the last one counts; a number is one that can be held.',
    attack: `a token with ${what}`,
    forge: (forge: Forge) => signedClaims(forge, more),
    expected,
  })),
];
