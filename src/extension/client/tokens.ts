import type { Secret } from '../../contract/secret.ts';
import type { Access } from './proof.ts';

/** For whom a call is made, and where. A token for another broker or another person must not stand in its place. */
export interface Caller {
  readonly broker: string;
  /** The person's id. */
  readonly who: string;
}

/** Where the client gets its access tokens from. */
export interface TokenSource {
  /**
   * This caller's access token at this broker, good for a while yet, with the key that it is bound to. `rejected` is one
   * that the broker has just refused: another is given.
   * @throws SignedOut also where somebody else is signed in, or at another broker
   * @throws Unreachable the identity provider did not answer; the sign-in stands
   */
  access(caller: Caller, rejected?: Secret): Promise<Access>;
}
