import type { Log } from '../services.ts';
import type { Clock } from '../state/clock.ts';
import { ApiClient } from '../client/api.ts';
import { ProblemError, SignedOut, Unreachable } from '../client/call.ts';
import { discover, NotABroker } from '../client/discover.ts';
import type { Editor } from './editor.ts';
import { ProviderFailure } from './failures.ts';
import { IdentityProvider, type Wishes } from './provider.ts';
import { NoWay, signInAtProvider, TookTooLong, type Outcome } from './sign-in-flow.ts';
import type { SignIn } from './sign-in.ts';

// Loaded when somebody signs in or out, not at activation.

export interface AttemptParts {
  readonly editor: Editor;
  readonly clock: Clock;
  readonly log: Log;
  readonly wishes?: Wishes;
}

/**
 * One attempt at signing in at a broker. Nothing is kept yet.
 * @returns undefined when the person cancelled
 * @throws Error, see `wordsFor`
 */
export async function attempt(broker: string, parts: AttemptParts): Promise<SignIn | undefined> {
  const { editor, clock, wishes = {} } = parts;
  const metadata = await editor.wait(`Asking ${new URL(broker).host} where to sign in`, (signal) =>
    discover(broker, clock, signal),
  );
  if (typeof metadata === 'string') return undefined;
  const outcome = await signInAtProvider({ metadata, editor, clock, wishes });
  return outcome && introduce(broker, metadata.daypass_organisation, outcome, parts);
}

/** A sign-in counts only once the broker has said whose it is. */
async function introduce(
  broker: string,
  organisation: string,
  { tokens, audience, way }: Outcome,
  parts: AttemptParts,
): Promise<SignIn> {
  const { refreshToken, idToken, ...rest } = tokens;
  const draft = {
    version: tokens.proofKey ? (2 as const) : (1 as const),
    broker,
    organisation,
    ...audience,
    scopes: [...audience.scopes],
    way,
    ...rest,
    ...(refreshToken ? { refreshToken } : {}),
    ...(idToken ? { idToken } : {}),
  };
  const api = new ApiClient({
    caller: () => ({ broker, who: 'newcomer' }),
    tokens: { access: () => Promise.resolve({ token: tokens.accessToken, key: tokens.proofKey }) },
    clock: parts.clock,
    heard: () => undefined,
  });
  try {
    return { ...draft, me: await api.call('me') };
  } catch (error) {
    // One that was to replace another is of the same consent: revoked, it would take that one along.
    if (!parts.wishes?.challenge) void revoke(draft, parts);
    throw error;
  }
}

/** Tells the provider that a sign-in's refresh token is not needed any more (RFC 7009). Never rejects. */
export async function revoke(
  signIn: Omit<SignIn, 'me'>,
  { clock, log }: Pick<AttemptParts, 'clock' | 'log'>,
): Promise<void> {
  if (!signIn.refreshToken) return;
  try {
    const provider = await IdentityProvider.find(signIn, clock);
    await provider.revoke(signIn.refreshToken);
  } catch (error) {
    log.warn('The identity provider could not be told of the sign-out; its token ends by itself.', error);
  }
}

/**
 * Offers to sign out at the provider too, which remembers people in the browser; a shared one would let the next person
 * in as this one. Never rejects.
 */
export async function leave(
  signIn: SignIn,
  { clock, log, editor }: Pick<AttemptParts, 'clock' | 'log' | 'editor'>,
): Promise<void> {
  if (!signIn.idToken) return;
  try {
    const page = await (await IdentityProvider.find(signIn, clock)).signOutPage(signIn.idToken);
    if (!page) return;
    const [there, words] = ['Sign out there too', 'You are signed out. The browser may still be signed in'];
    if ((await editor.tell(`${words} at ${page.host}.`, there)) === there) await editor.open(page);
  } catch (error) {
    log.warn('The identity provider could not be asked where to sign out.', error);
  }
}

/** What a person is told when an attempt failed. */
export function wordsFor(error: unknown): string {
  if (
    error instanceof ProviderFailure ||
    error instanceof NotABroker ||
    error instanceof Unreachable ||
    error instanceof NoWay ||
    error instanceof TookTooLong
  )
    return error.message;
  if (error instanceof ProblemError) return `The broker does not accept this sign-in: ${error.message}`;
  if (error instanceof SignedOut) return 'Signing in was interrupted.';
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC')
    return 'You are not signed in: the disk is full, so the sign-in cannot be kept. Make room, then try again.';
  return 'You are not signed in: something went wrong here. The output “Daypass” says what.';
}
