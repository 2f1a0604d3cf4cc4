import { bare, codeOf, whyUnreachable } from '../client/failures.ts';

export type ProviderTrouble =
  /** No answer, or one that says to come back later: what stood stands. */
  | 'unreachable'
  /** It answered something that makes no sense, or that it must not. */
  | 'nonsense'
  /** It refuses this program or what it asks for: a matter for whoever set it up. */
  | 'misconfigured'
  /** The refresh token, the code or the person's consent is at its end. */
  | 'ended'
  /** The person, or the provider on their behalf, said no. */
  | 'declined';

/** What went wrong at the identity provider; the message is for people. */
export class ProviderFailure extends Error {
  override readonly name = 'ProviderFailure';
  readonly trouble: ProviderTrouble;

  constructor(trouble: ProviderTrouble, message: string, cause?: unknown) {
    super(message, { cause: cause === undefined ? undefined : bare(cause) });
    this.trouble = trouble;
  }
}

/** By its name, so that it holds for a failure from a part that was loaded by itself. */
export function isProviderFailure(error: unknown): error is ProviderFailure {
  return error instanceof Error && error.name === 'ProviderFailure';
}

/** Runs a call to the provider; whatever it throws comes out as a `ProviderFailure`, without the tokens in it. */
export async function providerFailure<T>(issuer: string, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ProviderFailure) throw error;
    const { host } = new URL(issuer);
    const { trouble, words } = judge(error, host);
    throw new ProviderFailure(trouble, words, error);
  }
}

/** OAuth error codes (RFC 6749, 8628, OpenID Connect Core) that mean: ask again later. */
const later = ['temporarily_unavailable', 'server_error', 'slow_down'];
const over = ['invalid_grant', 'expired_token', 'login_required', 'interaction_required', 'consent_required'];

function judge(error: unknown, host: string): { trouble: ProviderTrouble; words: string } {
  const { error: code, status } = asRecord(error);
  if (typeof code === 'string') {
    if (code === 'access_denied') return { trouble: 'declined', words: `${host} did not sign you in.` };
    if (code === 'invalid_dpop_proof')
      return {
        trouble: 'nonsense',
        words: `${host} does not take the proof that your sign-in is yours. Check this machine's clock, or tell whoever runs Daypass.`,
      };
    if (over.includes(code))
      return { trouble: 'ended', words: `Your sign-in at ${host} has come to its end. Sign in again.` };
    if (later.includes(code) || (typeof status === 'number' && status >= 500)) return busy(host);
    return {
      trouble: 'misconfigured',
      words: `${host} does not accept Daypass as it is set up (${plain(code)}). Tell whoever runs Daypass.`,
    };
  }
  const failed = codeOf(error);
  const response = responseIn(error);
  if (response && (response.status >= 500 || response.status === 429)) return busy(host);
  if (
    failed === 'OAUTH_TIMEOUT' ||
    failed === 'UND_ERR_HEADERS_TIMEOUT' ||
    failed === 'UND_ERR_CONNECT_TIMEOUT'
  )
    return { trouble: 'unreachable', words: whyUnreachable({ code: 'ETIMEDOUT' }, host) };
  if (failed === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED')
    return {
      trouble: 'nonsense',
      words: `${host} signed you in with times that do not fit. Check this machine's clock, or tell whoever runs it.`,
    };
  if (failed.startsWith('OAUTH_') || failed.startsWith('ERR_INVALID_') || failed === 'unknown')
    return {
      trouble: 'nonsense',
      words: `${host} gave an answer that makes no sense for a sign-in. Tell whoever runs it.`,
    };
  return { trouble: 'unreachable', words: whyUnreachable(error, host) };
}

function busy(host: string): { trouble: ProviderTrouble; words: string } {
  return { trouble: 'unreachable', words: `${host} cannot work at the moment. Try again in a minute.` };
}

/** openid-client hangs the answer that it did not like on its error. */
function responseIn(error: unknown): { status: number } | undefined {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause)
    if (at instanceof Response) return at;
  return undefined;
}

/** An error code comes from outside; the standard knows printable ASCII only (RFC 6749, section 5.2). */
function plain(code: string): string {
  return /^[\w .:-]{1,60}$/.test(code) ? code : 'for a reason it does not name';
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
