import assert from 'node:assert/strict';
import type { IdentityConfig } from '../../src/broker/config/config.ts';
import { notesOn, remedyFor, whyUnreadable } from '../../src/cli/commands/identity-hints.ts';
import * as ms from '../broker/providers/entra.ts';
import { auth0 } from '../broker/providers/auth0.ts';
import { accessToken } from '../broker/providers/google.ts';
import { keycloak } from '../broker/providers/keycloak.ts';
import { okta } from '../broker/providers/okta.ts';

const config = (more: Partial<IdentityConfig> = {}): IdentityConfig => ({
  issuer: 'https://login.shop.example',
  audience: 'https://access.shop.example',
  clients: ['daypass-vscode'],
  groupsClaim: 'groups',
  nameClaim: 'name',
  scopes: ['openid'],
  algorithms: ['RS256'],
  ...more,
});
const origin = 'https://login.microsoftonline.com';

describe('What daypass check --identity says of well-known providers’ tokens', () => {
  const remedies: readonly [string, string, Record<string, unknown>, IdentityConfig, RegExp][] = [
    [
      'version 1.0 where 2.0 is configured',
      'The token is of another issuer.',
      { ...ms.entraV1.claims(origin), iss: `https://sts.windows.net/${ms.tenant}/` },
      config({ issuer: `${origin}/${ms.tenant}/v2.0` }),
      /version 1\.0\. Set requestedAccessTokenVersion to 2 in the manifest of Daypass’s API, or set identity\.issuer to https:\/\/sts\.windows\.net\//,
    ],
    [
      'version 2.0 where 1.0 is configured',
      'The token is of another issuer.',
      ms.entra.claims(origin),
      config({ issuer: `https://sts.windows.net/${ms.tenant}/` }),
      /version 2\.0\. Set identity\.issuer to https:\/\/login\.microsoftonline\.com\/\S+\/v2\.0\.$/,
    ],
    [
      'an issuer without its slash',
      'The token is of another issuer.',
      auth0.claims('https://shop.eu.auth0.com'),
      config({ issuer: 'https://shop.eu.auth0.com' }),
      /only the slash at its end is different/,
    ],
    [
      'the client itself as the audience',
      'The token is for another audience.',
      { ...ms.entra.claims(origin), aud: ms.vscode },
      config({ clients: [ms.vscode] }),
      /Register Daypass as an API of its own there/,
    ],
    [
      'the client itself as the audience, taken for an ID token',
      'The token is an ID token, not an access token.',
      { ...ms.entra.claims(origin), aud: ms.vscode },
      config({ clients: [ms.vscode] }),
      /Register Daypass as an API of its own there/,
    ],
    [
      'too many groups',
      'The token leaves the groups out because there are too many (groups).',
      { ...ms.entra.claims(origin), groups: undefined, ...ms.overage },
      config(),
      /only the groups that are assigned to Daypass, or roles of Daypass instead \(identity\.groups_claim: roles\)/,
    ],
    [
      'a token that is bound to a certificate',
      'The token is bound to a key (cnf) in another way than DPoP, which cannot be proved here.',
      { ...keycloak.claims('https://login.shop.example'), cnf: { 'x5t#S256': 'x' } },
      config(),
      /by DPoP or not at all: switch mutual TLS off/,
    ],
    [
      'a person claim that is not there',
      'The token does not say who somebody is (employee_id).',
      okta.claims('https://shop.okta.com'),
      config({ personClaim: 'employee_id' }),
      /set identity\.person_claim to what it has: uid, sub\./,
    ],
    [
      'a client that Okta calls cid',
      'The token was issued to a client that is not configured.',
      okta.claims('https://shop.okta.com'),
      config(),
      /If 0oa1vscode is Daypass’s client, add it to identity\.clients/,
    ],
  ];
  for (const [what, refusal, claims, identity, expected] of remedies)
    it(`${what}: what to change`, () => {
      assert.match(remedyFor(refusal, claims, identity) ?? '', expected);
    });

  const notes: readonly [string, Record<string, unknown>, IdentityConfig, RegExp | undefined][] = [
    [
      'roles that lie inside',
      keycloak.claims('https://login.shop.example'),
      config(),
      /no groups in groups\. There is a list in realm_access → roles \(identity\.groups_claim: \[realm_access, roles\]\), and in resource_access → daypass\.api → roles/,
    ],
    [
      'a path that was written with dots',
      keycloak.claims('https://login.shop.example'),
      config({ groupsClaim: 'realm_access.roles' }),
      /no groups in realm_access\.roles\. There is a list in realm_access → roles \(identity\.groups_claim: \[realm_access, roles\]\)/,
    ],
    [
      'groups under a name of one’s own',
      auth0.claims('https://shop.eu.auth0.com'),
      config(),
      /identity\.groups_claim: https:\/\/shop\.example\/groups/,
    ],
    ['no list at all', { sub: 'x' }, config(), /Add that claim to access tokens/],
    [
      'an e-mail address as the subject',
      okta.claims('https://shop.okta.com'),
      config(),
      /sub looks like an e-mail address.*a claim that stays with one person, like uid\./,
    ],
    ['nothing of note', okta.claims('https://shop.okta.com'), config({ personClaim: 'uid' }), undefined],
    ['an overage, which is refused already', { sub: 'x', ...ms.overage }, config(), undefined],
  ];
  for (const [what, claims, identity, expected] of notes)
    it(`${what}: ${expected ? 'a note' : 'nothing'}`, () => {
      const said = notesOn(claims, identity).join('\n');
      if (expected) assert.match(said, expected);
      else assert.equal(said, '');
    });

  it('opaque and encrypted tokens: why, and nothing of them', () => {
    for (const [token, expected] of [
      [accessToken, /one of Google’s/],
      ['00abcdefghijklmnop', /opaque token cannot be used/],
      ['eyJhbGciOiJkaXIifQ..aXY0aXY0.Y2lwaGVydGV4dA.dGFnZ3RhZ2c', /an encrypted token \(JWE\)/],
    ] as const) {
      const said = whyUnreadable(token);
      assert.match(said, expected);
      for (const part of token.split('.')) if (part !== '') assert.ok(!said.includes(part));
    }
  });
});
