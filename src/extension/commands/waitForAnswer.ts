import * as vscode from 'vscode';
import { toldInWords } from '../../contract/telling-words.ts';
import type { Services } from '../services.ts';
import type { AccessRequest } from '../state/world.ts';
import { askedOf, inert, task } from '../views/words.ts';
import { withdraw } from './withdraw.ts';

/** Shows that a request waits, until it is answered; Cancel withdraws it. What came of it is told by a notification. */
export async function waitForAnswer(services: Services, request: AccessRequest): Promise<void> {
  const { store, clock } = services;
  const isPending = (): boolean => store.world.requests.get(request.id)?.state === 'pending';
  // VS Code puts a colon between this and what is reported.
  const title = inert(`Waiting for ${askedOf(request)} to approve`);
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  await vscode.window.withProgress(options, (progress, token) => {
    return new Promise<void>((resolve) => {
      let shown = '';
      const tell = (): void => {
        const told = store.world.requests.get(request.id)?.told;
        const words = [task(request.template), toldInWords(told, clock.now()).join('; ')].filter(Boolean);
        const message = inert(`${words.join('. ')}. Go on working; Cancel withdraws the request.`);
        if (message !== shown) progress.report({ message });
        shown = message;
      };
      const done = (): void => {
        for (const one of listening) one.dispose();
        resolve();
      };
      const listening = [
        store.onDidChange(() => {
          if (!isPending()) done();
          else tell();
        }),
        clock.every(tell),
        token.onCancellationRequested(() => {
          done();
          void withdraw(services, { requestId: request.id });
        }),
      ];
      if (!isPending()) done();
      else tell();
    });
  });
}
