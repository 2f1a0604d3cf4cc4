import * as vscode from 'vscode';
import { brokerAddress } from '../client/address.ts';
import { Emitter, type Disposable } from '../state/event.ts';
import type { BrokerSetting } from './account.ts';

const section = 'daypass';
const name = 'broker';

/** `daypass.broker` as the person set it. What a workspace says is never looked at. */
export class VscodeBrokerSetting implements BrokerSetting, Disposable {
  readonly #changed = new Emitter<undefined>();
  readonly #listening: Disposable;
  #last = this.get();

  constructor() {
    this.#listening = vscode.workspace.onDidChangeConfiguration((event) => {
      if (!event.affectsConfiguration(`${section}.${name}`)) return;
      const now = this.get();
      if (now === this.#last) return;
      this.#last = now;
      this.#changed.fire(undefined);
    });
  }

  get onDidChange() {
    return this.#changed.event;
  }

  get(): string | undefined {
    const value: unknown = vscode.workspace.getConfiguration(section).inspect(name)?.globalValue;
    if (typeof value !== 'string' || !value.trim()) return undefined;
    const address = brokerAddress(value);
    return 'url' in address ? address.url : undefined;
  }

  /** What stands there, good or not, for somebody to mend. */
  typed(): string {
    const value: unknown = vscode.workspace.getConfiguration(section).inspect(name)?.globalValue;
    return typeof value === 'string' ? value : '';
  }

  async set(url: string): Promise<void> {
    await vscode.workspace.getConfiguration(section).update(name, url, vscode.ConfigurationTarget.Global);
  }

  dispose(): void {
    this.#listening.dispose();
    this.#changed.dispose();
  }
}
