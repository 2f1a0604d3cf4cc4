import * as vscode from 'vscode';
import type { AccountService } from '../services.ts';
import type { ReadableStore } from '../state/store.ts';

/** "Sign in". Somebody who is signed in already is told so: a command that does nothing looks broken. */
export async function signIn(account: AccountService, store: ReadableStore): Promise<void> {
  const before = store.world.account;
  const me = await account.ensureSignedIn();
  if (me && before.is === 'signed in')
    void vscode.window.showInformationMessage(`You are signed in as ${me.person.name}.`);
}
