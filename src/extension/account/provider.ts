import type * as Oidc from 'openid-client';
import { askingFor, type ResourceMetadata } from '../../contract/discovery.ts';
import type { SignInChallenge } from '../../contract/problems.ts';
import { Secret } from '../../contract/secret.ts';
import { isLoopback } from '../client/address.ts';
import { pairOf, proofAlgorithm } from '../client/proof.ts';
import type { Clock } from '../state/clock.ts';
import { providerFailure } from './failures.ts';

/** Whom to ask for what: from the broker's metadata, or from a sign-in that stands. */
export interface Audience {
  readonly issuer: string;
  readonly clientId: string;
  /** RFC 8707: the broker, so that the token is good for nothing else. */
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Where the provider does not know RFC 8707: how it is told instead whom the token is for. */
  readonly audience?: ResourceMetadata['daypass_audience'];
}

export interface Tokens {
  readonly accessToken: Secret;
  readonly accessFrom: number;
  /** This machine's clock, ms. */
  readonly accessUntil: number;
  readonly refreshToken: Secret | undefined;
  readonly idToken: Secret | undefined;
  /** What the tokens are bound to; undefined where the provider did not do that. */
  readonly proofKey: Secret | undefined;
}

/** What one visit to the provider's pages is about. */
export interface Wishes {
  /** Asks who somebody is although the provider knows: after a sign-out it may be somebody else. */
  readonly again?: boolean;
  /** What the sign-in is to be. */
  readonly challenge?: SignInChallenge;
}

/** A call to the identity provider ends after this, with or without an answer. */
const timeoutSeconds = 15;
/** What a provider gets that does not say how long its access tokens live. */
const assumedLifetimeSeconds = 300;

/** The identity provider, through openid-client, which is loaded when it is first needed. Failures are in people's words. */
export class IdentityProvider {
  readonly #audience: Audience;
  readonly #oidc: typeof Oidc;
  readonly #configuration: Oidc.Configuration;

  private constructor(audience: Audience, oidc: typeof Oidc, configuration: Oidc.Configuration) {
    this.#audience = audience;
    this.#oidc = oidc;
    this.#configuration = configuration;
  }

  /**
   * Reads the provider's metadata (OpenID Connect Discovery 1.0).
   * @throws ProviderFailure
   */
  static async find(audience: Audience, clock: Clock, timeout = timeoutSeconds): Promise<IdentityProvider> {
    const oidc = await import('openid-client');
    const issuer = new URL(audience.issuer);
    const plain = issuer.protocol === 'http:' && isLoopback(issuer.hostname);
    const configuration = await providerFailure(audience.issuer, () =>
      oidc.discovery(
        issuer,
        audience.clientId,
        { [oidc.clockSkew]: Math.round(clock.offsetMs / 1000), [oidc.clockTolerance]: 30 },
        oidc.None(),
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out; here it is loopback only
        { timeout, ...(plain ? { execute: [oidc.allowInsecureRequests] } : {}) },
      ),
    );
    return new IdentityProvider(audience, oidc, configuration);
  }

  /** Whether the provider can be asked for a device code (RFC 8628). */
  get givesDeviceCodes(): boolean {
    return this.#configuration.serverMetadata().device_authorization_endpoint !== undefined;
  }

  /** Whether its tokens can be bound to a key of ours (RFC 9449 section 5.1). */
  get bindsTokens(): boolean {
    const { dpop_signing_alg_values_supported: taken = [] } = this.#configuration.serverMetadata();
    return taken.includes(proofAlgorithm);
  }

