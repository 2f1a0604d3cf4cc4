import type { SignInChallenge } from '../../contract/problems.ts';
import type { Secret } from '../../contract/secret.ts';
import type { Clock } from '../state/clock.ts';
import type { AccountService, Log, SignedInAgain } from '../services.ts';
import type { Disposable, Event } from '../state/event.ts';
import { withAccount } from '../state/learn.ts';
import type { Store } from '../state/store.ts';
import type { Me } from '../state/world.ts';
import type { Editor } from './editor.ts';
import { answers } from './sign-in-again.ts';
import type { SignIn } from './sign-in.ts';
import type { TokenKeeper } from './tokens.ts';

/** The setting `daypass.broker`, in the form of `brokerAddress`. */
export interface BrokerSetting {
  get(): string | undefined;
  readonly onDidChange: Event<unknown>;
}

export interface AccountParts {
  readonly store: Store;
  readonly keeper: TokenKeeper;
  /** The kept sign-in may have changed, here or in another window. */
  readonly kept: Event<unknown>;
  readonly setting: BrokerSetting;
  readonly editor: Editor;
  readonly clock: Clock;
  readonly log: Log;
  /** Between looks at a sign-in that cannot be read, longer each time; tests hand in shorter ones. */
  readonly pauses?: { readonly firstMs: number; readonly longestMs: number };
}

const tryAgain = 'Try again';
/** Somebody who sees nothing for longer than these looks take (7 s) gets a way to sign in anew. */
const patientLooks = 4;
/** Somebody who signs out waits no longer for the provider to hear of it. */
const patienceMs = 2_000;

/** Who is signed in at which broker: restores it, changes it when the person says so, follows the other windows. */
export class Account implements AccountService, Disposable {
  readonly #parts: AccountParts;
  readonly #listening: readonly Disposable[];
  #signingIn: Promise<Me | undefined> | undefined;
  #settling: Promise<void> = Promise.resolve();
  #disposed = false;
  #unread = 0;
  #visit: { readonly challenge: SignInChallenge; readonly outcome: Promise<SignedInAgain> } | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(parts: AccountParts) {
    this.#parts = parts;
    this.#listening = [
      parts.kept(() => void this.settle()),
      parts.setting.onDidChange(() => void this.#brokerChanged()),
      parts.keeper.onDidEnd(() => void this.#ended()),
    ];
  }

