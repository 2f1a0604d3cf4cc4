import assert from 'node:assert/strict';
import type { IdentityConfig } from '../../src/broker/config/config.ts';
import { NotSignedIn } from '../../src/broker/identity/failures.ts';
import type { TokenHolder } from '../../src/broker/identity/token-holder.ts';
import { createVerifier, type Verifier } from '../../src/broker/identity/verifier.ts';
import { IdentityProvider } from '../../src/extension/account/provider.ts';
import { Clock } from '../../src/extension/state/clock.ts';
import { auth0, auth0Rfc9068 } from './providers/auth0.ts';
import * as ms from './providers/entra.ts';
import type { Provider } from './providers/fixture.ts';
import * as google from './providers/google.ts';
import { keycloak } from './providers/keycloak.ts';
import { okta } from './providers/okta.ts';
import { Liar } from './support/liar.ts';

const publicUrl = 'https://access.shop.example';

/** Tokens as the documentation of well-known providers shows them, signed here, with keys that are fetched over HTTP. */
describe('Access tokens of', () => {
  const host = new Liar(publicUrl);
  let kid: string;

  before(async () => {
    await host.start();
    kid = host.addKey('rsa');
  });
  after(() => host.stop());

  const serve = (provider: Provider) => {
    const document = provider.discovery(host.issuer);
    const issuer = provider.issuer(host.issuer);
    const known = new Map<string, unknown>([
      [`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, document],
      [String(document['jwks_uri']), { keys: host.published }],
    ]);
    host.answer = (path) => {
      const body = known.get(`${host.issuer}${path}`);
      return body === undefined ? { status: 404, body: 'Nothing is here.' } : { body };
    };
    return issuer;
  };
  const verifier = (provider: Provider, more: Partial<IdentityConfig>): Verifier => {
    const issuer = serve(provider);
    const identity: IdentityConfig = {
      issuer,
      audience: publicUrl,
      clients: ['daypass-vscode'],
      groupsClaim: 'groups',
      nameClaim: 'name',
      scopes: ['openid'],
      algorithms: ['RS256'],
      ...more,
    };
    return createVerifier({ identity, publicUrl });
  };
  const token = ({ header, claims }: Provider, more: Record<string, unknown> = {}) =>
    host.sign(kid, { ...claims(host.issuer), ...more }, { typ: undefined, ...header });
  const seen = async (
    provider: Provider,
    config: Partial<IdentityConfig>,
    more?: Record<string, unknown>,
  ): Promise<Pick<TokenHolder, 'subject' | 'name' | 'groups' | 'clientId'>> => {
    const { subject, name, groups, clientId } = await verifier(provider, config).verify(
      `Bearer ${await token(provider, more)}`,
    );
    return { subject, name, groups, clientId };
  };
  const acrOf = async (provider: Provider, config: Partial<IdentityConfig>, more: Record<string, unknown>) =>
    (await verifier(provider, config).verify(`Bearer ${await token(provider, more)}`)).signIn.acr;
  const refused = async (call: Promise<unknown>): Promise<NotSignedIn> => {
    const error: unknown = await call.then(
      () => assert.fail('It was taken.'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof NotSignedIn, String(error));
    return error;
  };

  describe('Microsoft Entra ID', () => {
    const config: Partial<IdentityConfig> = { audience: ms.api, clients: [ms.vscode], personClaim: 'oid' };
    const v1 = { ...config, audience: `api://${ms.api}` };

    it('list the contexts that a sign-in satisfied, none of which counts where it is not as it must be', async () => {
      const acrs = { ...config, acrClaim: 'acrs' };
      assert.deepEqual(await acrOf(ms.entra, acrs, { acrs: ['c1', 'c2'] }), ['c1', 'c2']);
      for (const wrong of [undefined, '', [''], [1], { c1: true }, [['c1']], 'c1'.repeat(200)])
        assert.deepEqual(await acrOf(ms.entra, acrs, { acrs: wrong }), [], JSON.stringify(wrong));
      assert.deepEqual(await acrOf(ms.entra, config, { acrs: ['c1'] }), [], 'unless it is named');
    });

    it('say who somebody is by oid, which is the same for every application, and groups by their ids', async () => {
      assert.deepEqual(await seen(ms.entra, config), {
        subject: '690222be-ff1a-4d56-abd1-7e4f7d38e474',
        name: 'Ana Lima',
        groups: [ms.engineering, ms.leads],
        clientId: ms.vscode,
      });
    });

    it('of version 1.0 count where that issuer is configured: the client is in appid', async () => {
      const { clientId, groups } = await seen(ms.entraV1, v1);
      assert.deepEqual([clientId, groups], [ms.vscode, [ms.engineering]]);
    });

    it('of version 1.0 do not count where version 2.0 is configured', async () => {
      const call = verifier(ms.entra, config).verify(`Bearer ${await token(ms.entraV1)}`);
      assert.match((await refused(call)).message, /another issuer/);
    });

    it('of somebody in too many groups are refused with that reason, not taken for somebody in none', async () => {
      for (const mark of [ms.overage, { hasgroups: true }, { hasgroups: 'true' }, { 'groups:src1': 'x' }]) {
        const { message, words } = await refused(seen(ms.entra, config, { groups: undefined, ...mark }));
        assert.match(message, /leaves the groups out because there are too many/);
        assert.match(words, /left your groups out because they are too many/);
      }
    });

    it('carry roles of the application, which no limit leaves out', async () => {
      const roles = { roles: ['engineering'], groups: undefined, ...ms.overage };
      const { groups } = await seen(ms.entra, { ...config, groupsClaim: 'roles' }, roles);
      assert.deepEqual(groups, ['engineering']);
    });

    it('that are for the client itself are refused: the API has to be registered by itself', async () => {
      const { message } = await refused(
        seen(ms.entra, { ...config, audience: ms.vscode }, { aud: ms.vscode }),
      );
      assert.match(message, /ID token/);
    });

    it('of an application are nobody’s', async () => {
      const app = { idtyp: 'app', scp: undefined };
      assert.match((await refused(seen(ms.entra, config, app))).message, /belongs to a program/);
    });
  });

  describe('Okta', () => {
    const config: Partial<IdentityConfig> = { clients: ['0oa1vscode'], personClaim: 'uid' };

    it('of a custom authorization server name the client in cid, and the person in uid', async () => {
      assert.deepEqual(await seen(okta, config), {
        subject: '00uid4BxXw6I6TV4m0g3',
        name: 'Ana Lima',
        groups: ['engineering', 'Everyone'],
        clientId: '0oa1vscode',
      });
    });

    it('of another server of the same organisation do not count', async () => {
      const other = { iss: host.issuer };
      assert.match((await refused(seen(okta, config, other))).message, /another issuer/);
    });

    it('of another client do not count, whatever it puts beside it', async () => {
      const { message } = await refused(seen(okta, config, { cid: '0oa2other' }));
      assert.match(message, /client that is not configured/);
      const both = { client_id: '0oa2other', cid: '0oa1vscode' };
      assert.match((await refused(seen(okta, config, both))).message, /client that is not configured/);
    });
  });

  describe('Keycloak', () => {
    it('have the realm’s roles inside realm_access', async () => {
      assert.deepEqual(await seen(keycloak, { groupsClaim: ['realm_access', 'roles'] }), {
        subject: '3f0d2f0b-7a33-4c39-9a0c-6f6d5b1c2e77',
        name: 'Ana Lima',
        groups: ['engineering', 'offline_access', 'uma_authorization'],
        clientId: 'daypass-vscode',
      });
    });

    it('have a client’s roles inside resource_access, also of a client with dots in its name', async () => {
      const path = ['resource_access', 'daypass.api', 'roles'] as const;
      assert.deepEqual((await seen(keycloak, { groupsClaim: path })).groups, ['payments-leads']);
    });

    it('of somebody without a role there are of somebody in no group', async () => {
      for (const resource_access of [undefined, {}, { account: { roles: ['x'] } }, null, [], 'roles']) {
        const path = ['resource_access', 'daypass.api', 'roles'] as const;
        assert.deepEqual((await seen(keycloak, { groupsClaim: path }, { resource_access })).groups, []);
      }
    });

    it('with something else than a list there are refused', async () => {
      const path = ['realm_access', 'roles'] as const;
      const odd = { realm_access: { roles: 'engineering' } };
      assert.match(
        (await refused(seen(keycloak, { groupsClaim: path }, odd))).message,
        /realm_access → roles/,
      );
    });

    it('without the audience that a mapper adds do not count', async () => {
      assert.match((await refused(seen(keycloak, {}, { aud: 'account' }))).message, /another audience/);
    });

    it('are told from its ID, refresh and logout tokens, which have the same form', async () => {
      for (const typ of ['ID', 'Refresh', 'Offline', 'Logout'])
        assert.match((await refused(seen(keycloak, {}, { typ }))).message, /ID token/);
    });
  });

  describe('Auth0', () => {
    const config: Partial<IdentityConfig> = {
      clients: ['vscode0Auth0Client'],
      groupsClaim: 'https://shop.example/groups',
      nameClaim: 'https://shop.example/name',
    };
    const expected = {
      subject: 'auth0|64b7f0c2e1',
      name: 'Ana Lima',
      groups: ['engineering'],
      clientId: 'vscode0Auth0Client',
    };

    it('say what a sign-in amounts to under a name of one’s own', async () => {
      const acr = 'https://shop.example/acr';
      const config = { clients: ['vscode0Auth0Client'] as const, acrClaim: acr };
      assert.deepEqual(await acrOf(auth0, config, { [acr]: 'mfa' }), ['mfa']);
      assert.deepEqual(await acrOf(auth0, config, { acr: 'mfa' }), []);
    });

    it('have claims of one’s own under a name with dots and slashes, taken as it is', async () => {
      assert.deepEqual(await seen(auth0, config), expected);
    });

    it('of the RFC 9068 profile are of type at+jwt and say client_id', async () => {
      assert.deepEqual(await seen(auth0Rfc9068, config), expected);
    });

    it('of an application are nobody’s', async () => {
      const app = { gty: 'client-credentials', sub: 'another@clients' };
      assert.match((await refused(seen(auth0, config, app))).message, /belongs to a program/);
    });

    it('that were asked for without an audience are encrypted, and say so', async () => {
      const { message, words } = await refused(
        verifier(auth0, config).verify('Bearer eyJhbGciOiJkaXIifQ..aXY0aXY0.Y2lwaGVydGV4dA.dGFnZ3RhZ2c'),
      );
      assert.match(message, /opaque or encrypted/);
      assert.match(words, /only it can read/);
    });
  });

  describe('Google', () => {
    it('are opaque, which is said to the person, with nothing of the token', async () => {
      const { message, words } = await refused(
        verifier(google.google, { clients: [google.client] }).verify(`Bearer ${google.accessToken}`),
      );
      assert.match(message, /opaque or encrypted/);
      assert.match(words, /only it can read.*Tell whoever runs Daypass; signing in again does not help/);
      assert.ok(!`${message}${words}`.includes('ya29'));
    });

    it('cannot be replaced by ID tokens', async () => {
      const config: Partial<IdentityConfig> = { audience: google.client, clients: [google.client] };
      assert.match((await refused(seen(google.google, config))).message, /ID token/);
    });
  });

  describe('all of them', () => {
    const all: readonly [string, Provider][] = [
      ['Microsoft Entra ID', ms.entra],
      ['Microsoft Entra ID, version 1.0', ms.entraV1],
      ['Okta', okta],
      ['Keycloak', keycloak],
      ['Auth0', auth0],
      ['Google', google.google],
    ];
    const redirect = 'http://127.0.0.1:40001/callback';
    for (const [name, provider] of all)
      it(`${name}: the editor finds its way, and asks for a token as the configuration says`, async () => {
        const issuer = serve(provider);
        const ask = async (audience?: { parameter: 'resource' | 'audience' | 'none'; value: string }) => {
          const found = await IdentityProvider.find(
            {
              issuer,
              clientId: 'daypass-vscode',
              resource: publicUrl,
              scopes: ['openid', `${publicUrl}/access`],
              ...(audience ? { audience } : {}),
            },
            new Clock(),
          );
          return (await found.attempt(redirect)).page;
        };
        const page = await ask();
        assert.equal(page.origin + page.pathname, provider.discovery(host.issuer)['authorization_endpoint']);
        assert.equal(page.searchParams.get('resource'), publicUrl);
        assert.equal(page.searchParams.get('code_challenge_method'), 'S256');
        const none = (await ask({ parameter: 'none', value: publicUrl })).searchParams;
        assert.deepEqual([none.has('resource'), none.has('audience')], [false, false]);
        assert.equal(none.get('scope'), `openid ${publicUrl}/access`);
        const old = (await ask({ parameter: 'audience', value: 'daypass' })).searchParams;
        assert.deepEqual([old.has('resource'), old.get('audience')], [false, 'daypass']);
        assert.ok(provider.sources.every((source) => source.startsWith('https://')));
      });
  });
});
