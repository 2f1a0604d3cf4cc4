import { endpoints, issuedAt, type Provider } from './fixture.ts';

const server = (origin: string) => `${origin}/oauth2/default`;

/** A custom authorization server; tokens of the organisation's own one are for Okta's APIs and for nobody else to read. */
export const okta: Provider = {
  sources: [
    'https://developer.okta.com/docs/api/openapi/okta-oauth/oauth/tag/CustomAS',
    'https://developer.okta.com/docs/concepts/auth-servers/',
    'https://developer.okta.com/docs/guides/validate-access-tokens/',
    'https://support.okta.com/help/s/article/openid-connect-oidc-redirect-uri',
  ],
  issuer: server,
  discovery: (origin) => ({
    issuer: server(origin),
    ...endpoints(server(origin), {
      authorization_endpoint: '/v1/authorize',
      token_endpoint: '/v1/token',
      userinfo_endpoint: '/v1/userinfo',
      registration_endpoint: '/v1/clients',
      jwks_uri: '/v1/keys',
      introspection_endpoint: '/v1/introspect',
      revocation_endpoint: '/v1/revoke',
      end_session_endpoint: '/v1/logout',
      device_authorization_endpoint: '/v1/device/authorize',
    }),
    response_types_supported: ['code', 'id_token', 'code id_token', 'code token', 'id_token token'],
    response_modes_supported: ['query', 'fragment', 'form_post', 'okta_post_message'],
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    code_challenge_methods_supported: ['S256'],
    dpop_signing_alg_values_supported: ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'],
  }),
  header: { alg: 'RS256' },
  claims: (origin) => ({
    ver: 1,
    jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
    iss: server(origin),
    aud: 'https://access.shop.example',
    iat: issuedAt(),
    exp: issuedAt() + 3600,
    cid: '0oa1vscode',
    uid: '00uid4BxXw6I6TV4m0g3',
    scp: ['openid', 'profile', 'offline_access'],
    auth_time: issuedAt() - 60,
    // The user name at Okta, which is an e-mail address for most.
    sub: 'ana@shop.example',
    name: 'Ana Lima',
    groups: ['engineering', 'Everyone'],
  }),
};
