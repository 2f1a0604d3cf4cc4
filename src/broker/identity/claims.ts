import type { JWTHeaderParameters, JWTPayload } from 'jose';
import * as z from 'zod';
import { misleads, withoutMisleading } from '../../contract/plain-text.ts';
import type { IdentityConfig } from '../config/config.ts';
import { claimAt, firstOf, spokenPath } from './claim-path.ts';
import type { SignInFacts } from '../rules/sign-in.ts';
import type { TokenHolder } from './token-holder.ts';

/** A verified token that says something we cannot use: `reason` for the log, `words` for people. */
export class Refused extends Error {
  readonly words: string;

  constructor(reason: string, words: string) {
    super(reason);
    this.words = words;
  }
}

const notForUs =
  'This sign-in was made for something else and does not count here. Sign in again from the editor.';
const askPlatform = 'Tell whoever runs the identity provider; signing in again does not help.';

/**
 * Who holds a token whose signature, issuer, audience and times are verified already; whether its key (`boundTo`) is
 * proved is another matter.
 * Follows RFC 9068 sections 2 and 4 and RFC 8725 section 3, and tells access tokens from ID tokens without `typ` too.
 * @throws Refused
 */
export function holderOf(
  header: JWTHeaderParameters,
  payload: JWTPayload,
  identity: IdentityConfig,
  now = new Date(),
): TokenHolder {
  refuseOtherTokens(header, payload, identity);
  const boundTo = keyOf(payload);
  const clientId = clientOf(payload, identity);
  const subject = subjectOf(payload, clientId, identity);
  return {
    issuer: identity.issuer,
    subject,
    name: cleanName(payload[identity.nameClaim]) ?? cleanName(subject) ?? 'somebody',
    groups: groupsOf(payload, identity),
    clientId,
    mayDecide: clientId !== identity.deviceClient,
    signIn: signInOf(payload, identity, clientId === identity.deviceClient),
    expiresAt: expiryOf(payload, now),
    ...(boundTo === undefined ? {} : { boundTo }),
  };
}

