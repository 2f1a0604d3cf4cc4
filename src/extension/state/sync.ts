import type { StreamEvent } from '../../contract/events.ts';
import { ProblemError, type Api, type Output } from '../client/call.ts';
import { Events, type EventsParts } from '../client/events.ts';
import type { TokenSource } from '../client/tokens.ts';
import type { RouteName } from '../../contract/routes.ts';
import type { Log, SyncService } from '../services.ts';
import type { Clock } from './clock.ts';
import { ConnectionsWatch } from './connections.ts';
import type { Disposable } from './event.ts';
import {
  connected,
  disconnected,
  withGrant,
  withLists,
  withMe,
  without,
  withRequest,
  withTemplates,
} from './learn.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

export interface SyncParts {
  readonly store: Store;
  readonly api: Api;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly log: Log;
  /** The sign-in was found to be at its end. */
  readonly onSignedOut: () => void;
  readonly stream?: Pick<EventsParts, 'pauses' | 'silenceMs'>;
}

/** The clock is looked at every 30 s, so after a longer pause this machine has slept. */
const sleptMs = 60_000;

type Resource = 'request' | 'grant';

/**
 * Keeps the store as the broker has it while somebody is signed in: reads everything at the start, then what the event
 * stream says has changed. One read at a time of each resource; the latest version wins.
 */
export class Sync implements SyncService, Disposable {
  readonly #parts: SyncParts;
  readonly #connections: ConnectionsWatch;
  readonly #reading = new Map<string, Promise<void>>();
  readonly #listening: readonly Disposable[];
  #lastLook: number;
  #events: { readonly of: string; readonly stream: Events } | undefined;
  #everything: { again: boolean; done: Promise<void> } | undefined;

