import * as vscode from 'vscode';
import { commandIds, viewIds } from '../commands/names.ts';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import { templateNodes, whyEmpty, type TemplateNode } from './templateNodes.ts';

/** The view "Templates". A click on one starts a request for it. */
export function registerTemplatesView({ store }: Services): Disposable {
  const changed = new vscode.EventEmitter<void>();
  const view = vscode.window.createTreeView<TemplateNode>(viewIds.templates, {
    treeDataProvider: {
      onDidChangeTreeData: changed.event,
      getChildren: (node) =>
        node === undefined
          ? templateNodes(store.world.templates)
          : 'children' in node
            ? [...node.children]
            : [],
      getTreeItem: itemOf,
    },
  });
  const drawMessage = (): void => {
    const message = store.world.account.is === 'signed in' ? (whyEmpty(store.world.templates) ?? '') : '';
    if (view.message !== message) view.message = message;
  };
  drawMessage();
  const changing = store.onDidChange(({ before, now }) => {
    if (before.templates === now.templates && before.account === now.account) return;
    changed.fire();
    drawMessage();
  });
  return vscode.Disposable.from(view, changed, changing);
}

const { TreeItemCollapsibleState: Collapsible } = vscode;

function itemOf(node: TemplateNode): vscode.TreeItem {
  const item = new vscode.TreeItem(node.label);
  item.id = node.id;
  switch (node.is) {
    case 'target':
      item.collapsibleState = Collapsible.Expanded;
      item.iconPath = new vscode.ThemeIcon('database');
      break;
    case 'template':
      item.collapsibleState = Collapsible.Collapsed;
      item.description = node.description;
      item.contextValue = node.documented ? 'template documented' : 'template';
      item.tooltip = tooltipOf(node.label, node.tooltip);
      item.accessibilityInformation = { label: `${node.label}, ${node.description}` };
      item.command = {
        command: commandIds.requestAccess,
        title: 'Request',
        arguments: [{ templateId: node.templateId }],
      };
      break;
    case 'line':
      item.iconPath = new vscode.ThemeIcon(node.icon);
      item.tooltip = node.label;
      if (node.templateId !== undefined)
        item.command = {
          command: commandIds.openDocumentation,
          title: 'Documentation',
          arguments: [{ templateId: node.templateId }],
        };
  }
  return item;
}

function tooltipOf(title: string, lines: readonly string[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendMarkdown('**').appendText(title).appendMarkdown('**');
  for (const line of lines) text.appendMarkdown('\n\n').appendText(line);
  return text;
}
