/** Has the shape of VS Code's own, so that either may stand where the other is wanted. */
export interface Disposable {
  dispose(): void;
}

export type Event<T> = (listener: (value: T) => void) => Disposable;

/** An event's other end. A listener that throws does not keep the others from hearing. */
export class Emitter<T> implements Disposable {
  readonly #listeners = new Set<{ readonly hear: (value: T) => void }>();

  readonly event: Event<T> = (hear) => {
    const entry = { hear };
    this.#listeners.add(entry);
    return { dispose: () => void this.#listeners.delete(entry) };
  };

  fire(value: T): void {
    const failures: unknown[] = [];
    for (const { hear } of [...this.#listeners])
      try {
        hear(value);
      } catch (error) {
        failures.push(error);
      }
    if (failures.length)
      queueMicrotask(() => {
        throw failures[0];
      });
  }

  dispose(): void {
    this.#listeners.clear();
  }
}
