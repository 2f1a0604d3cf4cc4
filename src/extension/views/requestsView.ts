import * as vscode from 'vscode';
import { commandIds, viewIds } from '../commands/names.ts';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import { requestNodes, type RequestNode } from './requestNodes.ts';
import { standingOf } from './standing.ts';

/** The view "Requests", with a badge for what waits for the person's word. */
export function registerRequestsView({ store, clock }: Services): Disposable {
  const changed = new vscode.EventEmitter<void>();
  let nodes: RequestNode[] = [];
  let shown = '';
  const view = vscode.window.createTreeView<RequestNode>(viewIds.requests, {
    treeDataProvider: {
      onDidChangeTreeData: changed.event,
      getChildren: (node) => (node === undefined ? nodes : 'children' in node ? [...node.children] : []),
      getTreeItem: itemOf,
    },
  });

  const draw = (now: number): void => {
    const standing = standingOf(store.world, now);
    const { account, stream } = store.world;
    nodes = requestNodes(standing, {
      me: account.is === 'signed in' ? account.me.person.id : '',
      now,
      toLocal: (ms) => clock.toLocal(ms),
      cutOff: stream.is === 'disconnected',
    });
    const key = JSON.stringify(nodes);
    if (key === shown) return;
    shown = key;
    changed.fire();
    const waiting = standing.waitingForMe.length + standing.toSignOff.length;
    view.badge = waiting
      ? {
          value: waiting,
          tooltip: waiting === 1 ? '1 thing waits for you' : `${waiting} things wait for you`,
        }
      : undefined;
  };
  return vscode.Disposable.from(
    view,
    changed,
    store.onDidChange(() => draw(clock.now())),
    clock.every(draw),
  );
}

const { TreeItemCollapsibleState: Collapsible } = vscode;

const icons = {
  'waiting for me': 'bell-dot',
  'waiting for others': 'watch',
  mine: 'watch',
  'mine breakable': 'watch',
  'to sign off': 'flame',
  owed: 'flame',
  ready: 'pass',
  running: 'shield',
  revocable: 'shield',
  readable: 'shield',
  unproven: 'warning',
} as const;

function itemOf(node: RequestNode): vscode.TreeItem {
  const item = new vscode.TreeItem(node.label);
  item.id = node.id;
  if (node.is === 'section') {
    item.collapsibleState = Collapsible.Expanded;
    return item;
  }
  if (node.is === 'line') {
    item.iconPath = new vscode.ThemeIcon(node.icon);
    item.tooltip = node.tooltip;
    item.accessibilityInformation = { label: node.label };
    return item;
  }
  item.iconPath = new vscode.ThemeIcon(icons[node.is]);
  item.description = node.description;
  item.contextValue = node.is;
  item.tooltip = node.tooltip;
  item.accessibilityInformation = { label: `${node.label}, ${node.description}` };
  // What waits for a decision, or for its proof, is read where it stands; the rest is known to whoever asked for it.
  const opened = node.is === 'waiting for me' || node.is === 'unproven' || node.is === 'to sign off';
  item.collapsibleState = opened ? Collapsible.Expanded : Collapsible.Collapsed;
  if ('requestId' in node)
    item.command = {
      command: node.is.startsWith('mine') ? commandIds.answer : commandIds.decide,
      title: node.is === 'waiting for me' ? 'Review' : 'Show',
      arguments: [{ requestId: node.requestId }],
    };
  return item;
}
