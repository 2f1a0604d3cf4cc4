/**
 * A call without an access token that counts here; answered with 401, or 400 where it is no call that could carry one
 * (RFC 6750 section 3.1). Its message is the reason, for the log: which
 * check failed, never any part of the token. It has no cause: the library's errors carry the token's claims.
 */
export class NotSignedIn extends Error {
  /** What people read: what happened and what to do. */
  readonly words: string;
  /** Value of the `WWW-Authenticate` header (RFC 6750 section 3, RFC 9728 section 5.1). */
  readonly wwwAuthenticate: string;
  readonly problem: 'not-signed-in' | 'invalid-request';
  /** What the proof of the next try must contain (RFC 9449 section 9). */
  readonly nonce: string | undefined;

  constructor(
    reason: string,
    words: string,
    wwwAuthenticate: string,
    more: { readonly problem?: NotSignedIn['problem']; readonly nonce?: string | undefined } = {},
  ) {
    super(reason);
    this.name = 'NotSignedIn';
    this.words = words;
    this.wwwAuthenticate = wwwAuthenticate;
    this.problem = more.problem ?? 'not-signed-in';
    this.nonce = more.nonce;
  }
}

/** The identity provider gives no usable keys, so that nobody can be recognised at the moment; answered with 503. */
export class ProviderUnavailable extends Error {
  /** What people read. */
  readonly words =
    'The identity provider cannot be reached, so nobody can be recognised at the moment. Running sessions still end on time. Try again soon.';

  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'ProviderUnavailable';
  }
}