  constructor(parts: SyncParts) {
    this.#parts = parts;
    this.#connections = new ConnectionsWatch(parts.store, parts.api);
    this.#lastLook = parts.clock.now();
    this.#listening = [
      parts.store.onDidChange(({ now }) => this.#follow(now)),
      parts.clock.every((now) => this.#notice(now)),
    ];
    this.#follow(parts.store.world);
  }

  /** What a call of ours brought is known from then on, before its caller goes on. */
  readonly heard = <N extends RouteName>(name: N, output: Output<N>): void => {
    const { store } = this.#parts;
    const learn: { readonly [K in RouteName]?: (output: Output<K>) => void } = {
      me: (me) => store.update(withMe(me)),
      templates: (list) => store.update(withTemplates(list)),
      request: (request) => store.update(withRequest(request)),
      createRequest: (request) => store.update(withRequest(request)),
      withdrawRequest: (request) => store.update(withRequest(request)),
      decide: (request) => store.update(withRequest(request)),
      breakGlass: (request) => store.update(withRequest(request)),
      claimRequest: (request) => store.update(withRequest(request)),
      releaseRequest: (request) => store.update(withRequest(request)),
      writeMessage: (request) => store.update(withRequest(request)),
      grant: (grant) => store.update(withGrant(grant)),
      endGrant: (grant) => store.update(withGrant(grant)),
      revokeGrant: (grant) => store.update(withGrant(grant)),
      reviewGrant: (grant) => store.update(withGrant(grant)),
    };
    learn[name]?.(output);
  };

  /** Somebody is back at this window: whatever waits to be tried again is tried now. */
  hurry(): void {
    this.#events?.stream.hurry();
  }

  refresh(): Promise<void> {
    this.hurry();
    return this.#readEverything();
  }

  reload(what: { readonly request: string } | { readonly grant: string }): Promise<void> {
    return 'request' in what ? this.#read('request', what.request) : this.#read('grant', what.grant);
  }

  watchConnections(grantId: string): Disposable {
    return this.#connections.watch(grantId);
  }

  dispose(): void {
    for (const listening of this.#listening) listening.dispose();
    this.#events?.stream.dispose();
    this.#events = undefined;
    this.#connections.dispose();
  }

  #notice(now: number): void {
    if (now - this.#lastLook > sleptMs) this.hurry();
    this.#lastLook = now;
  }

  #follow({ account }: World): void {
    const of = account.is === 'signed in' ? `${account.broker} ${account.me.person.id}` : undefined;
    if (this.#events?.of === of) return;
    this.#events?.stream.dispose();
    this.#events = undefined;
    if (of === undefined || account.is !== 'signed in') return;
    const { store, tokens, clock, stream } = this.#parts;
    this.#events = {
      of,
      stream: new Events({
        caller: { broker: account.broker, who: account.me.person.id },
        tokens,
        clock,
        onEvent: (event) => this.#hear(event),
        onConnected: (missedSome) => {
          const wasAway = store.world.stream.is !== 'connected';
          store.update(connected);
          if (missedSome || wasAway) void this.#readEverything();
        },
        onDisconnected: (why) => {
          store.update(disconnected(clock.now(), why));
          // Where only streams are held up on the way, reading now and then still shows what there is.
          void this.#readEverything();
        },
        onSignedOut: this.#parts.onSignedOut,
        ...stream,
      }),
    };
  }

  #hear(event: StreamEvent): void {
    switch (event.type) {
      case 'changed': {
        const { world } = this.#parts.store;
        const known = (event.resource === 'request' ? world.requests : world.grants).get(event.id);
        if (!known || known.version < event.version) void this.#read(event.resource, event.id, event.version);
        return;
      }
      case 'templates':
        // A request that waits says how its template differs by now.
        if ([...this.#parts.store.world.requests.values()].some(({ state }) => state === 'pending')) {
          void this.#readEverything();
          return;
        }
        void this.#quietly('templates', () => this.#parts.api.call('templates'));
        void this.#quietly('me', () => this.#parts.api.call('me'));
        return;
      case 'reset':
        void this.#readEverything();
        return;
      case 'alive':
      case 'token-expired':
        return;
    }
  }

  /** Reads a resource after whatever read of it is under way, unless that one already brought `version`. */
  #read(resource: Resource, id: string, version?: number): Promise<void> {
    const name = `${resource} ${id}`;
    const before = this.#reading.get(name) ?? Promise.resolve();
    const reading = before.then(async () => {
      const { world } = this.#parts.store;
      const known = (resource === 'request' ? world.requests : world.grants).get(id);
      if (version !== undefined && known && known.version >= version) return;
      await this.#quietly(name, async () => {
        try {
          await this.#parts.api.call(resource, { params: { id } });
        } catch (error) {
          if (!(error instanceof ProblemError) || error.kind !== 'not-found') throw error;
          this.#parts.store.update(without(resource === 'request' ? 'requests' : 'grants', id));
        }
      });
    });
    this.#reading.set(name, reading);
    void reading.finally(() => {
      if (this.#reading.get(name) === reading) this.#reading.delete(name);
    });
    return reading;
  }

  /** One reading at a time; who asks during one gets the next as well, since the first may be too old. */
  #readEverything(): Promise<void> {
    if (this.#everything) {
      this.#everything.again = true;
      return this.#everything.done;
    }
    const round = { again: false, done: Promise.resolve() };
    this.#everything = round;
    round.done = (async () => {
      do {
        round.again = false;
        await this.#quietly('everything', () => this.#readLists());
      } while (this.#wantsAgain(round) && this.#events);
      this.#everything = undefined;
    })();
    return round.done;
  }

  #wantsAgain(round: { readonly again: boolean }): boolean {
    return round.again;
  }

  async #readLists(): Promise<void> {
    const { api, store } = this.#parts;
    const stream = this.#events;
    if (!stream) return;
    const before = store.world;
    const [{ requests }, { grants }] = await Promise.all([
      api.call('requests', { query: { which: 'recent' } }),
      api.call('grants', { query: { which: 'recent' } }),
      api.call('me'),
      api.call('templates'),
    ]);
    if (this.#events === stream) store.update(withLists(before, { requests, grants }));
  }

  async #quietly(what: string, read: () => Promise<unknown>): Promise<void> {
    try {
      await read();
    } catch (error) {
      this.#parts.log.warn(`Could not read ${what}.`, error);
    }
  }
}
