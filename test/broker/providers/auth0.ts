import { endpoints, issuedAt, type Provider } from './fixture.ts';

const tenant = (origin: string) => `${origin}/`;

export const auth0: Provider = {
  sources: [
    'https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles',
    'https://auth0.com/docs/secure/tokens/json-web-tokens/create-custom-claims',
    'https://auth0.com/ai/docs/mcp/guides/resource-param-compatibility-profile',
    'https://auth0.com/docs/get-started/applications/configure-applications-with-oidc-discovery',
  ],
  issuer: tenant,
  discovery: (origin) => ({
    // With the slash, and all its endpoints without a second one.
    issuer: tenant(origin),
    ...endpoints(origin, {
      authorization_endpoint: '/authorize',
      token_endpoint: '/oauth/token',
      device_authorization_endpoint: '/oauth/device/code',
      userinfo_endpoint: '/userinfo',
      mfa_challenge_endpoint: '/mfa/challenge',
      jwks_uri: '/.well-known/jwks.json',
      revocation_endpoint: '/oauth/revoke',
      end_session_endpoint: '/oidc/logout',
    }),
    scopes_supported: ['openid', 'profile', 'offline_access', 'name', 'email'],
    response_types_supported: ['code', 'token', 'id_token', 'code token', 'code id_token'],
    code_challenge_methods_supported: ['S256', 'plain'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['HS256', 'RS256', 'PS256'],
    request_uri_parameter_supported: false,
    dpop_signing_alg_values_supported: ['ES256'],
  }),
  header: { typ: 'JWT', alg: 'RS256' },
  claims: (origin) => ({
    iss: tenant(origin),
    sub: 'auth0|64b7f0c2e1',
    aud: ['https://access.shop.example', `${origin}/userinfo`],
    iat: issuedAt(),
    exp: issuedAt() + 7200,
    azp: 'vscode0Auth0Client',
    scope: 'openid profile offline_access',
    permissions: [],
    'https://shop.example/groups': ['engineering'],
    'https://shop.example/name': 'Ana Lima',
  }),
};

/** The same API with its profile set to RFC 9068. */
export const auth0Rfc9068: Provider = {
  ...auth0,
  header: { typ: 'at+jwt', alg: 'RS256' },
  claims: (origin) => {
    const { azp, ...claims } = auth0.claims(origin);
    return { ...claims, client_id: azp, jti: '73WakrfVbNJBaAmhQtEeDv' };
  },
};
