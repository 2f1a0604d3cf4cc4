import type { Secret } from '../../contract/secret.ts';
import { SignedOut, Unreachable } from '../client/call.ts';
import type { Access } from '../client/proof.ts';
import type { Caller, TokenSource } from '../client/tokens.ts';
import type { Log } from '../services.ts';
import { Emitter, type Event } from '../state/event.ts';
import { isProviderFailure } from './failures.ts';
import { isCode } from './private-files.ts';
import type { SignIn } from './sign-in.ts';
import type { Tokens } from './provider.ts';
import { Unstored } from './unstored.ts';
import type { Vault, Verdict } from './vault.ts';

export interface KeeperParts {
  readonly vault: Pick<Vault, 'read' | 'change' | 'remove' | 'wasLeft'>;
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
 * all windows of the person: whoever comes second finds the token that the first one got. What was exchanged and could
 * not be stored is used all the same, and stored as soon as that works.
 */
export class TokenKeeper implements TokenSource {
  readonly #parts: KeeperParts;
  readonly #unstored = new Unstored();
  #current: SignIn | undefined;
  #exchange: Promise<SignIn> | undefined;
  #hasEnded = false;
  readonly #ended = new Emitter<undefined>();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** The sign-in was found, by this window, to be at its end. */
  get onDidEnd(): Event<undefined> {
    return this.#ended.event;
  }

  async access(caller: Caller, rejected?: Secret): Promise<Access> {
    const { accessToken, proofKey } = await this.renewed(caller, rejected);
    return { token: accessToken, key: proofKey };
  }

  /** The sign-in of `caller`, with an access token that is good for a while yet. @throws as `access` */
  async renewed(caller: Caller, rejected?: Secret): Promise<SignIn> {
    let signIn = this.#current;
    if (!signIn || !this.#isGood(signIn, rejected)) {
      signIn = await this.#exchanged(rejected);
      // Whoever began the exchange may not have known yet that this token is refused.
      if (signIn.accessToken.reveal() === rejected?.reveal()) signIn = await this.#exchanged(rejected);
    } else if (this.#unstored.isDue(this.#now())) void this.#exchanged(undefined).catch(() => undefined);
    if (signIn.broker !== caller.broker || signIn.me.person.id !== caller.who) throw new SignedOut();
    return signIn;
  }

  /** What this window works with at the moment. */
  get current(): SignIn | undefined {
    return this.#current;
  }

  /** What the vault holds now; nothing is exchanged. @throws Error if it cannot be read at the moment */
  async look(): Promise<SignIn | undefined> {
    const signIn = this.#unstored.insteadOf(await this.#parts.vault.read());
    this.#current = signIn?.broker === this.#parts.broker() ? signIn : undefined;
    return this.#current;
  }

  /** Whether somebody signed out since the last sign-in, in whichever window. */
  wasLeft(): Promise<boolean> {
    return this.#parts.vault.wasLeft();
  }

  /** Replaces whatever was there. @returns the sign-in before, for its token to be revoked */
  async put(signIn: SignIn): Promise<SignIn | undefined> {
    const before = await this.#parts.vault.change(
      (current) => Promise.resolve({ next: signIn, result: this.#unstored.insteadOf(current) }),
      'if possible',
    );
    this.#unstored.forget();
    this.#current = signIn;
    return before;
  }

  /**
   * Replaces the sign-in of the same person at the same broker, and no other: whoever signed out meanwhile, in whichever
   * window, stays so.
   * @returns false if there is none any more: nothing was put then
   */
  async replace(signIn: SignIn): Promise<boolean> {
    const wasThere = await this.#parts.vault.change((stored) => {
      const current = this.#unstored.insteadOf(stored);
      const isOurs = signIn.broker === this.#parts.broker() && isSame(current, signIn);
      const verdict: Verdict<boolean> = isOurs
        ? { next: signIn, result: true }
        : { keep: true, result: false };
      return Promise.resolve(verdict);
    });
    if (!wasThere) return false;
    this.#unstored.forget();
    this.#current = signIn;
    return true;
  }

  /** Removes the sign-in, in every window. @returns it, for its token to be revoked */
  async remove(): Promise<SignIn | undefined> {
    this.#current = undefined;
    const before = this.#unstored.insteadOf(await this.#parts.vault.remove());
    this.#unstored.forget();
    return before;
  }

