import * as vscode from 'vscode';
import { needsOf, needWords } from '../../../contract/needs.ts';
import type { AccessRequest } from '../../state/world.ts';
import { task } from '../../views/words.ts';
import { withLateProgress } from '../failure.ts';
import { say } from '../say.ts';
import type { Complete } from './body.ts';
import { mayHaveBeenSent, type Sender } from './sender.ts';

/**
 * Asks for the access, with progress that can be cancelled where it takes time: as a rule what is seen next is that
 * the request waits.
 * @throws what `Api.call` throws
 */
export function send(sender: Sender, draft: Complete): Promise<AccessRequest> {
  const needs = needsOf(draft.template);
  const asked = needs.length > 0 ? `Asking ${needWords(needs)}…` : `Asking to ${task(draft.template)}…`;
  const cancel = 'Cancel withdraws the request.';
  return withLateProgress(`${asked} ${cancel}`, `The broker is slow to answer… ${cancel}`, (signal) =>
    sender.send(draft, signal),
  );
}

/** Tells what became of a request that the person turned away from while it was sent. */
export async function tellFate(message: string): Promise<void> {
  if (message !== mayHaveBeenSent) {
    void vscode.window.showInformationMessage(message);
    return;
  }
  await say(message, 'requests', 'warning');
}
