import { Emitter, type Disposable, type Event } from './event.ts';
import { emptyWorld, type World } from './world.ts';

export interface Change {
  readonly before: World;
  readonly now: World;
}

/** What views, commands and terminals see: the world, and when it changes. */
export interface ReadableStore {
  readonly world: World;
  readonly onDidChange: Event<Change>;
}

/**
 * The one place that holds what this window knows. A change is a pure function from the world before to the world
 * now; one that returns the very same world is no change and is not told. A change made by a listener is told after
 * the change that the listener heard of.
 */
export class Store implements ReadableStore, Disposable {
  #world: World;
  readonly #emitter = new Emitter<Change>();
  readonly #told: Change[] = [];
  #telling = false;

  constructor(world: World = emptyWorld) {
    this.#world = world;
  }

  get world(): World {
    return this.#world;
  }

  get onDidChange(): Event<Change> {
    return this.#emitter.event;
  }

  update(change: (world: World) => World): void {
    const before = this.#world;
    const now = change(before);
    if (now === before) return;
    this.#world = now;
    this.#told.push({ before, now });
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let next = this.#told.shift(); next; next = this.#told.shift()) this.#emitter.fire(next);
    } finally {
      this.#telling = false;
    }
  }

  dispose(): void {
    this.#emitter.dispose();
  }
}