  /**
   * Makes the store say what the vault and the setting say. A sign-in that cannot be read at the moment is no sign-out:
   * what was known stands, and it is looked at again. Never rejects.
   */
  settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#settle());
    return this.#settling;
  }

  ensureSignedIn(): Promise<Me | undefined> {
    this.#signingIn ??= this.#ensure().finally(() => {
      this.#signingIn = undefined;
    });
    return this.#signingIn;
  }

  get mark(): Secret | undefined {
    return this.#parts.keeper.current?.accessToken;
  }

  async signInAgain(challenge: SignInChallenge, before: Secret | undefined): Promise<SignedInAgain> {
    // What is asked of the person for less than this is no answer to it.
    while (this.#visit && !answers(this.#visit.challenge, challenge)) await this.#visit.outcome;
    this.#visit ??= {
      challenge,
      outcome: this.#signInAgain(challenge, before).finally(() => {
        this.#visit = undefined;
      }),
    };
    return this.#visit.outcome;
  }

  async signOut(): Promise<void> {
    const { keeper, editor, log } = this.#parts;
    let before: SignIn | undefined;
    try {
      before = await keeper.remove();
    } catch (error) {
      log.error('The sign-in could not be removed.', error);
      await editor.say('You are still signed in: the folder that keeps the sign-in cannot be written.');
      return;
    }
    log.info('Signed out.');
    await this.settle();
    if (!before) return;
    void this.#leave(before);
    await soon(this.#revoke(before));
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#again);
    for (const listening of this.#listening) listening.dispose();
  }

  async #settle(): Promise<void> {
    const { store, keeper, setting, log } = this.#parts;
    const broker = setting.get();
    clearTimeout(this.#again);
    if (broker === undefined) {
      store.update(withAccount({ is: 'no broker' }));
      return;
    }
    let signIn: SignIn | undefined;
    try {
      signIn = await keeper.look();
      this.#unread = 0;
    } catch (error) {
      if (this.#disposed) return;
      if (this.#unread === 0) log.error('The sign-in that is kept here could not be read.', error);
      this.#lookAgain();
      const { account } = store.world;
      // What was known of another broker says nothing of this one.
      if (!('broker' in account) || account.broker !== broker)
        store.update(this.#unread > patientLooks ? signedOut(broker) : withAccount({ is: 'starting' }));
      return;
    }
    if (this.#disposed || setting.get() !== broker) return;
    store.update((world) => {
      const { account } = world;
      if (!signIn)
        return account.is === 'signed out' && account.broker === broker ? world : signedOut(broker)(world);
      const same =
        account.is === 'signed in' &&
        account.broker === broker &&
        account.me.person.id === signIn.me.person.id;
      return same ? world : withAccount({ is: 'signed in', broker, me: signIn.me })(world);
    });
  }

  #lookAgain(): void {
    const { firstMs, longestMs } = this.#parts.pauses ?? { firstMs: 500, longestMs: 30_000 };
    this.#again = setTimeout(() => void this.settle(), Math.min(longestMs, firstMs * 2 ** this.#unread++));
    this.#again.unref();
  }

  async #ended(): Promise<void> {
    const words = 'Your sign-in has come to its end. What is open stays open until its time.';
    if ((await this.#parts.editor.say(words, 'Sign in')) === 'Sign in') await this.ensureSignedIn();
  }

  async #brokerChanged(): Promise<void> {
    const { keeper, setting, log } = this.#parts;
    const broker = setting.get();
    try {
      const other = await keeper.removeUnless(broker);
      if (other) void this.#revoke(other);
    } catch (error) {
      log.error('The sign-in at the broker before could not be removed.', error);
    }
    await this.settle();
  }

  async #ensure(): Promise<Me | undefined> {
    const { setting, editor } = this.#parts;
    for (;;) {
      await this.settle();
      const me = this.#me();
      if (me) return me;
      const broker = setting.get();
      if (broker === undefined) {
        if (!(await editor.connect()) || setting.get() === undefined) return undefined;
        continue;
      }
      const trouble = await this.#attempt(broker);
      if (trouble === undefined) return this.#me();
      if ((await editor.say(trouble, tryAgain)) !== tryAgain) return undefined;
    }
  }

  async #signInAgain(challenge: SignInChallenge, before: Secret | undefined): Promise<SignedInAgain> {
    const { keeper, store, editor, log } = this.#parts;
    const { account } = store.world;
    if (account.is !== 'signed in') return 'no';
    const { broker, me } = account;
    const { attempt, revoke, wordsFor } = await import('./attempt.ts');
    try {
      if ((await keeper.look())?.accessToken.reveal() !== before?.reveal()) return 'found';
      // Not revoked afterwards: providers end the new one with it, both being of one consent (RFC 7009, section 2.1).
      const signIn = await attempt(broker, { ...this.#parts, wishes: { challenge } });
      if (!signIn) return 'no';
      const isSomebodyElse = signIn.me.person.id !== me.person.id;
      const replaced = !isSomebodyElse && !this.#disposed && (await keeper.replace(signIn));
      if (!replaced) {
        await revoke(signIn, this.#parts);
        if (isSomebodyElse && this.#me()?.person.id === me.person.id)
          await editor.say(
            `That was ${signIn.me.person.name}. You are signed in here as ${me.person.name}; nothing was changed. Sign out first to be somebody else.`,
          );
        return 'no';
      }
      log.info(`Signed in again at ${broker}.`);
      await this.settle();
      return 'visited';
    } catch (error) {
      if (this.#disposed) return 'no';
      log.warn('Signing in again failed.', error);
      await editor.say(wordsFor(error));
      return 'no';
    }
  }

  #me(): Me | undefined {
    const { account } = this.#parts.store.world;
    return account.is === 'signed in' ? account.me : undefined;
  }

  /** @returns what went wrong, in words; undefined also when the person cancelled */
  async #attempt(broker: string): Promise<string | undefined> {
    const { keeper, log, setting } = this.#parts;
    const { attempt, wordsFor } = await import('./attempt.ts');
    try {
      // Who signs in after a sign-out chooses the account, whoever the browser remembers.
      const signIn = await attempt(broker, { ...this.#parts, wishes: { again: await keeper.wasLeft() } });
      if (!signIn) return undefined;
      if (this.#disposed || setting.get() !== broker) {
        await this.#revoke(signIn);
        return undefined;
      }
      const before = await keeper.put(signIn);
      if (before && before.me.person.id !== signIn.me.person.id) void this.#revoke(before);
      log.info(`Signed in at ${broker}.`);
      await this.settle();
      return undefined;
    } catch (error) {
      if (this.#disposed) return undefined;
      log.warn('Signing in failed.', error);
      return wordsFor(error);
    }
  }

  async #leave(signIn: SignIn): Promise<void> {
    const { leave } = await import('./attempt.ts');
    await leave(signIn, this.#parts);
  }

  async #revoke(signIn: SignIn): Promise<void> {
    const { revoke } = await import('./attempt.ts');
    await revoke(signIn, this.#parts);
  }
}

/** Waits for the provider as long as somebody who signs out likes to; it may be down. */
async function soon(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([work, enough]);
  clearTimeout(timer);
}

function signedOut(broker: string) {
  return withAccount({ is: 'signed out', broker });
}
