import * as vscode from 'vscode';
import type { AccountService } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import type { ReadableStore } from '../state/store.ts';
import type { SignIn } from './sign-in.ts';
import type { TokenKeeper } from './tokens.ts';

export const providerId = 'daypass';
const label = 'Daypass';
/** There is only one kind of session. It has a name because VS Code matches what was asked for with what came by it. */
const scopes: readonly string[] = ['daypass'];

export interface AuthenticationParts {
  readonly store: ReadableStore;
  readonly keeper: TokenKeeper;
  readonly account: AccountService;
}

/**
 * Daypass in VS Code's Accounts menu, and for other extensions that the person allows. Our own code never asks
 * VS Code for a session: that would ask the person for a permission that is theirs already.
 */
export class Authentication implements vscode.AuthenticationProvider, Disposable {
  readonly #parts: AuthenticationParts;
  readonly #changed =
    new vscode.EventEmitter<vscode.AuthenticationProviderAuthenticationSessionsChangeEvent>();
  readonly #subscriptions: Disposable[];
  #shown: vscode.AuthenticationSession | undefined;
  #offered = false;

  /** Registers at once: VS Code waits only so long for a provider that somebody asks for. */
  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
    this.#subscriptions = [
      vscode.authentication.registerAuthenticationProvider(providerId, label, this, {
        supportsMultipleAccounts: false,
      }),
      parts.store.onDidChange(({ before, now }) => {
        if (before.account !== now.account) void this.#tell();
      }),
      this.#changed,
    ];
  }

  get onDidChangeSessions(): vscode.Event<vscode.AuthenticationProviderAuthenticationSessionsChangeEvent> {
    return this.#changed.event;
  }

  async getSessions(asked: readonly string[] = []): Promise<vscode.AuthenticationSession[]> {
    const session = await this.#session();
    return session && asked.every((scope) => scopes.includes(scope)) ? [session] : [];
  }

  async createSession(): Promise<vscode.AuthenticationSession> {
    const me = await this.#parts.account.ensureSignedIn();
    const session = me && (await this.#session());
    if (!session) throw new vscode.CancellationError();
    return session;
  }

  async removeSession(): Promise<void> {
    await this.#parts.account.signOut();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** The tokens were exchanged, perhaps by another window: who holds a session reads it again. */
  async renewed(): Promise<void> {
    await this.#tell();
  }

  async #session(): Promise<vscode.AuthenticationSession | undefined> {
    const { account } = this.#parts.store.world;
    if (account.is !== 'signed in') return undefined;
    return sessionOf(await this.#parts.keeper.look());
  }

  async #tell(): Promise<void> {
    const before = this.#shown;
    const now = await this.#session();
    if (before?.accessToken === now?.accessToken && before?.account.label === now?.account.label) {
      this.#offer();
      return;
    }
    this.#shown = now;
    const same = before !== undefined && before.id === now?.id;
    this.#changed.fire({
      added: now && !same ? [now] : [],
      removed: before && !same ? [before] : [],
      changed: now && same ? [now] : [],
    });
    this.#offer();
  }

  /** Puts "Sign in with Daypass" into the Accounts menu while nobody is; nothing pops up. */
  #offer(): void {
    const wanted = this.#parts.store.world.account.is === 'signed out';
    if (wanted && !this.#offered)
      vscode.authentication.getSession(providerId, scopes, { createIfNone: false }).then(undefined, () => {
        this.#offered = false;
      });
    this.#offered = wanted;
  }
}

function sessionOf(signIn: SignIn | undefined): vscode.AuthenticationSession | undefined {
  if (!signIn) return undefined;
  return {
    id: `${signIn.issuer} ${signIn.me.person.id}`,
    accessToken: signIn.accessToken.reveal(),
    account: { id: signIn.me.person.id, label: signIn.me.person.name },
    scopes,
  };
}
