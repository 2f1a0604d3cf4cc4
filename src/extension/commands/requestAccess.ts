import type * as vscode from 'vscode';
import { signingInAgain } from '../account/sign-in-again.ts';
import type { Services } from '../services.ts';
import { Remembered } from '../state/remembered.ts';
import type { Template } from '../state/world.ts';
import { nothingToRequest } from './help.ts';
import { drive, type Outcome } from './request/drive.ts';
import { send, tellFate } from './request/send.ts';
import { Sender } from './request/sender.ts';
import { askStep } from './request/steps.ts';
import { Scout } from './request/trouble.ts';
import { say } from './say.ts';

/**
 * Leads from "I need production" to a request that was sent. Signs in on the way.
 * @param given the id of a template that was clicked
 * @returns undefined when the person turned away: nothing is left then, and nothing more is to be said
 */
export async function requestAccess(
  services: Services,
  given?: string,
  token?: vscode.CancellationToken,
): Promise<Outcome | undefined> {
  const { store, api, sync, account, log, places } = services;
  if (!(await account.ensureSignedIn())) return undefined;
  if (!store.world.templates) await sync.refresh();
  if (store.world.templates?.templates.length === 0) {
    void say(nothingToRequest(store.world.templates), 'templates');
    return undefined;
  }
  const sender = new Sender({ api, log, tell: (message) => void tellFate(message) });
  const used = new Remembered(places.storage, 'last-used', 20);
  const lastUsed = await used.read();
  const now = (id: string): Template | undefined =>
    store.world.templates?.templates.find((template) => template.id === id);
  let scout: Scout | undefined;
  const scoutFor = (template: Template | undefined): Scout | undefined => {
    if (template && scout?.template !== template) {
      scout?.dispose();
      scout = new Scout(template);
    }
    return scout;
  };
  try {
    return await drive(
      {
        ask: (position) =>
          askStep({ services, position, token, lastUsed, scout: scoutFor(position.draft.template) }),
        send: async (draft) => {
          const request = await signingInAgain(account, () => send(sender, draft));
          void used.add(draft.template.id);
          return request;
        },
        trouble: (template) => scoutFor(template)?.key,
        now: (id) => (store.world.templates ? now(id) : 'unknown'),
        refresh: () => sync.refresh(),
        signIn: async () => (await account.ensureSignedIn()) !== undefined,
        tell: (message) => void say(message, 'templates', 'warning'),
        warn: (message, cause) => log.warn(message, cause),
      },
      given === undefined ? undefined : now(given),
    );
  } finally {
    scout?.dispose();
    // Not awaited: whoever turned away has other things to do.
    void sender.leave();
  }
}
