import assert from 'node:assert/strict';
import * as vscode from 'vscode';

/** The account as other parts of VS Code meet it. */
export function account(): void {
  describe('the account', () => {
    it('offers its sign-in to VS Code and has nobody signed in yet', async () => {
      const session = await vscode.authentication.getSession('daypass', [], { silent: true });
      assert.equal(session, undefined);
      assert.deepEqual(await vscode.authentication.getAccounts('daypass'), []);
    });

    it('signing out without being signed in is no error', async () => {
      await vscode.commands.executeCommand('daypass.signOut');
    });
  });
}