  /** Removes a sign-in at another broker than `broker`. @returns it */
  async removeUnless(broker: string | undefined): Promise<SignIn | undefined> {
    if ((await this.#parts.vault.read())?.broker === broker) return undefined;
    const other = await this.#parts.vault.change((stored) => {
      const current = this.#unstored.insteadOf(stored);
      const verdict: Verdict<SignIn | undefined> =
        !current || current.broker === broker
          ? { keep: true, result: undefined }
          : { next: undefined, result: current };
      return Promise.resolve(verdict);
    });
    if (other) this.#unstored.forget();
    return other;
  }

  #exchanged(rejected: Secret | undefined): Promise<SignIn> {
    this.#exchange ??= this.#change(rejected)
      .then((signIn) => {
        this.#current = signIn;
        if (!signIn) {
          this.#tellEnd();
          throw new SignedOut();
        }
        return signIn;
      })
      .finally(() => {
        this.#exchange = undefined;
      });
    return this.#exchange;
  }

  async #change(rejected: Secret | undefined): Promise<SignIn | undefined> {
    const { vault, log } = this.#parts;
    try {
      const signIn = await vault.change((stored) => this.#decide(stored, rejected));
      this.#unstored.forget();
      return signIn;
    } catch (error) {
      if (this.#unstored.isEmpty) throw cannotWrite(error);
      if (this.#unstored.isNews(this.#now()))
        log.warn('The renewed sign-in cannot be stored; this window keeps it and tries again.', error);
      return this.#unlessReplaced();
    }
  }

  /** Another window may have signed in or out meanwhile; a folder that cannot be read either says nothing. */
  async #unlessReplaced(): Promise<SignIn | undefined> {
    try {
      return await this.look();
    } catch {
      return this.#unstored.signIn;
    }
  }

  async #decide(
    stored: SignIn | undefined,
    rejected: Secret | undefined,
  ): Promise<Verdict<SignIn | undefined>> {
    const signIn = this.#unstored.insteadOf(stored);
    if (signIn?.broker !== this.#parts.broker()) return { keep: true, result: undefined };
    if (!signIn) return { keep: true, result: undefined };
    if (this.#isGood(signIn, rejected))
      return signIn === stored ? { keep: true, result: signIn } : { next: signIn, result: signIn };
    if (!signIn.refreshToken) {
      return this.#end('The sign-in has come to its end and cannot be renewed.');
    }
    try {
      const { refreshToken, idToken, ...tokens } = await this.#parts.refresh(signIn, signIn.refreshToken);
      const next: SignIn = {
        ...signIn,
        ...tokens,
        refreshToken: refreshToken ?? signIn.refreshToken,
        idToken: idToken ?? signIn.idToken,
      };
      // From here on what is stored is of no use any more.
      if (stored) this.#unstored.keep(next, stored);
      return { next, result: next };
    } catch (error) {
      if (!isProviderFailure(error)) throw error;
      if (error.trouble !== 'ended')
        throw new Unreachable(error.message, { cause: error, nothingSent: true });
      return this.#end('The identity provider has ended the sign-in.');
    }
  }

  #end(why: string): Verdict<undefined> {
    this.#parts.log.info(why);
    this.#unstored.forget();
    this.#hasEnded = true;
    return { next: undefined, result: undefined };
  }

  /** Once it is removed: whoever signs in anew at once must not find it. */
  #tellEnd(): void {
    if (!this.#hasEnded) return;
    this.#hasEnded = false;
    this.#ended.fire(undefined);
  }

  #isGood(signIn: SignIn, rejected: Secret | undefined): boolean {
    if (signIn.accessToken.reveal() === rejected?.reveal()) return false;
    const now = this.#now();
    const margin = Math.min(marginMs, (signIn.accessUntil - signIn.accessFrom) / 4);
    return signIn.accessFrom - marginMs <= now && now < signIn.accessUntil - margin;
  }

  #now(): number {
    return (this.#parts.wall ?? Date.now)();
  }
}

function isSame(one: SignIn | undefined, other: SignIn): boolean {
  return one?.broker === other.broker && one.me.person.id === other.me.person.id;
}

/** A sign-in that cannot be renewed for lack of room stands: it is renewed once there is some. */
function cannotWrite(error: unknown): unknown {
  if (!isCode(error, 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM')) return error;
  const why = isCode(error, 'ENOSPC', 'EDQUOT') ? 'the disk is full' : 'its folder cannot be written';
  return new Unreachable(`Your sign-in cannot be renewed: ${why}. It goes on once that is mended.`, {
    cause: error,
    nothingSent: true,
  });
}
