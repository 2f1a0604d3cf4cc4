import * as vscode from 'vscode';
import type { Disposable } from '../state/event.ts';
import type { Editor } from './editor.ts';

/** Somebody who has not come back from the browser by then may want another way. */
const offerOtherAfterMs = 15_000;
/** Behind the link in a progress notification: the only thing that can be pressed there beside Cancel. */
export const otherWayCommand = 'daypass.signIn.otherWay';

/** VS Code's window as signing in sees it. */
export function vscodeEditor(connect: () => Promise<boolean>): Editor {
  return {
    window: {
      node: true,
      ui: vscode.env.uiKind === vscode.UIKind.Web ? 'web' : 'desktop',
      remote: vscode.env.remoteName !== undefined,
    },
    reach,
    open: async (page) => vscode.env.openExternal(vscode.Uri.parse(page.href)),
    wait,
    showCode,
    say: async (message, ...actions) => vscode.window.showErrorMessage(message, ...actions),
    tell: async (message, ...actions) => vscode.window.showInformationMessage(message, ...actions),
    connect,
  };
}

async function reach(listening: URL): Promise<URL | undefined> {
  if (vscode.env.remoteName === undefined && vscode.env.uiKind === vscode.UIKind.Desktop) return listening;
  try {
    return new URL((await vscode.env.asExternalUri(vscode.Uri.parse(listening.href))).toString(true));
  } catch {
    // VS Code cannot forward the port from there.
    return undefined;
  }
}

async function wait<T>(
  message: string,
  work: (signal: AbortSignal) => Promise<T>,
  other?: string,
): Promise<T | 'cancelled' | 'other'> {
  const options = { location: vscode.ProgressLocation.Notification, title: message, cancellable: true };
  return vscode.window.withProgress(options, async (progress, token) => {
    const abort = new AbortController();
    const using: Disposable[] = [];
    try {
      const cancelled = new Promise<'cancelled'>((resolve) => {
        using.push(token.onCancellationRequested(() => resolve('cancelled')));
      });
      const another = new Promise<'other'>((resolve) => {
        if (other === undefined) return;
        using.push(vscode.commands.registerCommand(otherWayCommand, () => resolve('other')));
        const offer = () => progress.report({ message: `[${other}](command:${otherWayCommand})` });
        const timer = setTimeout(offer, offerOtherAfterMs);
        using.push({ dispose: () => clearTimeout(timer) });
      });
      return await Promise.race([work(abort.signal), cancelled, another]);
    } finally {
      abort.abort();
      for (const used of using) used.dispose();
    }
  });
}

async function showCode(code: string, page: URL): Promise<boolean> {
  const go = 'Copy code and open page';
  const detail = [
    `Enter it at ${page.host}${page.pathname} and sign in there.`,
    'Use only a code that you see here: whoever sends you one wants to sign in as you.',
    'Signed in with a code you can request access, but not decide about the requests of others.',
  ].join('\n\n');
  const chosen = await vscode.window.showInformationMessage(
    `Your code is ${code}`,
    { modal: true, detail },
    go,
  );
  if (chosen !== go) return false;
  await vscode.env.clipboard.writeText(code);
  return true;
}
