import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { commandIds, viewIds, type About, type CommandId } from '../commands/names.ts';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import { Remembered } from '../state/remembered.ts';
import { sessionModel, type SessionModel } from './sessionModel.ts';
import { sessionPage } from './sessionPage.ts';
import { standingOf } from './standing.ts';

/** What the page may ask for. */
const deeds: Readonly<
  Record<string, { readonly command: CommandId; readonly about: (id: string) => About }>
> = {
  end: { command: commandIds.endSession, about: (grantId) => ({ grantId }) },
  open: { command: commandIds.openTerminal, about: (grantId) => ({ grantId }) },
  document: { command: commandIds.openDocumentation, about: (grantId) => ({ grantId }) },
  break: { command: commandIds.breakGlass, about: (requestId) => ({ requestId }) },
  answer: { command: commandIds.answer, about: (requestId) => ({ requestId }) },
  withdraw: { command: commandIds.withdraw, about: (requestId) => ({ requestId }) },
  request: { command: commandIds.requestAccess, about: () => ({}) },
};

/** The view "Session": a page that counts down by itself and is told what is new. */
export function registerSessionView(services: Services): Disposable {
  const view = new SessionView(services);
  return vscode.Disposable.from(
    vscode.window.registerWebviewViewProvider(viewIds.session, view),
    new vscode.Disposable(() => view.dispose()),
  );
}

class SessionView implements vscode.WebviewViewProvider {
  readonly #services: Services;
  readonly #putAway: Remembered;
  readonly #dismissed = new Set<string>();
  readonly #connections = new Map<string, Disposable>();
  #view: vscode.WebviewView | undefined;
  #subscriptions: Disposable[] = [];

  constructor(services: Services) {
    this.#services = services;
    this.#putAway = new Remembered(services.places.storage, 'dismissed', 50);
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.#release();
    this.#view = view;
    const media = vscode.Uri.file(join(this.#services.places.extension, 'media'));
    view.webview.options = { enableScripts: true, localResourceRoots: [media] };
    const { store, clock } = this.#services;
    this.#subscriptions = [
      view.webview.onDidReceiveMessage((message: unknown) => this.#hear(message)),
      view.onDidChangeVisibility(() => this.#look()),
      view.onDidDispose(() => this.#release()),
      store.onDidChange(() => this.#look()),
      // The page counts by itself; it is set right now and then.
      clock.every(() => this.#look()),
    ];
    const at = (file: string): string =>
      view.webview.asWebviewUri(vscode.Uri.joinPath(media, file)).toString();
    view.webview.html = sessionPage(this.#model(), {
      style: at('session.css'),
      script: at('session.js'),
      source: view.webview.cspSource,
      nonce: randomBytes(16).toString('base64'),
      id: randomUUID(),
    });
    void this.#readDismissed();
  }

  dispose(): void {
    this.#release();
  }

  #look(): void {
    const view = this.#view;
    if (!view) return;
    this.#watchConnections(view.visible);
    const { account } = this.#services.store.world;
    view.description = account.is === 'signed in' ? account.me.person.name : '';
    if (view.visible) this.#show(view);
  }

  #show(view: vscode.WebviewView): void {
    void view.webview.postMessage({ show: this.#model() });
  }

  #model(): SessionModel {
    const { store, clock } = this.#services;
    return sessionModel(store.world, clock.now(), (ms) => clock.toLocal(ms), this.#dismissed);
  }

  /** The target is asked who is connected only while somebody looks. */
  #watchConnections(visible: boolean): void {
    const { store, clock, sync } = this.#services;
    const wanted = new Set(
      visible ? standingOf(store.world, clock.now()).running.map(({ grant }) => grant.id) : [],
    );
    for (const [id, watching] of this.#connections)
      if (!wanted.has(id)) {
        this.#connections.delete(id);
        watching.dispose();
      }
    for (const id of wanted)
      if (!this.#connections.has(id)) this.#connections.set(id, sync.watchConnections(id));
  }

  #hear(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('do' in message) || !('id' in message)) return;
    const { do: what, id } = message;
    if (typeof what !== 'string' || typeof id !== 'string') return;
    if (what === 'dismiss') {
      this.#dismissed.add(id);
      void this.#putAway.add(id);
    }
    if (what === 'look' || what === 'dismiss') this.#look();
    const deed = Object.hasOwn(deeds, what) ? deeds[what] : undefined;
    if (deed) void vscode.commands.executeCommand(deed.command, deed.about(id));
  }

  async #readDismissed(): Promise<void> {
    for (const id of await this.#putAway.read()) this.#dismissed.add(id);
    this.#look();
  }

  #release(): void {
    this.#view = undefined;
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#subscriptions = [];
    for (const watching of this.#connections.values()) watching.dispose();
    this.#connections.clear();
  }
}
