import { endpoints, issuedAt, type Provider } from './fixture.ts';

export const client = '1234567890-daypass.apps.googleusercontent.com';

/** Its access tokens are no JWTs: the claims are those of its ID tokens, which are for the client alone. */
export const google: Provider = {
  sources: [
    'https://developers.google.com/identity/openid-connect/openid-connect',
    'https://developers.google.com/identity/protocols/oauth2/native-app',
    'https://cloud.google.com/docs/authentication/token-types',
  ],
  issuer: (origin) => origin,
  discovery: (origin) => ({
    issuer: origin,
    ...endpoints(origin, {
      authorization_endpoint: '/o/oauth2/v2/auth',
      device_authorization_endpoint: '/device/code',
      token_endpoint: '/token',
      userinfo_endpoint: '/v1/userinfo',
      revocation_endpoint: '/revoke',
      jwks_uri: '/oauth2/v3/certs',
    }),
    response_types_supported: ['code', 'token', 'id_token', 'code token', 'code id_token', 'none'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'email', 'profile'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    code_challenge_methods_supported: ['plain', 'S256'],
  }),
  header: { typ: 'JWT', alg: 'RS256' },
  claims: (origin) => ({
    iss: origin,
    azp: client,
    aud: client,
    sub: '110169484474386276334',
    hd: 'shop.example',
    email: 'ana@shop.example',
    email_verified: true,
    at_hash: 'HK6E_P6Dh8Y93mRNtsDB1Q',
    name: 'Ana Lima',
    iat: issuedAt(),
    exp: issuedAt() + 3600,
  }),
};

/** The form that its documentation shows; which characters follow the prefix is nobody's to rely on. */
export const accessToken = `ya29.${'a0AfB_byC-1x'.repeat(14)}0163`;
