/** What an identity provider publishes and issues, after its documentation. Every address in it is on `origin`. */
export interface Provider {
  /** Where the documentation says so. */
  readonly sources: readonly string[];
  readonly issuer: (origin: string) => string;
  /** Path of its discovery document, and what stands there. */
  readonly discovery: (origin: string) => Readonly<Record<string, unknown>>;
  /** Header and claims of an access token for Daypass, as far as they are the same for everybody. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: (origin: string) => Record<string, unknown>;
}

/** When a token that is made now was issued; a whole number of seconds. */
export const issuedAt = (): number => Math.floor(Date.now() / 1000) - 30;

/** A discovery document's endpoints under one address. */
export function endpoints(at: string, paths: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, `${at}${path}`]));
}