/** An ID token says who signed in and is for the client's eyes; other kinds are for other purposes altogether. */
function refuseOtherTokens(header: JWTHeaderParameters, payload: JWTPayload, identity: IdentityConfig): void {
  const named: unknown = header.typ;
  const type = typeof named === 'string' ? named.toLowerCase().replace(/^application\//, '') : named;
  if (type !== undefined && type !== 'at+jwt' && type !== 'jwt')
    throw new Refused('The token is of another type than an access token.', notForUs);
  const audiences = [payload.aud].flat();
  const clients = [...identity.clients, identity.deviceClient];
  const markedAsId =
    'at_hash' in payload ||
    'c_hash' in payload ||
    's_hash' in payload ||
    ('nonce' in payload && type !== 'at+jwt') ||
    (typeof payload['typ'] === 'string' && /^(id|refresh|logout|offline)$/i.test(payload['typ']));
  if (markedAsId || audiences.some((audience) => clients.includes(audience)))
    throw new Refused('The token is an ID token, not an access token.', notForUs);
  if ('events' in payload)
    throw new Refused('The token tells of an event (a logout, for example), and lets nobody in.', notForUs);
  if ('act' in payload)
    throw new Refused(
      'The token was handed on: somebody acts for the person (act).',
      'This sign-in lets somebody else act for you. Access is for people themselves: sign in as yourself.',
    );
}

/** RFC 9449 section 6.1, and nothing beside it. */
const Confirmation = z.strictObject({ jkt: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });

function keyOf(payload: JWTPayload): string | undefined {
  if (!('cnf' in payload)) return undefined;
  const confirmation = Confirmation.safeParse(payload['cnf']);
  if (confirmation.success) return confirmation.data.jkt;
  throw new Refused(
    'The token is bound to a key (cnf) in another way than DPoP, which cannot be proved here.',
    `The identity provider binds sign-ins to a key in a way that is not possible here. ${askPlatform}`,
  );
}

/**
 * The client that a token was issued to: `client_id` (RFC 9068), `azp` as OpenID Connect has it, else what two providers
 * call it: `cid` (Okta), `appid` (Microsoft Entra ID, version 1.0).
 */
export function namedClient({ client_id: named, azp, cid, appid }: JWTPayload): unknown {
  return named ?? azp ?? cid ?? appid;
}

function clientOf(payload: JWTPayload, { clients, deviceClient }: IdentityConfig): string {
  const { client_id: named, azp } = payload;
  if (named !== undefined && azp !== undefined && named !== azp)
    throw new Refused('The token names two different clients (client_id, azp).', notForUs);
  const clientId = namedClient(payload);
  if (typeof clientId !== 'string')
    throw new Refused(
      'The token does not name its client (client_id, azp).',
      `The identity provider does not say which program this sign-in was made for. ${askPlatform}`,
    );
  if (!clients.includes(clientId) && clientId !== deviceClient)
    throw new Refused('The token was issued to a client that is not configured.', notForUs);
  return clientId;
}

function subjectOf(payload: JWTPayload, clientId: string, { personClaim }: IdentityConfig): string {
  const subject = payload[personClaim ?? 'sub'];
  if (typeof subject !== 'string' || subject.trim() === '' || subject.length > 255 || misleads(subject))
    throw new Refused(
      `The token does not say who somebody is (${personClaim ?? 'sub'}).`,
      `The identity provider does not say who you are. ${askPlatform}`,
    );
  if (isOfProgram(payload, clientId))
    throw new Refused(
      'The token belongs to a program, not to a person.',
      'This is a sign-in of a program. Access is for people: sign in as yourself.',
    );
  return subject;
}

/** The client itself as the subject (RFC 9068 section 2.2), or as Microsoft Entra ID and Auth0 mark it. */
function isOfProgram({ sub, idtyp, gty }: JWTPayload, clientId: string): boolean {
  return sub === clientId || idtyp === 'app' || gty === 'client-credentials';
}

const Groups = z.array(z.string().max(1000)).max(5000);

function groupsOf(payload: JWTPayload, { groupsClaim, groupsSeparator }: IdentityConfig): string[] {
  const claim = claimAt(payload, groupsClaim);
  const said = spokenPath(groupsClaim);
  if (claim === undefined || claim === null) {
    if (isElsewhere(payload, firstOf(groupsClaim)))
      throw new Refused(
        `The token leaves the groups out because there are too many (${said}).`,
        `The identity provider left your groups out because they are too many. ${askPlatform}`,
      );
    return [];
  }
  const isOneText = groupsSeparator !== undefined && typeof claim === 'string';
  const groups = Groups.safeParse(isOneText ? claim.split(groupsSeparator) : claim);
  if (!groups.success)
    throw new Refused(
      `The token’s groups are not a list of texts (${said}).`,
      `The identity provider does not list your groups in a form that can be read. ${askPlatform}`,
    );
  return [...new Set(groups.data.filter((group) => group !== '' && !misleads(group)))];
}

const Elsewhere = z.object({ _claim_names: z.looseObject({}) });

/**
 * Whether a token leaves a claim out that is to be had elsewhere, as some providers do with long lists: a distributed
 * claim (OpenID Connect Core section 5.6.2), or Microsoft Entra ID's `hasgroups` and `groups:src1`. Somebody in no
 * group has no such mark, and to take one for the other would refuse people for what they are not.
 */
function isElsewhere(payload: JWTPayload, claim: string): boolean {
  const elsewhere = Elsewhere.safeParse(payload);
  if (elsewhere.success && Object.hasOwn(elsewhere.data._claim_names, claim)) return true;
  return claim === 'groups' && (isYes(payload['hasgroups']) || 'groups:src1' in payload);
}

const isYes = (claim: unknown): boolean => claim === true || claim === 'true';

const Texts = z.array(z.string().min(1).max(255)).max(50);

/**
 * OpenID Connect Core section 2, RFC 8176, RFC 9068 section 2.2.1. What is not written as it must be is not said: such
 * a token lets its holder look, and nothing that demands more of a sign-in.
 */
function signInOf(payload: JWTPayload, { acrClaim = 'acr' }: IdentityConfig, byCode: boolean): SignInFacts {
  const { auth_time: at } = payload;
  const authenticatedAt = typeof at === 'number' ? new Date(at * 1000) : undefined;
  return {
    acr: Texts.safeParse([claimAt(payload, acrClaim) ?? []].flat()).data ?? [],
    amr: Texts.safeParse(payload['amr']).data ?? [],
    ...(authenticatedAt && !Number.isNaN(authenticatedAt.getTime()) ? { authenticatedAt } : {}),
    byCode,
  };
}

/** A name as others may read it: one line, nothing invisible or reordering, at most 100 characters. */
function cleanName(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined;
  const kept = withoutMisleading(claim.slice(0, 1000).replace(/\s/gu, ' '));
  const line = kept.normalize('NFC').replace(/ +/g, ' ').trim();
  const name = withoutMisleading(Array.from(line).slice(0, 100).join('')).trim();
  return /[\p{L}\p{N}]/u.test(name) ? name : undefined;
}

/** A token that is good for longer is taken for one without an end. */
const longestSeconds = 366 * 24 * 3600;
/** How far ahead the provider's clock may be where it says when it issued a token. */
const aheadSeconds = 300;

function expiryOf({ exp, iat }: JWTPayload, now: Date): Date {
  const nowSeconds = now.getTime() / 1000;
  if (iat !== undefined && !(iat <= nowSeconds + aheadSeconds))
    throw new Refused(
      'The token was issued in the future (iat).',
      `The identity provider’s clock and the broker’s are far apart. ${askPlatform}`,
    );
  const date = new Date(
    (typeof exp === 'number' && exp <= nowSeconds + longestSeconds ? exp : Number.NaN) * 1000,
  );
  if (Number.isNaN(date.getTime()))
    throw new Refused(
      'The token’s expiry is no point in time (exp).',
      `This sign-in has no end. ${askPlatform}`,
    );
  return date;
}
