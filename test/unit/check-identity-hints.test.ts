import assert from 'node:assert/strict';
import type { IdentityConfig } from '../../src/broker/config/config.ts';
import { notesOn, remedyFor, whyUnreadable } from '../../src/cli/commands/identity-hints.ts';
import { signInFindings } from '../../src/cli/commands/check-sign-in.ts';
import type { SignInFacts } from '../../src/broker/rules/sign-in.ts';
import type { ResolvedTemplate } from '../../src/broker/templates/template.ts';
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

describe('What daypass check --identity says of a sign-in', () => {
  const now = new Date('2026-03-01T02:14:00Z');
  const ago = (minutes: number) => new Date(now.getTime() - minutes * 60_000);
  const template = (id: string, demands: Pick<ResolvedTemplate, 'mfa' | 'approverMfa' | 'breakGlass'>) =>
    [id, { id, ...demands } as ResolvedTemplate] as const;
  const templates = new Map([
    template('read', {}),
    template('refund', { mfa: { withinSeconds: 900, acr: ['mfa', 'phr'], at: ['request', 'activation'] } }),
    template('migrate', { mfa: { acr: ['mfa'], at: ['activation'] }, approverMfa: { acr: ['mfa'] } }),
    template('down', {
      breakGlass: { by: ['oncall'], afterSeconds: 300, longestSeconds: 900, acr: ['mfa'] },
    }),
  ]);
  const say = (signIn: SignInFacts, sessionSeconds: number | undefined = 12 * 3600, of = templates) => {
    const { session, isOfUse, mfa } = signInFindings(
      signIn,
      sessionSeconds === Infinity ? {} : { sessionSeconds },
      of,
      now,
    );
    return [isOfUse ? 'of use' : 'of no use', session, ...mfa].join('\n');
  };
  const strong: SignInFacts = { acr: ['mfa'], amr: [], authenticatedAt: ago(14), byCode: false };
  const { authenticatedAt: _at, ...ofUnknownAge } = strong;
  const unnamed = { ...strong, acr: [] };

  const cases: readonly [string, string, RegExp][] = [
    [
      'strong and young',
      say(strong),
      /^of use\nyoung enough to .*is 12 h\)\nenough for every template that demands it$/,
    ],
    [
      'without auth_time',
      say(ofUnknownAge),
      /^of no use\nrefused for requests, approvals and terminals: the token does not say when somebody signed in \(auth_time\) \(identity\.session is 12 h\)\. Have the provider put auth_time into access tokens, or set identity\.session: unlimited\.\nrefused for refund \(requesting, opening a terminal\): the token does not say when .*\.$/,
    ],
    [
      'without auth_time where any age will do',
      say(ofUnknownAge, Infinity),
      /^of use\nenough however old it is .*\nrefused for refund /,
    ],
    [
      'too old for a template',
      say({ ...strong, authenticatedAt: ago(16) }),
      /^of use\nyoung enough.*\nrefused for refund .*: the sign-in is 16 min old, and at most 15 min count\.$/,
    ],
    [
      'too old for everybody',
      say({ ...strong, authenticatedAt: ago(13 * 60) }),
      /^of no use\n.*13 h old, and at most 12 h count \(identity\.session is 12 h\)\. Take the token of a new sign-in\./,
    ],
    [
      'without acr',
      say(unnamed),
      /refund .*: acr is not said, and only mfa or phr counts\.\nrefused for migrate \(opening a terminal\): acr is not said, and only mfa counts\.\nrefused for migrate \(approving\): .*\nrefused for down \(breaking the glass\): acr is not said, and only mfa counts\.$/,
    ],
    [
      'by code',
      say({ ...strong, byCode: true }),
      /^of use\n.*\nrefused for refund .*: a sign-in by code never/,
    ],
    ['where no template demands anything', say(unnamed, 12 * 3600, new Map()), /^of use\n[^\n]+$/],
  ];
  for (const [what, said, expected] of cases) it(what, () => assert.match(said, expected));
});
