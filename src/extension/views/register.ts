import * as vscode from 'vscode';
import { accountContextKey, accountContexts, viewIds } from '../commands/names.ts';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import type { Terminals } from '../terminal/register.ts';
import { registerNotifications } from './notifications.ts';
import { registerRequestsView } from './requestsView.ts';
import { registerSessionView } from './sessionView.ts';
import { registerStatusBar } from './statusBar.ts';
import { registerTemplatesView } from './templatesView.ts';

/** Everything that is drawn, all of it from the store and the clock. */
export function registerViews(services: Services, terminals: Terminals): Disposable {
  return vscode.Disposable.from(
    registerContext(services),
    // Empty: what it shows, before anybody is signed in, stands in package.json.
    vscode.window.registerTreeDataProvider<never>(viewIds.start, {
      getChildren: () => [],
      getTreeItem: (item) => item,
    }),
    registerSessionView(services),
    registerTemplatesView(services),
    registerRequestsView(services),
    registerStatusBar(services),
    registerNotifications(services, terminals),
  );
}

/** Which views there are depends on where this window stands with the broker. */
function registerContext({ store }: Services): Disposable {
  let shown: string | undefined;
  const draw = (): void => {
    const value = accountContexts[store.world.account.is];
    if (value === shown) return;
    shown = value;
    void vscode.commands.executeCommand('setContext', accountContextKey, value);
  };
  draw();
  return store.onDidChange(draw);
}
