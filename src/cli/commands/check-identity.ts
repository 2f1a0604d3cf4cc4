import { decodeJwt, decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from 'jose';
import { readConfig, type ReadConfig } from '../../broker/config/load.ts';
import type { IdentityConfig } from '../../broker/config/config.ts';
import { spokenProblem } from '../../broker/config/problem.ts';
import { NotSignedIn, ProviderUnavailable } from '../../broker/identity/failures.ts';
import { claimAt, spokenPath } from '../../broker/identity/claim-path.ts';
import { holderOf, namedClient, Refused } from '../../broker/identity/claims.ts';
import type { TokenHolder } from '../../broker/identity/token-holder.ts';
import { createVerifier } from '../../broker/identity/verifier.ts';
import { loadTemplates } from '../../broker/templates/folder.ts';
import { durationOf, spokenDuration } from '../../contract/durations.ts';
import { CommandFailed } from '../fail.ts';
import { signInFindings } from './check-sign-in.ts';
import { notesOn, remedyFor, whyUnreadable } from './identity-hints.ts';
import { shown } from './shown-claim.ts';

/** Most that is read from standard input, in characters; longer than any token that the broker takes. */
const longest = 64 * 1024;

/**
 * Explains what the broker sees in an access token that comes on standard input: never as an argument, which others
 * on the machine can read. The token is printed nowhere. Exit code 0: the broker would take it; 1: it would not, or only
 * to look and to end, or the signature could not be checked.
 */
export async function checkIdentity({ config: file }: { readonly config: string }): Promise<void> {
  const { outline, problems } = await readConfig(file);
  for (const problem of problems) process.stderr.write(`${spokenProblem(problem)}\n`);
  if (!outline || problems.length > 0) throw new CommandFailed('Mend the configuration first; see above.');
  const { identity, publicUrl, groups } = outline;
  const token = await readToken();
  const { header, payload } = decoded(token);
  tellClaims(payload, identity);

  const verifier = createVerifier({ identity, publicUrl });
  let holder: TokenHolder;
  let unchecked = false;
  try {
    holder = await verifier.inspect(token);
  } catch (error) {
    if (!(error instanceof NotSignedIn) && !(error instanceof ProviderUnavailable)) throw error;
    unchecked = error instanceof ProviderUnavailable;
    const refusals = [...(unchecked ? [] : [error.message]), ...wrongWith(header, payload, identity)];
    for (const refusal of new Set(refusals)) {
      const remedy = remedyFor(refusal, payload, identity);
      tell('Wrong', remedy === undefined ? refusal : `${refusal} ${remedy}`);
    }
    if (refusals.length > 0) throw new CommandFailed('The broker would not take this token; see above.');
    holder = holderOf(header, payload, identity);
  }
  tell('Signature', unchecked ? 'not checked: the identity provider’s keys could not be fetched' : 'right');
  tellHolder(holder, groups, identity);
  const isOfUse = await tellSignIn(holder, outline);
  if (unchecked)
    throw new CommandFailed(
      `Nothing else is wrong, but whether ${identity.issuer} signed this token is not known. Run this where the identity provider can be reached.`,
    );
  if (!isOfUse)
    throw new CommandFailed(
      'The broker would take this token to look and to end, and for nothing else; see above.',
    );
  process.stdout.write('The broker would take this token.\n');
}

async function readToken(): Promise<string> {
  if (process.stdin.isTTY)
    throw new CommandFailed(
      'Give the token on standard input, so that it stays in no history: pipe it in from the clipboard or a file.',
    );
  let text = '';
  for await (const part of process.stdin.setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    if (text.length > longest)
      throw new CommandFailed(`Standard input holds more than ${longest / 1024} KB; that is no token.`);
  }
  const token = text.trim().replace(/^(?:Bearer|DPoP) +/i, '');
  if (token === '') throw new CommandFailed('No token came on standard input.');
  return token;
}

/** Nothing of what the decoder says goes on: it may quote the token. */
function decoded(token: string): {
  header: ProtectedHeaderParameters & { alg: string };
  payload: JWTPayload;
} {
  try {
    const header = decodeProtectedHeader(token);
    return { header: { ...header, alg: header.alg ?? 'none' }, payload: decodeJwt(token) };
  } catch {
    throw new CommandFailed(whyUnreadable(token));
  }
}

function tell(what: string, words: string): void {
  process.stdout.write(`${`${what}:`.padEnd(11)} ${words}\n`);
}

/** What the token says, whoever signed it. */
function tellClaims(payload: JWTPayload, identity: IdentityConfig): void {
  tell('Issuer', shown(payload.iss));
  tell('Audience', shown(payload.aud));
  tell('Client', shown(namedClient(payload)));
  tell('Person', `${shown(payload[identity.personClaim ?? 'sub'])} (${identity.personClaim ?? 'sub'})`);
  tell('Name', `${shown(payload[identity.nameClaim])} (${identity.nameClaim})`);
  tell('Expires', spokenExpiry(payload.exp));
  const { acrClaim = 'acr' } = identity;
  const acr = claimAt(payload, acrClaim);
  if (acr !== undefined)
    tell('acr', `${shown(acr)}${acrClaim === 'acr' ? '' : ` (${spokenPath(acrClaim)})`}`);
  if ('amr' in payload) tell('amr', shown(payload['amr']));
  if (typeof payload['auth_time'] === 'number') tell('auth_time', spokenMoment(payload['auth_time']));
  for (const note of notesOn(payload, identity)) tell('Note', note);
}

function tellHolder(holder: TokenHolder, known: readonly string[], identity: IdentityConfig): void {
  const count = known.filter((group) => holder.groups.includes(group));
  const others = holder.groups.length - count.length;
  const unknown =
    others === 0
      ? ''
      : `; ${others} more that "groups" in the configuration does not name, so no template can`;
  tell(
    'Groups',
    `${count.length === 0 ? 'none that counts' : count.join(', ')} (${spokenPath(identity.groupsClaim)})${unknown}`,
  );
  tell(
    'Decides',
    holder.mayDecide
      ? 'yes, where a template lets these groups'
      : 'no: a token of the device client decides nothing',
  );
  if (holder.boundTo !== undefined)
    tell('Bound to', `the key ${holder.boundTo} (cnf, DPoP): it counts only with a proof of that key`);
}

/** @returns whether the sign-in is good for more than to look and to end */
async function tellSignIn(
  { signIn }: TokenHolder,
  outline: NonNullable<ReadConfig['outline']>,
): Promise<boolean> {
  const { templates, problems } = await loadTemplates(outline.templates, outline);
  const { session, isOfUse, mfa } = signInFindings(signIn, outline.identity, templates, new Date());
  tell('Sign-in', session);
  for (const line of mfa) tell('MFA', line);
  if (problems.length > 0) tell('Note', 'not all templates can be read: daypass check says why.');
  return isOfUse;
}

/** Everything that is wrong with what a token says, as the verifier would say it one at a time. */
function wrongWith(
  header: ProtectedHeaderParameters & { alg: string },
  payload: JWTPayload,
  identity: IdentityConfig,
): string[] {
  const wrong: string[] = [];
  const now = Date.now() / 1000;
  const algorithms: readonly string[] = identity.algorithms;
  if (!algorithms.includes(header.alg)) wrong.push('The token is not signed with an accepted algorithm.');
  if (payload.iss !== identity.issuer) wrong.push('The token is of another issuer.');
  if (![payload.aud].flat().includes(identity.audience)) wrong.push('The token is for another audience.');
  if (typeof payload.exp === 'number' && payload.exp <= now) wrong.push('The token has expired.');
  if (typeof payload.nbf === 'number' && payload.nbf > now + 10)
    wrong.push('The token is not valid yet (nbf).');
  try {
    holderOf(header, payload, identity);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    wrong.push(error.message);
  }
  return wrong;
}

function spokenMoment(seconds: number): string {
  const moment = new Date(seconds * 1000);
  return Number.isNaN(moment.getTime()) ? 'no point in time' : moment.toISOString();
}

function spokenExpiry(exp: unknown): string {
  if (typeof exp !== 'number') return 'not said';
  const left = Math.round(exp - Date.now() / 1000);
  const apart = spokenDuration(durationOf(Math.abs(left)));
  return `${spokenMoment(exp)}, ${left > 0 ? `in ${apart}` : `${apart || '0 s'} ago`}`;
}
