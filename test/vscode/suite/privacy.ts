import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { extensionId } from './manifest.ts';

/** What the extension must not give to anybody. */
export function privacy(): void {
  describe('what others get from it', () => {
    it('other extensions get nothing', () => {
      assert.equal(vscode.extensions.getExtension(extensionId)?.exports, undefined);
    });

    it('a terminal of the person’s own has nothing of it in its environment', async () => {
      const opened = new Promise<vscode.Terminal>((resolve) => {
        const listener = vscode.window.onDidOpenTerminal((terminal) => {
          listener.dispose();
          resolve(terminal);
        });
      });
      const terminal = vscode.window.createTerminal({ name: 'plain' });
      await opened;
      const environment = 'env' in terminal.creationOptions ? (terminal.creationOptions.env ?? {}) : {};
      assert.deepEqual(
        Object.keys(environment).filter((name) => /^(PG|DAYPASS)/.test(name)),
        [],
      );
      terminal.dispose();
    });
  });
}
