import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import type { Terminals } from '../terminal/register.ts';
import { Claims } from './claims.ts';
import { noticesOf, type Notice } from './notices.ts';
import { Notifier } from './notifier.ts';
import { nextFigureInMs, standingOf } from './standing.ts';

/** Tells people what happened, each thing once. */
export function registerNotifications(services: Services, terminals: Terminals): Disposable {
  const { store, clock, places } = services;
  const claims = new Claims(places.storage);
  const notifier = new Notifier(
    {
      get focused() {
        return vscode.window.state.focused;
      },
      onDidChangeFocus: vscode.window.onDidChangeWindowState,
      show: (notice) => void show(notice),
    },
    (id) => claims.claim(id),
    () =>
      noticesOf(
        store.world,
        clock.now(),
        (ms) => clock.toLocal(ms),
        (requestId) => terminals.awaits(requestId),
      ),
  );
  return vscode.Disposable.from(
    notifier,
    store.onDidChange(() => notifier.look()),
    clock.every(
      () => notifier.look(),
      (now) => nextFigureInMs(standingOf(store.world, now)),
    ),
  );
}

async function show({ text, kind, action }: Notice): Promise<void> {
  const labels = action ? [action.label] : [];
  const say = kind === 'warning' ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  const chosen = await say(text, ...labels);
  if (action && chosen === action.label) await vscode.commands.executeCommand(action.command, action.about);
}
