import assert from 'node:assert/strict';
import * as vscode from 'vscode';

interface Manifest {
  readonly contributes: {
    readonly commands: readonly { readonly command: string }[];
    readonly configuration: { readonly properties: Record<string, { readonly scope: string }> };
  };
}

export const extensionId = 'daypass.daypass';

/** What package.json promises is there once VS Code has started. */
export function manifest(parsed: object): void {
  const { contributes } = parsed as Manifest;

  describe('the extension in a real VS Code', () => {
    it('activates by itself and reports no failure', async () => {
      const extension = vscode.extensions.getExtension(extensionId);
      assert.ok(extension, 'it is installed');
      await extension.activate();
      assert.equal(extension.isActive, true);
    });

    it('runs where the shells run', () => {
      assert.equal(
        vscode.extensions.getExtension(extensionId)?.extensionKind,
        vscode.ExtensionKind.Workspace,
      );
    });

    it('registers every command that it contributes', async () => {
      const registered = new Set(await vscode.commands.getCommands(true));
      const missing = contributes.commands.filter(({ command }) => !registered.has(command));
      assert.deepEqual(missing, []);
    });

    it('lets no workspace point it to another broker', () => {
      assert.deepEqual(
        Object.entries(contributes.configuration.properties)
          .filter(([, { scope }]) => scope !== 'application')
          .map(([name]) => name),
        [],
      );
    });

    it('opens its views without an error', async () => {
      await vscode.commands.executeCommand('workbench.view.extension.daypass');
    });
  });
}
