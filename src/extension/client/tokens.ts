import type { Secret } from '../../contract/secret.ts';

/** Where the client gets its access tokens from. */
export interface TokenSource {
  /**
   * An access token that is good for a while yet. `rejected` is one that the broker has just refused: another is given.
   * @throws SignedOut
   * @throws Unreachable the identity provider did not answer; the sign-in stands
   */
  access(rejected?: Secret): Promise<Secret>;
}