  /**
   * What one attempt at signing in through the browser needs: PKCE (RFC 7636), state and nonce, each made anew.
   * @param wishes what the sign-in is to be (RFC 9470 section 4)
   * @param key to bind the code and the tokens to (RFC 9449 sections 5 and 10)
   */
  async attempt(
    redirectUri: string,
    { again = false, challenge: wanted }: Wishes = {},
    key?: Secret,
  ): Promise<Attempt> {
    const oidc = this.#oidc;
    const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
    const challenge = await oidc.calculatePKCECodeChallenge(verifier);
    const page = await providerFailure(this.#audience.issuer, async () => {
      const { DPoP } = await this.#proofs(key);
      const url = oidc.buildAuthorizationUrl(this.#configuration, {
        ...this.#asked(),
        redirect_uri: redirectUri,
        code_challenge: challenge,
        code_challenge_method: 'S256',
        state,
        nonce,
        ...(DPoP ? { dpop_jkt: await DPoP.calculateThumbprint() } : {}),
        ...(again ? { prompt: 'login' } : {}),
        ...askedOf(wanted),
      });
      return pageOf(url.href, this.#audience.issuer);
    });
    return {
      page,
      state,
      redeem: (callback) =>
        this.#tokens(key, (proofs) =>
          oidc.authorizationCodeGrant(
            this.#configuration,
            callback,
            { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
            this.#eachTime(),
            proofs,
          ),
        ),
    };
  }

  /** RFC 8628: a code to type on a page, and the wait until somebody has. */
  async deviceCode({ challenge }: Wishes = {}, key?: Secret): Promise<DeviceCode> {
    const { issuer } = this.#audience;
    const { answer, page, pageWithCode } = await providerFailure(issuer, async () => {
      const answer = await this.#oidc.initiateDeviceAuthorization(this.#configuration, {
        ...this.#asked(),
        ...askedOf(challenge),
      });
      const { verification_uri: plain, verification_uri_complete: complete = plain } = answer;
      return { answer, page: pageOf(plain, issuer), pageWithCode: pageOf(complete, issuer) };
    });
    return {
      userCode: answer.user_code,
      page,
      pageWithCode,
      redeem: (signal) =>
        this.#tokens(key, (proofs) =>
          this.#oidc.pollDeviceAuthorizationGrant(this.#configuration, answer, this.#eachTime(), {
            ...proofs,
            signal,
          }),
        ),
    };
  }

  /**
   * @param key that it is bound to
   * @throws ProviderFailure with `ended` when the refresh token is good for nothing any more
   */
  refresh(refreshToken: Secret, key?: Secret): Promise<Tokens> {
    return this.#tokens(key, (proofs) =>
      this.#oidc.refreshTokenGrant(this.#configuration, refreshToken.reveal(), this.#eachTime(), proofs),
    );
  }

  /** RFC 7009. @throws ProviderFailure */
  async revoke(refreshToken: Secret): Promise<void> {
    if (this.#configuration.serverMetadata().revocation_endpoint === undefined) return;
    await providerFailure(this.#audience.issuer, () =>
      this.#oidc.tokenRevocation(this.#configuration, refreshToken.reveal(), {
        token_type_hint: 'refresh_token',
      }),
    );
  }

  /**
   * The page that ends what the provider remembers of a sign-in in the browser (OpenID Connect RP-Initiated Logout 1.0).
   * @returns undefined where it has none
   * @throws ProviderFailure
   */
  async signOutPage(idToken: Secret): Promise<URL | undefined> {
    if (this.#configuration.serverMetadata().end_session_endpoint === undefined) return undefined;
    return providerFailure(this.#audience.issuer, () => {
      const url = this.#oidc.buildEndSessionUrl(this.#configuration, { id_token_hint: idToken.reveal() });
      return pageOf(url.href, this.#audience.issuer);
    });
  }

  #asked(): Record<string, string> {
    const { scopes, resource, audience } = this.#audience;
    return { scope: scopes.join(' '), ...askingFor(resource, audience).atFirst };
  }

  #eachTime(): Record<string, string> {
    const { resource, audience } = this.#audience;
    return askingFor(resource, audience).eachTime;
  }

  async #proofs(key: Secret | undefined): Promise<Oidc.DPoPOptions> {
    return key ? { DPoP: this.#oidc.getDPoPHandle(this.#configuration, await pairOf(key)) } : {};
  }

  async #tokens(
    key: Secret | undefined,
    grant: (proofs: Oidc.DPoPOptions) => Promise<Oidc.TokenEndpointResponse>,
  ): Promise<Tokens> {
    const answer = await providerFailure(this.#audience.issuer, async () => grant(await this.#proofs(key)));
    const accessFrom = Date.now();
    return {
      accessToken: new Secret(answer.access_token),
      accessFrom,
      accessUntil: accessFrom + (answer.expires_in ?? assumedLifetimeSeconds) * 1000,
      refreshToken: answer.refresh_token === undefined ? undefined : new Secret(answer.refresh_token),
      idToken: answer.id_token === undefined ? undefined : new Secret(answer.id_token),
      proofKey: answer.token_type === 'dpop' ? key : undefined,
    };
  }
}

/** RFC 9470 section 4. */
function askedOf({ acrValues, maxAge }: SignInChallenge = {}): Record<string, string> {
  return {
    ...(acrValues ? { acr_values: acrValues.join(' ') } : {}),
    ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
  };
}

export interface Attempt {
  readonly page: URL;
  readonly state: string;
  /** @param callback the redirect URI with what the browser brought back; the issuer is checked (RFC 9207) */
  redeem(callback: URL): Promise<Tokens>;
}

export interface DeviceCode {
  readonly userCode: string;
  readonly page: URL;
  readonly pageWithCode: URL;
  /** Resolves when somebody has entered the code and signed in. */
  redeem(signal: AbortSignal): Promise<Tokens>;
}

/** A page that the provider names is opened in a browser: only https, or http where the issuer has it too. */
function pageOf(address: string, issuer: string): URL {
  const url = new URL(address);
  if (
    url.protocol !== 'https:' &&
    !(url.protocol === 'http:' && isLoopback(url.hostname) && issuer.startsWith('http:'))
  )
    throw new TypeError(`A page to sign in at must be https, not ${url.protocol}`);
  return url;
}
