import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Prepared } from './desk.ts';
import { launcherEnvironment } from './launcherEnvironment.ts';

/** A terminal whose process is the launcher on a folder: marked as production, kept over a reload, started at home. */
export function launchOptions(prepared: Prepared, extension: string): vscode.TerminalOptions {
  const platform = process.platform === 'win32' ? 'windows' : process.platform === 'darwin' ? 'osx' : 'linux';
  const settings = vscode.workspace.getConfiguration('terminal.integrated.env').get<unknown>(platform);
  const set = typeof settings === 'object' && settings !== null ? Object.keys(settings) : [];
  const usual = prepared.look === 'usual';
  return {
    name: prepared.title,
    shellPath: process.execPath,
    shellArgs: [join(extension, 'dist', 'launcher.cjs'), prepared.path],
    cwd: homedir(),
    env: launcherEnvironment(set, process.env),
    iconPath: new vscode.ThemeIcon(usual ? 'shield' : 'flame'),
    color: new vscode.ThemeColor(usual ? 'terminal.ansiRed' : 'terminal.ansiYellow'),
    isTransient: false,
  };
}
