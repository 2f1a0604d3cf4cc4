import * as vscode from 'vscode';
import { helps, type Help } from './help.ts';
import { inert } from '../views/words.ts';

/** A notification with a button that helps. */
export async function say(text: string, help: Help, kind: 'info' | 'warning' = 'info'): Promise<void> {
  const { label, command } = helps[help];
  const show = kind === 'warning' ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  if ((await show(inert(text), label)) === label) await vscode.commands.executeCommand(command);
}
