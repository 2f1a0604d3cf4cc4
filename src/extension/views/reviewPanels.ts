import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import type { AccessRequest } from '../state/world.ts';
import { actIn, reviewModel, type Act } from './reviewModel.ts';
import { reviewPage } from './reviewPage.ts';
import { lowerFirst } from './words.ts';

/** Does what a person wants done about a request; never rejects: whatever had to be said was said. */
export type Deed = (request: AccessRequest, act: Act) => Promise<'done' | 'not done' | 'over'>;

/** What the page begins with: the one thing that a person came for. */
export type Purpose = 'decide' | 'write';

/** The reviews that are open in this window, one for each request: an editor's tab with all that matters and what can be done. */
export class ReviewPanels {
  readonly #services: Services;
  readonly #deed: Deed;
  readonly #open = new Map<string, Panel>();

  constructor(services: Services, deed: Deed) {
    this.#services = services;
    this.#deed = deed;
  }

  show(request: AccessRequest, purpose: Purpose): void {
    const known = this.#open.get(request.id);
    if (known) {
      known.comeBack(purpose);
      return;
    }
    const panel = new Panel(this.#services, this.#deed, request, purpose, () =>
      this.#open.delete(request.id),
    );
    this.#open.set(request.id, panel);
  }
}

class Panel {
  readonly #services: Services;
  readonly #deed: Deed;
  readonly #panel: vscode.WebviewPanel;
  readonly #subscriptions: Disposable[];
  #request: AccessRequest;
  #purpose: Purpose;

  constructor(services: Services, deed: Deed, request: AccessRequest, purpose: Purpose, closed: () => void) {
    this.#services = services;
    this.#deed = deed;
    this.#request = request;
    this.#purpose = purpose;
    const media = vscode.Uri.file(join(services.places.extension, 'media'));
    const title = `${request.requester.name}: ${lowerFirst(request.template.title)}`;
    const panel = vscode.window.createWebviewPanel('daypass.review', title, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [media],
    });
    this.#panel = panel;
    const { store, clock } = services;
    this.#subscriptions = [
      panel.webview.onDidReceiveMessage((message: unknown) => void this.#hear(message)),
      panel.onDidChangeViewState(() => this.#look()),
      store.onDidChange(() => this.#look()),
      clock.every(() => this.#look()),
      panel.onDidDispose(() => {
        for (const one of this.#subscriptions) one.dispose();
        closed();
      }),
    ];
    const at = (file: string): string =>
      panel.webview.asWebviewUri(vscode.Uri.joinPath(media, file)).toString();
    panel.webview.html = reviewPage(title, {
      style: at('review.css'),
      script: at('review.js'),
      source: panel.webview.cspSource,
      nonce: randomBytes(16).toString('base64'),
      id: randomUUID(),
    });
  }

  comeBack(purpose: Purpose): void {
    this.#purpose = purpose;
    // eslint-disable-next-line no-restricted-syntax -- a tab, no secret
    this.#panel.reveal();
    this.#look(true);
  }

  /** @param afresh the person came anew: the focus goes to what they came for */
  #look(afresh = false): void {
    const { store, clock } = this.#services;
    const { account } = store.world;
    const request = store.world.requests.get(this.#request.id);
    // Somebody signed out, or has no part in it any more.
    if (account.is !== 'signed in' || (!request && store.world.isRead)) {
      this.#panel.dispose();
      return;
    }
    this.#request = request ?? this.#request;
    if (!this.#panel.visible) return;
    const model = reviewModel(this.#request, account.me.person.id, clock.now(), (ms) => clock.toLocal(ms));
    void this.#panel.webview.postMessage({ show: model, purpose: this.#purpose, afresh });
  }

  async #hear(message: unknown): Promise<void> {
    if (typeof message === 'object' && message !== null && 'do' in message && message.do === 'look') {
      this.#look(true);
      return;
    }
    const act = actIn(message);
    if (!act) return;
    const outcome = await this.#deed(this.#request, act);
    if (outcome === 'over') {
      this.#panel.dispose();
      return;
    }
    this.#look();
    void this.#panel.webview.postMessage({ done: act.do, wrote: act.do === 'write' && outcome === 'done' });
  }
}
