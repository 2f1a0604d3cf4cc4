import type { SignInChallenge } from '../contract/problems.ts';
import type { Secret } from '../contract/secret.ts';
import type { Api } from './client/call.ts';
import type { Disposable } from './state/event.ts';
import type { ReadableClock } from './state/clock.ts';
import type { ReadableStore } from './state/store.ts';
import type { Me } from './state/world.ts';

/**
 * What views, commands and terminals are given. `extension.ts` builds it and hands it to three functions, in this order;
 * what they return is disposed with the window, in the opposite order:
 *
 * - `terminal/register.ts`: `registerTerminals(services): Terminals`, where `Terminals extends Disposable`
 * - `views/register.ts`: `registerViews(services, terminals): Disposable`
 * - `commands/register.ts`: `registerCommands(services, terminals): Disposable`
 *
 * They run inside `activate`: they register, and load nothing heavy (zod, axios) by a static import.
 */
export interface Services {
  readonly store: ReadableStore;
  readonly clock: ReadableClock;
  /** Calls the broker; see `client/call.ts` for what it throws. What comes back is in the store before the promise resolves. */
  readonly api: Api;
  readonly account: AccountService;
  readonly sync: SyncService;
  readonly log: Log;
  readonly places: Places;
}

export interface AccountService {
  /**
   * Who is signed in; connects and signs in on the way if need be. Single flight per window.
   * `undefined` when the person cancelled or it failed: whatever had to be said was said already, say nothing more.
   */
  ensureSignedIn(): Promise<Me | undefined>;
  /**
   * Whoever is signed in signs in again, as a call demands (RFC 9470). One visit at a time per window: who asks for what
   * it brings anyway joins it, who asks for more comes after it.
   * @param before `mark` when the call began that needs it
   */
  signInAgain(challenge: SignInChallenge, before: Secret | undefined): Promise<SignedInAgain>;
  /** Another one for each sign-in that this window works with. */
  readonly mark: Secret | undefined;
  /** Removes every token, in every window of this person. */
  signOut(): Promise<void>;
}

/**
 * `visited`: in the browser; `found`: there is another one than before, of another window or another call; `no`: cancelled,
 * failed or as somebody else, and what had to be said of it was said.
 */
export type SignedInAgain = 'visited' | 'found' | 'no';

export interface SyncService {
  /** Reads everything again, e.g. for a refresh button. Never rejects: a failure shows in `world.stream`. */
  refresh(): Promise<void>;
  /** Reads one resource again and resolves when the store has it, or when it could not be read. */
  reload(what: { readonly request: string } | { readonly grant: string }): Promise<void>;
  /** Keeps `world.connections` of this grant fresh while somebody looks; until disposed. */
  watchConnections(grantId: string): Disposable;
}

/** Goes to the output channel "Daypass". No secret is ever handed to it. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string, cause?: unknown): void;
  error(message: string, cause?: unknown): void;
}

/** Folders, as absolute paths on the machine where the extension and the shells run. */
export interface Places {
  /** The installed extension: `dist/launcher.cjs`, `media`. */
  readonly extension: string;
  /** Ours on this machine, shared by windows, 0700; outlives restarts. */
  readonly storage: string;
}
