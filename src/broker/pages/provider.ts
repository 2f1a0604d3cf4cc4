import type * as Oidc from 'openid-client';
import { askingFor } from '../../contract/discovery.ts';
import type { IdentityConfig, PagesClient } from '../config/config.ts';
import { isLoopback } from '../config/pieces.ts';
import { NotSignedIn, ProviderUnavailable } from '../identity/failures.ts';

/** A call to the identity provider ends after this, with or without an answer. */
const timeoutSeconds = 10;
/** How long the provider's description of itself is used, in milliseconds. */
const freshMs = 10 * 60_000;

/** What one way through the provider is bound by: PKCE (RFC 7636), `state`, `nonce`. */
export interface Bonds {
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
}

export interface Wishes {
  /** Asks who somebody is although the provider knows. */
  readonly again: boolean;
  readonly stepUp?: StepUp;
}

/** What a sign-in must be (RFC 9470, section 4). What came of it, the access token says. */
export interface StepUp {
  /** Contexts of sign-in (`acr`), one of which it takes. */
  readonly acrValues?: readonly string[] | undefined;
  /** How old it may be, in seconds. */
  readonly maxAge?: number | undefined;
}

interface Found {
  readonly oidc: typeof Oidc;
  readonly configuration: Oidc.Configuration;
}

/** The identity provider, for signing in to the broker's pages. The library is loaded when somebody first does. */
export class SignInProvider {
  readonly #identity: IdentityConfig;
  readonly #client: PagesClient;
  readonly #publicUrl: string;
  #found: { readonly at: number; readonly what: Promise<Found> } | undefined;

  constructor(identity: IdentityConfig, client: PagesClient, publicUrl: string) {
    this.#identity = identity;
    this.#client = client;
    this.#publicUrl = publicUrl;
  }

  /**
   * Where to send the browser.
   * @throws ProviderUnavailable
   */
  async page(
    { verifier, state, nonce }: Bonds,
    { again, stepUp: { acrValues, maxAge } = {} }: Wishes,
  ): Promise<URL> {
    const { oidc, configuration } = await this.#find();
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: `${this.#publicUrl}/signed-in`,
      // Nobody is signed in for longer than a look at a request takes.
      scope: this.#identity.scopes.filter((scope) => scope !== 'offline_access').join(' '),
      ...this.#asking().atFirst,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...(again ? { prompt: 'login' } : {}),
      ...(acrValues ? { acr_values: acrValues.join(' ') } : {}),
      ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
    });
    return url;
  }

  /**
   * The access token for what the browser brought back. `state`, `nonce`, the issuer of the answer (RFC 9207) and the
   * ID token are checked.
   * @param query of the address that the browser came back to
   * @throws NotSignedIn, ProviderUnavailable
   */
  async redeem(query: string, { verifier, state, nonce }: Bonds): Promise<string> {
    const { oidc, configuration } = await this.#find();
    try {
      const { access_token: token } = await oidc.authorizationCodeGrant(
        configuration,
        new URL(`${this.#publicUrl}/signed-in?${query}`),
        { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
        this.#asking().eachTime,
      );
      return token;
    } catch (error) {
      throw failed(error);
    }
  }

  #asking() {
    const { audienceParameter: parameter = 'resource', audience: value } = this.#identity;
    return askingFor(this.#publicUrl, { parameter, value });
  }

  async #find(): Promise<Found> {
    if (!this.#found || performance.now() - this.#found.at > freshMs) {
      const what = this.#discover();
      const found = { at: performance.now(), what };
      this.#found = found;
      what.catch(() => {
        if (this.#found === found) this.#found = undefined;
      });
    }
    return this.#found.what;
  }

  async #discover(): Promise<Found> {
    const oidc = await import('openid-client');
    const issuer = new URL(this.#identity.issuer);
    const plain = issuer.protocol === 'http:' && isLoopback(issuer.hostname);
    try {
      const configuration = await oidc.discovery(
        issuer,
        this.#client.id,
        { [oidc.clockTolerance]: 30 },
        authentication(oidc, this.#client),
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out; here it is loopback only
        { timeout: timeoutSeconds, ...(plain ? { execute: [oidc.allowInsecureRequests] } : {}) },
      );
      return { oidc, configuration };
    } catch (error) {
      throw new ProviderUnavailable(`The identity provider does not describe itself (${codeOf(error)}).`);
    }
  }
}

/** With its secret in the way that the provider takes; OpenID Connect Discovery 1.0, section 3, names the one to assume. */
function authentication(oidc: typeof Oidc, { secret }: PagesClient): Oidc.ClientAuth {
  if (!secret) return oidc.None();
  const [basic, post] = [oidc.ClientSecretBasic(secret.reveal()), oidc.ClientSecretPost(secret.reveal())];
  return (server, ...rest) => {
    const ways = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    (ways.includes('client_secret_basic') ? basic : post)(server, ...rest);
  };
}

/** OAuth error codes (RFC 6749, OpenID Connect Core) that say: not now. */
const later = ['temporarily_unavailable', 'server_error', 'slow_down'];

/** Says which check failed, never anything of what came: codes and tokens hang on the library's errors. */
function failed(error: unknown): NotSignedIn | ProviderUnavailable {
  const { error: said, status } = error as { readonly error?: unknown; readonly status?: unknown };
  const code = codeOf(error);
  if (said === 'access_denied')
    return notSignedIn('The sign-in was cancelled at the identity provider.', 'You did not sign in.');
  if (typeof said === 'string' && (later.includes(said) || (typeof status === 'number' && status >= 500)))
    return new ProviderUnavailable('The identity provider says that it cannot work at the moment.');
  if (code === 'OAUTH_TIMEOUT' || !/^(OAUTH_|ERR_)/.test(code))
    return typeof said === 'string'
      ? notSignedIn(`The identity provider refused the sign-in (${plain(said)}).`, startAgain)
      : new ProviderUnavailable(`The identity provider did not answer (${code}).`);
  return notSignedIn(
    `The answer of the identity provider does not fit the sign-in (${typeof said === 'string' ? plain(said) : code}).`,
    startAgain,
  );
}

const startAgain =
  'This sign-in was begun in another browser, took too long, or was used already. Nothing was opened.';

export function notSignedIn(reason: string, words: string = startAgain): NotSignedIn {
  return new NotSignedIn(reason, words, 'Cookie');
}

function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause)
    if (typeof (at as { code?: unknown }).code === 'string')
      return plain((at as { code?: string }).code ?? '');
  return 'unknown';
}

/** A code comes from outside. */
const plain = (code: string) => (/^[\w .:-]{1,60}$/.test(code) ? code : 'not named');
