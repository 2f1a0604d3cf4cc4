import * as vscode from 'vscode';
import type { AccountService } from '../services.ts';
import type { Api } from '../client/call.ts';
import type { ReadableStore } from '../state/store.ts';
import type { Grant, World } from '../state/world.ts';

export interface SignOutParts {
  readonly account: AccountService;
  readonly store: ReadableStore;
  readonly api: Api;
}

/** "Sign out". Who still has something open is asked whether that is to end as well. */
export async function signOut({ account, store, api }: SignOutParts): Promise<void> {
  const open = mineOpen(store.world);
  if (open.length > 0) {
    const [end, leave] = ['End and sign out', 'Sign out only'] as const;
    const chosen = await vscode.window.showWarningMessage(
      open.length === 1
        ? `“${open[0]?.template.title ?? ''}” is still open.`
        : `${open.length} sessions are still open.`,
      { modal: true, detail: 'Signed out, you cannot end it from here; it ends by itself at its time.' },
      end,
      leave,
    );
    if (chosen === undefined) return;
    if (chosen === end) {
      const ended = await Promise.allSettled(open.map(({ id }) => api.call('endGrant', { params: { id } })));
      const failed = ended.find((result) => result.status === 'rejected');
      if (failed) {
        const why = failed.reason instanceof Error ? failed.reason.message : '';
        void vscode.window.showErrorMessage(
          `You are still signed in, because something could not be ended. ${why}`,
        );
        return;
      }
    }
  }
  await account.signOut();
}

function mineOpen({ account, grants }: World): readonly Grant[] {
  if (account.is !== 'signed in') return [];
  const me = account.me.person.id;
  return [...grants.values()].filter((grant) => grant.holder.id === me && grant.state === 'active');
}
