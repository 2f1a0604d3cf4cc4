import type { Secret } from '../../contract/secret.ts';
import { SignedOut, Unreachable } from '../client/call.ts';
import type { TokenSource } from '../client/tokens.ts';
import type { Log } from '../services.ts';
import { Emitter, type Event } from '../state/event.ts';
import { isProviderFailure } from './failures.ts';
import type { SignIn } from './sign-in.ts';
import type { Tokens } from './provider.ts';
import type { Vault, Verdict } from './vault.ts';

export interface KeeperParts {
  readonly vault: Vault;
  /** The broker that this window is for; a sign-in for another counts as none. */
  readonly broker: () => string | undefined;
  readonly refresh: (signIn: SignIn, refreshToken: Secret) => Promise<Tokens>;
  readonly log: Log;
  /** This machine's clock, ms. */
  readonly wall?: () => number;
}

/** A token is exchanged this long before its end, or in the last quarter of a short life. */
const marginMs = 30_000;

/**
 * Gives out access tokens and exchanges them unseen. One exchange at a time in this window, and one at a time among
 * all windows of the person: whoever comes second finds the token that the first one got.
 */
export class TokenKeeper implements TokenSource {
  readonly #parts: KeeperParts;
  #current: SignIn | undefined;
  #exchange: Promise<SignIn> | undefined;
  readonly #ended = new Emitter<undefined>();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** The sign-in was found, by this window, to be at its end. */
  get onDidEnd(): Event<undefined> {
    return this.#ended.event;
  }

  async access(rejected?: Secret): Promise<Secret> {
    if (this.#current && this.#isGood(this.#current, rejected)) return this.#current.accessToken;
    const signIn = await this.#exchanged(rejected);
    // Whoever began the exchange may not have known yet that this token is refused.
    if (signIn.accessToken.reveal() === rejected?.reveal())
      return (await this.#exchanged(rejected)).accessToken;
    return signIn.accessToken;
  }

  /** What the vault holds now; nothing is exchanged. */
  async look(): Promise<SignIn | undefined> {
    const signIn = await this.#parts.vault.read();
    this.#current = signIn?.broker === this.#parts.broker() ? signIn : undefined;
    return this.#current;
  }

  /** Replaces whatever was there. @returns the sign-in before, for its token to be revoked */
  async put(signIn: SignIn): Promise<SignIn | undefined> {
    const before = await this.#parts.vault.change((current) =>
      Promise.resolve({ next: signIn, result: current }),
    );
    this.#current = signIn;
    return before;
  }

  /** Removes the sign-in, in every window. @returns it, for its token to be revoked */
  async remove(): Promise<SignIn | undefined> {
    this.#current = undefined;
    return this.#parts.vault.change((current) => Promise.resolve({ next: undefined, result: current }));
  }

  /** Removes a sign-in at another broker than `broker`. @returns it */
  async removeUnless(broker: string | undefined): Promise<SignIn | undefined> {
    if ((await this.#parts.vault.read())?.broker === broker) return undefined;
    return this.#parts.vault.change((current) => {
      const verdict: Verdict<SignIn | undefined> =
        !current || current.broker === broker
          ? { keep: true, result: undefined }
          : { next: undefined, result: current };
      return Promise.resolve(verdict);
    });
  }

  #exchanged(rejected: Secret | undefined): Promise<SignIn> {
    this.#exchange ??= this.#parts.vault
      .change((signIn) => this.#renewed(signIn, rejected))
      .then((signIn) => {
        this.#current = signIn;
        if (!signIn) throw new SignedOut();
        return signIn;
      })
      .finally(() => {
        this.#exchange = undefined;
      });
    return this.#exchange;
  }

  async #renewed(
    signIn: SignIn | undefined,
    rejected: Secret | undefined,
  ): Promise<Verdict<SignIn | undefined>> {
    if (signIn?.broker !== this.#parts.broker()) return { keep: true, result: undefined };
    if (!signIn || this.#isGood(signIn, rejected)) return { keep: true, result: signIn };
    if (!signIn.refreshToken) {
      return this.#end('The sign-in has come to its end and cannot be renewed.');
    }
    try {
      const { refreshToken, ...tokens } = await this.#parts.refresh(signIn, signIn.refreshToken);
      const next: SignIn = { ...signIn, ...tokens, refreshToken: refreshToken ?? signIn.refreshToken };
      return { next, result: next };
    } catch (error) {
      if (!isProviderFailure(error)) throw error;
      if (error.trouble !== 'ended') throw new Unreachable(error.message, { cause: error });
      return this.#end('The identity provider has ended the sign-in.');
    }
  }

  #end(why: string): Verdict<undefined> {
    this.#parts.log.info(why);
    this.#ended.fire(undefined);
    return { next: undefined, result: undefined };
  }

  #isGood(signIn: SignIn, rejected: Secret | undefined): boolean {
    if (signIn.accessToken.reveal() === rejected?.reveal()) return false;
    const now = (this.#parts.wall ?? Date.now)();
    const margin = Math.min(marginMs, (signIn.accessUntil - signIn.accessFrom) / 4);
    return signIn.accessFrom - marginMs <= now && now < signIn.accessUntil - margin;
  }
}
