import * as vscode from 'vscode';
import { commandIds } from '../commands/names.ts';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import { nextFigureInMs, standingOf } from './standing.ts';
import { statusOf, type StatusText } from './statusText.ts';

const backgrounds = {
  calm: undefined,
  soon: 'statusBarItem.warningBackground',
  last: 'statusBarItem.errorBackground',
} as const;

/** One item at the left: what is left of the session that ends first. */
export function registerStatusBar({ store, clock }: Services): Disposable {
  const item = vscode.window.createStatusBarItem('daypass.status', vscode.StatusBarAlignment.Left, 1000);
  item.name = 'Daypass';
  item.command = commandIds.showSession;
  let shown = '';

  const draw = (now: number): void => {
    const status = statusOf(store.world, now, (ms) => clock.toLocal(ms));
    const key = status ? JSON.stringify(status) : '';
    if (key === shown) return;
    const tooltipBefore = shown && (JSON.parse(shown) as StatusText).tooltip.join();
    shown = key;
    if (!status) {
      item.hide();
      return;
    }
    const background = backgrounds[status.level];
    item.text = status.text;
    item.backgroundColor = background === undefined ? undefined : new vscode.ThemeColor(background);
    item.accessibilityInformation = { label: status.label, role: 'button' };
    // Replaced while it is hovered, a tooltip flickers.
    if (tooltipBefore !== status.tooltip.join()) item.tooltip = tooltipOf(status);
    item.show();
  };

  const ticking = clock.every(draw, (now) => nextFigureInMs(standingOf(store.world, now)));
  const changing = store.onDidChange(() => clock.look());
  return vscode.Disposable.from(item, ticking, changing);
}

function tooltipOf({ tooltip }: StatusText): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  tooltip.forEach((line, at) => {
    if (at) text.appendMarkdown('\n\n');
    text.appendText(line);
  });
  return text;
}
