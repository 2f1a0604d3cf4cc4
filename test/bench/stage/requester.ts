import { Secret } from '../../../src/contract/secret.ts';
import { Me } from '../../../src/contract/people.ts';
import { ApiClient } from '../../../src/extension/client/api.ts';
import { Clock } from '../../../src/extension/state/clock.ts';
import { withAccount } from '../../../src/extension/state/learn.ts';
import { Store } from '../../../src/extension/state/store.ts';
import { Sync } from '../../../src/extension/state/sync.ts';
import type { AccessRequest, World } from '../../../src/extension/state/world.ts';
import type { Surroundings } from '../benchmark.ts';
import type { Stage } from './stage.ts';

const withinMs = 30_000;

/** What the extension keeps of the broker in one window, with its own client and event stream, as somebody signed in. */
export class RequesterWindow {
  readonly #store: Store;

  private constructor(store: Store) {
    this.#store = store;
  }

  /** Opens it and resolves when it has read everything; it is closed when the benchmark is over. */
  static async open({ atEnd }: Surroundings, stage: Stage, token: string): Promise<RequesterWindow> {
    const me = Me.parse((await stage.call('GET', '/v1/me', undefined, token)).body);
    const [store, clock] = [new Store(), new Clock()];
    const tokens = { access: () => Promise.resolve({ token: new Secret(token) }) };
    const api = new ApiClient({
      caller: () => ({ broker: stage.url, who: me.person.id }),
      tokens,
      clock,
      heard: (name, output) => sync.heard(name, output),
    });
    const wrong = (message: string, cause?: unknown) => console.error(message, cause);
    const log = { debug: () => undefined, info: () => undefined, warn: wrong, error: wrong };
    const onSignedOut = () => wrong('The window of the requester was signed out.');
    const sync = new Sync({ store, api, tokens, clock, log, onSignedOut });
    atEnd(async () => {
      for (const part of [sync, clock, store]) part.dispose();
      await Promise.resolve();
    });
    const window = new RequesterWindow(store);
    store.update(withAccount({ is: 'signed in', broker: stage.url, me }));
    await window.#until(({ isRead }) => isRead);
    return window;
  }

  /** When this window knows a request in this state, in milliseconds on the clock of `performance`. */
  async seen({ id }: Pick<AccessRequest, 'id'>, state: AccessRequest['state']): Promise<number> {
    await this.#until(({ requests }) => requests.get(id)?.state === state);
    return performance.now();
  }

  #until(holds: (world: World) => boolean): Promise<void> {
    if (holds(this.#store.world)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        listening.dispose();
        reject(new Error(`The window of the requester did not hear of it within ${withinMs} ms.`));
      }, withinMs);
      const listening = this.#store.onDidChange(({ now }) => {
        if (!holds(now)) return;
        clearTimeout(late);
        listening.dispose();
        resolve();
      });
    });
  }
}
