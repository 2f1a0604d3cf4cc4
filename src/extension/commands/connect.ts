import * as vscode from 'vscode';
import type { VscodeBrokerSetting } from '../account/broker-setting.ts';
import { brokerAddress } from '../client/address.ts';
import type { Clock } from '../state/clock.ts';

export interface ConnectParts {
  readonly setting: VscodeBrokerSetting;
  readonly clock: Clock;
}

/**
 * "Connect to your organisation": asks for the broker's address and looks who answers there before it is stored.
 * @returns whether there is a broker now; false when the person turned away
 */
export async function connect({ setting, clock }: ConnectParts): Promise<boolean> {
  const box = vscode.window.createInputBox();
  box.title = 'Connect to your organisation';
  box.prompt = 'The address of your organisation’s Daypass broker. Your platform team knows it.';
  box.placeholder = 'access.example.com';
  box.value = setting.typed();
  box.ignoreFocusOut = true;

  const gone = new AbortController();
  const listening: vscode.Disposable[] = [];
  let tried = 0;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      listening.push(
        box.onDidHide(() => resolve(false)),
        box.onDidChangeValue(() => {
          tried++;
          box.busy = false;
          box.validationMessage = undefined;
        }),
        box.onDidAccept(() => {
          const mine = ++tried;
          const look = async () => {
            box.busy = true;
            const trouble = await lookAndStore(
              { setting, clock },
              box.value,
              gone.signal,
              () => mine === tried,
            );
            if (mine !== tried) return;
            box.busy = false;
            if (trouble === undefined) resolve(true);
            else box.validationMessage = trouble;
          };
          look().catch(reject);
        }),
      );
      box.show();
    });
  } finally {
    gone.abort();
    for (const listener of listening) listener.dispose();
    box.dispose();
  }
}

/** @returns what is wrong with the address, in words */
async function lookAndStore(
  { setting, clock }: ConnectParts,
  typed: string,
  signal: AbortSignal,
  stillWanted: () => boolean,
): Promise<string | undefined> {
  const address = brokerAddress(typed);
  if ('problem' in address) return address.problem;
  const { discover, NotABroker } = await import('../client/discover.ts');
  const { Unreachable } = await import('../client/call.ts');
  try {
    await discover(address.url, clock, signal);
  } catch (error) {
    if (error instanceof NotABroker || error instanceof Unreachable) return error.message;
    throw error;
  }
  if (stillWanted() && !signal.aborted) await setting.set(address.url);
  return undefined;
}
