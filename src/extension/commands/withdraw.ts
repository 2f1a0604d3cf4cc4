import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import { chooseRequest } from './choose.ts';
import { told } from './failure.ts';
import { takenBack } from './request/sender.ts';

/** Takes back a request that nobody has answered yet, and says so. */
export async function withdraw(services: Services, argument: unknown): Promise<void> {
  const request = await chooseRequest(services, argument, ({ pending }) => pending, {
    placeholder: 'Withdraw which request?',
    none: 'You have no request that waits.',
    help: 'requests',
  });
  if (!request) return;
  await told(services, async () => {
    await services.api.call('withdrawRequest', { params: { id: request.id } });
    void vscode.window.showInformationMessage(takenBack);
  });
}
