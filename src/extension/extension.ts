import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { Account } from './account/account.ts';
import { Authentication } from './account/authentication.ts';
import { VscodeBrokerSetting } from './account/broker-setting.ts';
import { refresher } from './account/refresh.ts';
import { TokenKeeper } from './account/tokens.ts';
import { Vault } from './account/vault.ts';
import { vscodeEditor } from './account/vscode-editor.ts';
import { ApiClient } from './client/api.ts';
import { commandIds } from './commands/names.ts';
import { registerCommands } from './commands/register.ts';
import { signIn } from './commands/signIn.ts';
import { outputLog } from './log.ts';
import type { Services } from './services.ts';
import { Clock } from './state/clock.ts';
import type { Disposable } from './state/event.ts';
import { Store } from './state/store.ts';
import { Sync } from './state/sync.ts';
import type { World } from './state/world.ts';
import { registerTerminals } from './terminal/register.ts';
import { registerViews } from './views/register.ts';

/** Builds the parts and connects them; what needs the disk or the network begins after it has returned. */
export function activate(context: vscode.ExtensionContext): void {
  const log = outputLog();
  context.subscriptions.push(log);
  try {
    compose(context, log);
  } catch (error) {
    log.error('Daypass could not start.', error);
    void vscode.window.showErrorMessage('Daypass could not start. The output “Daypass” says why.');
    throw error;
  }
}

function compose(context: vscode.ExtensionContext, log: Services['log']): void {
  const own = <T extends Disposable>(part: T): T => {
    context.subscriptions.push(part);
    return part;
  };
  const store = own(new Store());
  const clock = own(new Clock());
  const setting = own(new VscodeBrokerSetting());
  const storage = context.globalStorageUri.fsPath;

  const vault = own(
    new Vault({ folder: join(storage, 'account', clientId()), secrets: context.secrets, log }),
  );
  const keeper = new TokenKeeper({ vault, broker: () => setting.get(), refresh: refresher(clock), log });
  const askForBroker = async () => (await import('./commands/connect.ts')).connect({ setting, clock });
  const account = own(
    new Account({
      store,
      keeper,
      kept: vault.onDidChange,
      setting,
      editor: vscodeEditor(askForBroker),
      clock,
      log,
    }),
  );
  const authentication = own(new Authentication({ store, keeper, account, log }));
  own(vault.onDidChange(() => void authentication.renewed()));

  const api = new ApiClient({
    caller: () => callerOf(store.world),
    tokens: keeper,
    clock,
    heard: (name, output) => sync.heard(name, output),
  });
  const sync = own(
    new Sync({ store, api, tokens: keeper, clock, log, onSignedOut: () => void account.settle() }),
  );
  own(store.onDidChange(() => clock.look()));
  own(
    vscode.window.onDidChangeWindowState(({ focused }) => {
      if (focused) sync.hurry();
    }),
  );

  const services: Services = {
    store,
    clock,
    api,
    account,
    sync,
    log,
    places: { extension: context.extensionPath, storage },
  };
  const run = (id: string, command: () => Promise<unknown>) =>
    own(vscode.commands.registerCommand(id, command));
  run(commandIds.connect, askForBroker);
  run(commandIds.signIn, () => signIn(account, store));
  run(commandIds.signOut, async () =>
    (await import('./commands/signOut.ts')).signOut({ account, store, api }),
  );

  const terminals = own(registerTerminals(services));
  own(registerViews(services, terminals));
  own(registerCommands(services, terminals));

  setImmediate(() => void account.settle());
}

/** Windows of one VS Code share a sign-in; others that reach this machine as the same user have their own. */
function clientId(): string {
  return createHash('sha256').update(vscode.env.machineId).digest('hex').slice(0, 16);
}

function callerOf({ account }: World) {
  return account.is === 'signed in' ? { broker: account.broker, who: account.me.person.id } : undefined;
}
