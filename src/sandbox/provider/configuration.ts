import type {
  AdapterFactory,
  ClientMetadata,
  Configuration,
  interactionPolicy,
  JWK,
  KoaContextWithOIDC,
} from 'oidc-provider';
import type { Person } from './people.ts';
import * as pages from './pages.ts';

export const vscodeClient = 'daypass-vscode';
export const deviceClient = 'daypass-device';
export const pagesClient = 'daypass-pages';

/** Contexts of sign-in (`acr`): one click, or one click and a second step, for clients that ask for it. */
export const acrValues = ['pwd', 'mfa'] as const;

export interface Lifetimes {
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
}

export interface Setup {
  readonly resources: readonly string[];
  readonly extraClients: readonly string[];
  /** Secret of the client of the broker's pages; absent: it is a public one. */
  readonly pagesSecret: string | undefined;
  readonly people: () => readonly Person[];
  readonly lifetimes: Lifetimes;
  /** The first signs; all are published. */
  readonly keys: readonly JWK[];
  readonly adapter: AdapterFactory;
  readonly cookieKey: string;
  /** All that somebody is given through a client is of one consent, and revoked together, as Keycloak does it. */
  readonly oneConsent: boolean;
  /** Absent: proofs need no nonce (RFC 9449 section 8). */
  readonly nonceSecret: Buffer | undefined;
  readonly policy: interactionPolicy.DefaultPolicy;
  /** The library's `InvalidTarget` (RFC 8707, section 2). */
  readonly invalidTarget: (reason: string) => Error;
}

const native = (id: string): ClientMetadata => ({
  client_id: id,
  client_name: 'Daypass in VS Code',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  id_token_signed_response_alg: 'ES256',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  // RFC 8252, section 7.3: any port matches on a loopback address.
  redirect_uris: ['http://127.0.0.1/callback'],
  post_logout_redirect_uris: ['http://127.0.0.1/signed-out'],
});

const device: ClientMetadata = {
  client_id: deviceClient,
  client_name: 'Daypass in a remote VS Code',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  id_token_signed_response_alg: 'ES256',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  response_types: [],
  redirect_uris: [],
};

/** The broker's own pages, at the address of the broker. */
const broker = (address: string, secret: string | undefined): ClientMetadata => ({
  client_id: pagesClient,
  client_name: 'Daypass in the browser',
  application_type: 'web',
  token_endpoint_auth_method: secret === undefined ? 'none' : 'client_secret_basic',
  ...(secret === undefined ? {} : { client_secret: secret }),
  id_token_signed_response_alg: 'ES256',
  grant_types: ['authorization_code'],
  response_types: ['code'],
  redirect_uris: [`${withoutSlash(address)}/signed-in`],
});

/** The provider's configuration: nobody is remembered, nothing is asked but who somebody is. */
export function configuration(setup: Setup): Configuration {
  const consents = new Map<string, string>();
  const { lifetimes } = setup;
  const person = (id: string | undefined) => setup.people().find((candidate) => candidate.id === id);
  const resourceNamed = (indicator: string) =>
    setup.resources.find((ours) => withoutSlash(ours) === withoutSlash(indicator));

  return {
    adapter: setup.adapter,
    clients: [
      native(vscodeClient),
      device,
      ...setup.resources.slice(0, 1).map((address) => broker(address, setup.pagesSecret)),
      ...setup.extraClients.map(native),
    ],
    jwks: { keys: setup.keys },
    cookies: { keys: [setup.cookieKey] },
    scopes: ['openid', 'offline_access'],
    claims: {
      openid: ['sub', 'acr', 'amr', 'auth_time'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    conformIdTokenClaims: false,
    acrValues,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientBasedCORS: () => false,
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    ttl: {
      AccessToken: lifetimes.accessTokenSeconds,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: lifetimes.refreshTokenSeconds,
      IdToken: 600,
      Interaction: 1800,
      RefreshToken: lifetimes.refreshTokenSeconds,
      Session: 600,
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: {
        enabled: true,
        nonceSecret: setup.nonceSecret,
        requireNonce: () => setup.nonceSecret !== undefined,
      },
      claimsParameter: { enabled: true },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      introspection: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => page(ctx, pages.logout(form)),
        postLogoutSuccessSource: (ctx) => page(ctx, pages.signedOut()),
      },
      deviceFlow: {
        enabled: true,
        charset: 'base-20',
        mask: '****-****',
        userCodeInputSource: (ctx, form, _out, error) =>
          page(ctx, pages.deviceCode(form, error !== undefined)),
        userCodeConfirmSource: (ctx, form, client, _info, code) =>
          page(ctx, pages.deviceConfirm(form, client.clientName ?? client.clientId, code)),
        successSource: (ctx) => page(ctx, pages.deviceDone()),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => setup.resources[0],
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, indicator) => {
          const audience = resourceNamed(indicator);
          if (audience === undefined) throw setup.invalidTarget(`Nothing here is called ${indicator}.`);
          return { scope: 'daypass', audience, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
        },
      },
    },
    extraTokenClaims: (ctx, token) => {
      const who = person('accountId' in token ? token.accountId : undefined);
      if (!who) return undefined;
      const { RefreshToken, AuthorizationCode, DeviceCode } = ctx.oidc.entities;
      const origin = AuthorizationCode ?? DeviceCode ?? RefreshToken;
      return {
        name: who.name,
        groups: who.groups,
        acr: origin?.acr,
        amr: origin?.amr,
        auth_time: origin?.authTime,
      };
    },
    findAccount: (_ctx, id) => {
      const who = person(id);
      if (!who) return undefined;
      return {
        accountId: id,
        claims: () => ({ sub: id, name: who.name, preferred_username: who.id, groups: [...who.groups] }),
      };
    },
    // Everything that was asked for is given: the decision is who one is, there is no page about scopes.
    loadExistingGrant: async (ctx) => {
      const { client, session, provider } = ctx.oidc;
      if (!client || !session?.accountId) return undefined;
      const whose = `${client.clientId} ${session.accountId}`;
      const earlier = setup.oneConsent && consents.get(whose);
      const grant =
        (earlier && (await provider.Grant.find(earlier))) ||
        new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope([...ctx.oidc.requestParamOIDCScopes].join(' '));
      grant.addOIDCClaims([...ctx.oidc.requestParamClaims]);
      for (const [indicator, { scopes }] of Object.entries(ctx.oidc.resourceServers ?? {}))
        grant.addResourceScope(indicator, [...scopes].join(' '));
      consents.set(whose, await grant.save());
      return grant;
    },
    interactions: { policy: setup.policy, url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: (ctx, out) => page(ctx, pages.failure(out.error, out.error_description)),
  };
}

const withoutSlash = (url: string) => url.replace(/\/$/, '');

function page(ctx: KoaContextWithOIDC, html: string): void {
  ctx.type = 'html';
  ctx.set('content-security-policy', pages.contentSecurityPolicy);
  ctx.body = html;
}
