import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import { viewIds } from './names.ts';

/** The view "Session", or, while nobody is signed in, what stands in its place. */
export async function showSession({ store }: Services): Promise<void> {
  const view = store.world.account.is === 'signed in' ? viewIds.session : viewIds.start;
  await vscode.commands.executeCommand(`${view}.focus`);
}
