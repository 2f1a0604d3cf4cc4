import type { JWTPayload } from 'jose';
import type { IdentityConfig } from '../../broker/config/config.ts';
import { claimAt, spokenPath } from '../../broker/identity/claim-path.ts';
import { namedClient } from '../../broker/identity/claims.ts';
import { shown } from './shown-claim.ts';

/** Why nobody but its provider can read a token. Nothing of the token is in the words. */
export function whyUnreadable(token: string): string {
  const unreadable = 'This is not a JWT, so the broker cannot read it.';
  if (/^ya29\./.test(token))
    return `${unreadable} It looks like one of Google’s, whose access tokens are an opaque token for everybody else: put a provider between that issues tokens of its own (docs/identity/google.md); an opaque token cannot be used.`;
  if (token.split('.').length === 5)
    return 'This is an encrypted token (JWE), which only the identity provider can read. Have it issue signed access tokens for Daypass as an API of its own: Auth0, for example, encrypts those that are asked for without an audience.';
  return `${unreadable} Have the identity provider issue JWT access tokens for Daypass (RFC 9068); an opaque token cannot be used.`;
}

/** What to change so that a refusal does not come again; undefined where the refusal says all that is known. */
export function remedyFor(
  refusal: string,
  payload: JWTPayload,
  identity: IdentityConfig,
): string | undefined {
  const client = shown(namedClient(payload));
  const remedies: readonly [RegExp, () => string][] = [
    [/another issuer/, () => otherIssuer(payload, identity)],
    [/another audience/, () => otherAudience(payload, identity)],
    [/not configured/, () => `If ${client} is Daypass’s client, add it to identity.clients.`],
    [/is an ID token/, () => mistakenForIdToken(payload, identity)],
    [/has expired/, () => 'Take a fresh one.'],
    [/accepted algorithm/, () => `Have the provider sign with one of ${identity.algorithms.join(', ')}.`],
    [
      /too many/,
      () =>
        'Have the provider send only the groups that are assigned to Daypass, or roles of Daypass instead (identity.groups_claim: roles).',
    ],
    [/not a list/, () => noList(payload, identity)],
    [/does not name its client/, () => 'Have the provider put the client id into client_id or azp.'],
    [
      /bound to a key/,
      () =>
        'Have the provider bind tokens of this client by DPoP or not at all: switch mutual TLS off for it.',
    ],
    [/does not say who somebody is/, () => whoItCouldBe(payload)],
    [
      /does not publish|signature is wrong/,
      () => `Only tokens that ${identity.issuer} signed with a key of its jwks_uri count.`,
    ],
  ];
  return remedies.find(([pattern]) => pattern.test(refusal))?.[1]();
}

/** What is no reason to refuse a token, and still worth a look. */
export function notesOn(payload: JWTPayload, identity: IdentityConfig): string[] {
  const notes: string[] = [];
  if (claimAt(payload, identity.groupsClaim) === undefined && !('_claim_names' in payload))
    notes.push(noGroups(payload, identity));
  const { sub } = payload;
  if ((identity.personClaim ?? 'sub') === 'sub' && typeof sub === 'string' && sub.includes('@'))
    notes.push(
      `sub looks like an e-mail address, which somebody else may have one day. Set identity.person_claim to a claim that stays with one person${also(payload)}.`,
    );
  return notes;
}

function noGroups(payload: JWTPayload, { groupsClaim }: IdentityConfig): string {
  const said = spokenPath(groupsClaim);
  const lists = listsIn(payload).map(
    (path) =>
      `${path.map(shown).join(' → ')} (identity.groups_claim: ${path.length === 1 ? shown(path[0]) : `[${path.map(shown).join(', ')}]`})`,
  );
  return lists.length === 0
    ? `the token lists no groups in ${said}. Add that claim to access tokens, or set identity.groups_claim.`
    : `the token lists no groups in ${said}. There is a list in ${lists.join(', and in ')}.`;
}

/** Where a token has lists that could be somebody's groups. */
function listsIn(claims: object, before: readonly string[] = []): (readonly string[])[] {
  return Object.entries(claims).flatMap(([name, value]: [string, unknown]) => {
    const path = [...before, name];
    if (Array.isArray(value))
      return /(groups|roles)$/i.test(name) && value.every((one) => typeof one === 'string') ? [path] : [];
    return typeof value === 'object' && value !== null && path.length < 3 ? listsIn(value, path) : [];
  });
}

/** Microsoft Entra ID's two kinds of tokens: version 1.0 has another issuer and no `azp`. */
const firstVersion = /^https:\/\/sts\.windows\.net\//;

function otherIssuer(payload: JWTPayload, { issuer }: IdentityConfig): string {
  const said = payload.iss ?? '';
  if (payload['ver'] === '1.0' && firstVersion.test(said))
    return `identity.issuer is ${issuer}, and this is a token of version 1.0. Set requestedAccessTokenVersion to 2 in the manifest of Daypass’s API, or set identity.issuer to ${shown(said)}.`;
  if (payload['ver'] === '2.0' && firstVersion.test(issuer))
    return `identity.issuer is that of version 1.0, and this is a token of version 2.0. Set identity.issuer to ${shown(said)}.`;
  if (said.replace(/\/$/, '') === issuer.replace(/\/$/, ''))
    return `identity.issuer is ${issuer}; only the slash at its end is different, and it counts.`;
  return `identity.issuer is ${issuer}; it must be exactly what the token says.`;
}

function otherAudience(payload: JWTPayload, { audience, clients, deviceClient }: IdentityConfig): string {
  const said = [payload.aud].flat();
  const ofClient = [...clients, deviceClient].some((client) => client !== undefined && said.includes(client));
  return ofClient
    ? `It is for the client itself. Register Daypass as an API of its own there, beside the client, and have the editor ask for a token for ${audience}.`
    : `Have the provider issue access tokens for ${audience}, or set identity.audience to what they say.`;
}

function mistakenForIdToken(payload: JWTPayload, identity: IdentityConfig): string {
  const isAccessToken = 'scp' in payload || 'scope' in payload;
  return isAccessToken ? otherAudience(payload, identity) : 'Give the access token of the same sign-in.';
}

function noList(payload: JWTPayload, { groupsClaim, groupsSeparator }: IdentityConfig): string {
  const wish = `Have the provider send ${spokenPath(groupsClaim)} as a list of texts`;
  return typeof claimAt(payload, groupsClaim) === 'string' && groupsSeparator === undefined
    ? `${wish}, or say in identity.groups_separator what stands between them.`
    : `${wish}.`;
}

/** What some providers call the claim that stays with one person. */
const permanent = ['oid', 'uid', 'employee_id', 'sub'];

function whoItCouldBe(payload: JWTPayload): string {
  const found = permanent.filter((name) => typeof payload[name] === 'string');
  return found.length === 0
    ? 'Have the provider put a claim into access tokens that stays with one person.'
    : `Have the provider add it to access tokens, or set identity.person_claim to what it has: ${found.join(', ')}.`;
}

function also(payload: JWTPayload): string {
  const found = permanent.filter((name) => name !== 'sub' && typeof payload[name] === 'string');
  return found.length === 0 ? '' : `, like ${found.join(' or ')}`;
}
