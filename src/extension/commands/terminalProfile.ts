import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { Grant } from '../state/world.ts';
import type { Terminals } from '../terminal/register.ts';
import { tell } from './failure.ts';
import { terminalProfileId } from './names.ts';
import type { Outcome } from './request/drive.ts';

/**
 * The terminal profile "Production access…": the request, then the terminal; where somebody must approve first, a
 * terminal that waits.
 */
export function registerTerminalProfile(
  services: Services,
  terminals: Terminals,
  request: (token: vscode.CancellationToken) => Promise<Outcome | undefined>,
): vscode.Disposable {
  return vscode.window.registerTerminalProfileProvider(terminalProfileId, {
    async provideTerminalProfile(token) {
      try {
        const outcome = await request(token);
        if (!outcome) throw new vscode.CancellationError();
        return new vscode.TerminalProfile(await optionsFor(services, terminals, outcome));
      } catch (error) {
        // VS Code itself says "Canceled", and shows the message of anything else.
        if (!(error instanceof vscode.CancellationError)) void tell(services, error);
        throw new vscode.CancellationError();
      }
    },
  });
}

async function optionsFor(
  services: Services,
  terminals: Terminals,
  outcome: Outcome,
): Promise<vscode.TerminalOptions> {
  if ('open' in outcome) return terminals.optionsFor(outcome.open);
  const grant = await grantOf(services, outcome);
  return grant ? terminals.optionsFor(grant) : terminals.optionsForWaiting(outcome.request);
}

/** The grant of a request that was approved at once; undefined where somebody must approve first. */
export async function grantOf(
  { store, sync }: Services,
  { request }: Extract<Outcome, { request: unknown }>,
): Promise<Grant | undefined> {
  const { grantId, state } = request;
  if (state !== 'approved' || grantId === undefined) return undefined;
  if (!store.world.grants.has(grantId)) await sync.reload({ grant: grantId });
  return store.world.grants.get(grantId);
}
