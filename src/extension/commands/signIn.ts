import * as vscode from 'vscode';
import type { AccountService } from '../services.ts';
import type { ReadableStore } from '../state/store.ts';
import { inert } from '../views/words.ts';

/** "Sign in". Somebody who is signed in already is told so: a command that does nothing looks broken. */
export async function signIn(account: AccountService, store: ReadableStore): Promise<void> {
  const before = store.world.account;
  const me = await account.ensureSignedIn();
  if (me && before.is === 'signed in')
    void vscode.window.showInformationMessage(inert(`You are signed in as ${me.person.name}.`));
}
