import { endpoints, issuedAt, type Provider } from './fixture.ts';

export const tenant = '8f3b1c52-6a0e-4d5b-9c1f-0a2b3c4d5e6f';
/** Daypass's API: version 2.0 names it by its id, version 1.0 as the scope was asked for. */
export const api = '5e0c7d1a-2b3c-4d5e-8f90-a1b2c3d4e5f6';
export const vscode = 'c0ffee00-1111-4222-8333-444455556666';
export const engineering = '1d2c3b4a-0000-4000-8000-000000000001';
export const leads = '1d2c3b4a-0000-4000-8000-000000000002';

const sources = [
  'https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc',
  'https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference',
  'https://learn.microsoft.com/en-us/troubleshoot/entra/entra-id/app-integration/get-signed-in-users-groups-in-access-token',
];

const person = {
  name: 'Ana Lima',
  oid: '690222be-ff1a-4d56-abd1-7e4f7d38e474',
  // Pairwise: another value for each application.
  sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
  tid: tenant,
  scp: 'access',
  iat: issuedAt(),
  nbf: issuedAt(),
  exp: issuedAt() + 4500,
  aio: 'AXQAi/8IAAAA',
  rh: 'I',
  uti: 'fqiBqXLPj0eQa82S-IYFAA',
};

export const entra: Provider = {
  sources,
  issuer: (origin) => `${origin}/${tenant}/v2.0`,
  // It names no PKCE methods, no revocation and no iss in its answers.
  discovery: (origin) => ({
    issuer: `${origin}/${tenant}/v2.0`,
    ...endpoints(`${origin}/${tenant}`, {
      authorization_endpoint: '/oauth2/v2.0/authorize',
      token_endpoint: '/oauth2/v2.0/token',
      device_authorization_endpoint: '/oauth2/v2.0/devicecode',
      end_session_endpoint: '/oauth2/v2.0/logout',
      jwks_uri: '/discovery/v2.0/keys',
    }),
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    request_uri_parameter_supported: false,
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'acr', 'nonce', 'name', 'tid', 'ver'],
    tenant_region_scope: 'EU',
  }),
  header: { typ: 'JWT', alg: 'RS256' },
  claims: (origin) => ({
    ...person,
    aud: api,
    iss: `${origin}/${tenant}/v2.0`,
    azp: vscode,
    azpacr: '0',
    preferred_username: 'ana@shop.example',
    ver: '2.0',
    groups: [engineering, leads],
  }),
};

/** Tokens of an API whose manifest asks for no version, or for 1. */
export const entraV1: Provider = {
  sources,
  issuer: (origin) => `${origin}/sts/${tenant}/`,
  discovery: (origin) => ({
    ...entra.discovery(origin),
    issuer: `${origin}/sts/${tenant}/`,
    authorization_endpoint: `${origin}/${tenant}/oauth2/authorize`,
    token_endpoint: `${origin}/${tenant}/oauth2/token`,
    jwks_uri: `${origin}/${tenant}/discovery/keys`,
  }),
  header: { typ: 'JWT', alg: 'RS256' },
  claims: (origin) => ({
    ...person,
    aud: `api://${api}`,
    iss: `${origin}/sts/${tenant}/`,
    appid: vscode,
    appidacr: '0',
    acr: '1',
    amr: ['pwd', 'mfa'],
    unique_name: 'ana@shop.example',
    upn: 'ana@shop.example',
    ver: '1.0',
    groups: [engineering],
  }),
};

/** In place of `groups` for somebody in more than 200 of them. */
export const overage = {
  _claim_names: { groups: 'src1' },
  _claim_sources: {
    src1: { endpoint: `https://graph.windows.net/${tenant}/users/${person.oid}/getMemberObjects` },
  },
};
