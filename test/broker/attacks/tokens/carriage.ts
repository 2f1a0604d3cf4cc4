import {
  bearer,
  bySomebodyElse,
  noToken,
  notBearer,
  otherScheme,
  several,
  wrongSignature,
  type Forge,
  type TokenAttack,
} from './forge.ts';

/** Ways that a token may come, and how each is answered. */
export const carriageAttacks: readonly TokenAttack[] = [
  // RFC 6750 and RFC 9700 4.3: ways that a token may come
  {
    from: 'RFC 9700 4.3.2, RFC 6750 2.3 and 5.3',
    says: 'A token never comes in an address, where logs and histories keep it.',
    attack: 'a good token as ?access_token=',
    forge: async ({ good }) => ({ path: `/v1/me?access_token=${await good()}` }),
    expected: noToken,
    error: 'none',
  },
  {
    from: 'RFC 9700 4.3.2, RFC 6750 2.3 and 5.3',
    says: 'A token never comes in an address, where logs and histories keep it.',
    attack: 'a good token in the address of the event stream, as for a browser’s EventSource',
    forge: async ({ good }) => ({ path: `/v1/events?access_token=${await good()}` }),
    expected: noToken,
    error: 'none',
  },
  {
    from: 'RFC 6750 2',
    says: 'A token comes in one way; what comes besides is looked at by nobody.',
    attack: 'a false token in the address beside the good one in the header',
    forge: async ({ good, provider, keys }) => ({
      path: `/v1/me?access_token=${await provider.sign(keys.ec, provider.claims({ sub: 'ben' }))}`,
      headers: bearer(await good()),
    }),
    expected: 'counts',
  },
  {
    from: 'RFC 6750 2',
    says: 'A token comes in one way; what comes besides is looked at by nobody.',
    attack: 'a good token in the address beside a false one in the header',
    forge: async (forge) => ({
      path: `/v1/me?access_token=${await forge.good()}`,
      headers: bearer(await bySomebodyElse(forge, { kid: forge.keys.ec })),
    }),
    expected: wrongSignature,
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
    error: 'none',
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
    error: 'none',
  },
  {
    from: 'RFC 6750 2',
    says: 'A token comes in one header, and no other.',
    attack: 'a good token as a WebSocket’s protocol',
    forge: async ({ good }) => ({
      headers: [
        'connection',
        'upgrade',
        'upgrade',
        'websocket',
        'sec-websocket-protocol',
        `bearer, ${await good()}`,
      ],
    }),
    expected: noToken,
    error: 'none',
  },
  {
    from: 'RFC 6750 3.1, RFC 9110 5.3',
    says: 'What a proxy looked at must be what the server looks at: a call that signs in twice is malformed.',
    attack: 'two Authorization headers, both good',
    forge: async ({ good }) => ({ headers: [...bearer(await good()), ...bearer(await good())] }),
    expected: several,
    error: 'invalid_request',
  },
  {
    from: 'RFC 6750 3.1, RFC 9110 5.3',
    says: 'A list in one header is the same as two headers.',
    attack: 'two good tokens in one Authorization header',
    forge: async ({ good }) => ({
      headers: ['authorization', `Bearer ${await good()}, Bearer ${await good()}`],
    }),
    expected: several,
    error: 'invalid_request',
  },
  {
    from: 'RFC 6750 3.1, RFC 9110 5.3',
    says: 'A list in one header is the same as two headers.',
    attack: 'a good token with a comma and another one after it',
    forge: async ({ good }) => `${await good()},${await good()}`,
    expected: several,
    error: 'invalid_request',
  },
  {
    from: 'RFC 6750 3.1, RFC 9110 5.3',
    says: 'What a proxy looked at must be what the server looks at: a call that signs in twice is malformed.',
    attack: 'two Authorization headers, a good one first',
    forge: async ({ good }) => ({ headers: [...bearer(await good()), 'authorization', 'Basic YTpi'] }),
    expected: several,
    error: 'invalid_request',
  },
  {
    from: 'RFC 6750 3.1, RFC 9110 5.3',
    says: 'What a proxy looked at must be what the server looks at: the first one decides, and does not count.',
    attack: 'two Authorization headers, a good one last',
    forge: async ({ good }) => ({ headers: ['authorization', 'Basic YTpi', ...bearer(await good())] }),
    expected: otherScheme,
    error: 'none',
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
    error: 'none' as const,
  })),
  ...(
    [
      ['x-forwarded-client-cert', 'By=spiffe://x;Subject="CN=ana"'],
      ['client-cert', ':MIIB:'],
      ['ssl-client-s-dn', 'CN=ana'],
    ] as const
  ).map(([name, value]) => ({
    from: 'RFC 9700 4.13, RFC 9440 2',
    says: 'Headers that a proxy would set are believed from nobody.',
    attack: `a certificate that a proxy is said to have seen (${name})`,
    forge: () => ({ headers: [name, value] }),
    expected: noToken,
    error: 'none' as const,
  })),
  ...(
    [
      ['nothing after the scheme', 'Bearer'],
      ['the word null', 'Bearer null'],
      ['the word undefined', 'Bearer undefined'],
      ['a parameter', 'Bearer token=e30.e30.AAAA'],
      ['quotes', 'Bearer "e30.e30.AAAA"'],
      ['two dots', 'Bearer ..'],
    ] as const
  ).map(([what, value]) => ({
    from: 'RFC 6750 2.1',
    says: 'After the scheme comes a blank and the token, and nothing else.',
    attack: `Bearer with ${what}`,
    forge: () => ({ headers: ['authorization', value] }),
    expected: notBearer,
  })),
  ...['Basic', 'Token', 'JWT', 'MAC', 'Negotiate', 'BearerX', 'Bearer:', ''].map((scheme) => ({
    from: 'RFC 6750 2.1 and 3.1',
    says: 'The scheme is Bearer, or DPoP for what is bound to a key; who comes with another one is told so, without an error code.',
    attack: `a good token under the scheme "${scheme}"`,
    forge: async ({ good }: Forge) => ({ headers: ['authorization', `${scheme} ${await good()}`.trim()] }),
    expected: otherScheme,
    error: 'none' as const,
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
    from: 'RFC 6750 3 and 3.1',
    says: 'Who sends nothing is told where to sign in, without an error code.',
    attack: 'no token',
    forge: () => ({}),
    expected: noToken,
    error: 'none',
  },
];
