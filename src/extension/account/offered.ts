import { SignedOut } from '../client/call.ts';
import type { Log } from '../services.ts';
import type { ReadableStore } from '../state/store.ts';
import type { SignIn } from './sign-in.ts';
import type { TokenKeeper } from './tokens.ts';

export interface OfferedParts {
  readonly store: ReadableStore;
  readonly keeper: Pick<TokenKeeper, 'look' | 'renewed'>;
  readonly log: Log;
}

/**
 * The sign-in for another extension that asks for it: with a token that is good, renewed unseen if need be. None where
 * it cannot be renewed any more. While the identity provider cannot be reached it is handed out as it is: the person
 * is signed in still, and to say otherwise would make whoever asked sign them in anew.
 */
export async function offered({ store, keeper, log }: OfferedParts): Promise<SignIn | undefined> {
  const { account } = store.world;
  if (account.is !== 'signed in') return undefined;
  try {
    return await keeper.renewed({ broker: account.broker, who: account.me.person.id });
  } catch (error) {
    if (error instanceof SignedOut) return undefined;
    log.warn('The session for another extension could not be renewed.', error);
    return lastKnown({ store, keeper, log });
  }
}

/** The sign-in as it is, without asking anybody. */
export async function lastKnown({ store, keeper, log }: OfferedParts): Promise<SignIn | undefined> {
  const { account } = store.world;
  if (account.is !== 'signed in') return undefined;
  try {
    return await keeper.look();
  } catch (error) {
    log.warn('The sign-in that is kept here could not be read.', error);
    return undefined;
  }
}
