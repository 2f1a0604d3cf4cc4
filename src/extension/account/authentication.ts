import * as vscode from 'vscode';
import type { AccountService } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import { lastKnown, offered, type OfferedParts } from './offered.ts';
import type { SignIn } from './sign-in.ts';

export const providerId = 'daypass';
const label = 'Daypass';
/** There is only one kind of session. It has a name because VS Code matches what was asked for with what came by it. */
const scopes: readonly string[] = ['daypass'];

export interface AuthenticationParts extends OfferedParts {
  readonly account: AccountService;
}

/**
 * Daypass in VS Code's Accounts menu, and for other extensions that the person allows. Our own code never asks
 * VS Code for a session: that would ask the person for a permission that is theirs already. A token that is bound to a
 * key opens nothing for others, who do not get the key.
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
    if (!asked.every((scope) => scopes.includes(scope))) return [];
    const session = sessionOf(await offered(this.#parts));
    return session ? [session] : [];
  }

  async createSession(): Promise<vscode.AuthenticationSession> {
    const me = await this.#parts.account.ensureSignedIn();
    const session = me && sessionOf(await offered(this.#parts));
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

  async #tell(): Promise<void> {
    const before = this.#shown;
    const now = sessionOf(await lastKnown(this.#parts));
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
