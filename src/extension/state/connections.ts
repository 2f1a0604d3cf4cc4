import type { Api } from '../client/call.ts';
import type { Disposable } from './event.ts';
import type { Store } from './store.ts';
import type { LiveConnections, World } from './world.ts';

const lookEveryMs = 3000;

/** Asks for a grant's live connections again and again, as long as somebody looks at them and it is active. */
export class ConnectionsWatch implements Disposable {
  readonly #store: Store;
  readonly #api: Api;
  readonly #watched = new Map<string, { lookers: number; timer: NodeJS.Timeout | undefined }>();

  constructor(store: Store, api: Api) {
    this.#store = store;
    this.#api = api;
  }

  watch(grantId: string): Disposable {
    const watched = this.#watched.get(grantId) ?? { lookers: 0, timer: undefined };
    watched.lookers++;
    if (watched.lookers === 1) {
      this.#watched.set(grantId, watched);
      void this.#look(grantId);
    }
    let looking = true;
    return {
      dispose: () => {
        if (!looking) return;
        looking = false;
        if (--watched.lookers > 0) return;
        clearTimeout(watched.timer);
        this.#watched.delete(grantId);
        this.#store.update(seen(grantId, undefined));
      },
    };
  }

  dispose(): void {
    for (const { timer } of this.#watched.values()) clearTimeout(timer);
    this.#watched.clear();
  }

  async #look(grantId: string): Promise<void> {
    const watched = this.#watched.get(grantId);
    let seenNow: LiveConnections | undefined;
    if (this.#store.world.grants.get(grantId)?.state === 'active')
      try {
        const { connections, unknownAt } = await this.#api.call('connections', { params: { id: grantId } });
        seenNow = { connections, unknownAt };
      } catch {
        // Not known at the moment: better nothing on screen than something old. The stream says what is wrong.
        seenNow = undefined;
      }
    if (!watched || this.#watched.get(grantId) !== watched) return;
    this.#store.update(seen(grantId, seenNow));
    watched.timer = setTimeout(() => void this.#look(grantId), lookEveryMs);
    watched.timer.unref();
  }
}

function seen(grantId: string, list: LiveConnections | undefined): (world: World) => World {
  return (world) => {
    if (JSON.stringify(list) === JSON.stringify(world.connections.get(grantId))) return world;
    const connections = new Map(world.connections);
    if (list) connections.set(grantId, list);
    else connections.delete(grantId);
    return { ...world, connections };
  };
}
