import { watch, type FSWatcher } from 'node:fs';
import { Emitter, type Disposable, type Event } from '../state/event.ts';

/** Some file systems tell nothing (network homes), so look now and then as well. */
const lookAnywayMs = 10_000;
/** One change is told several times, and a draft is followed by its rename. */
const settleMs = 10;

/** Tells that something in a folder may have changed. The folder must exist. */
export class FolderWatch implements Disposable {
  readonly #emitter = new Emitter<undefined>();
  readonly #anyway: NodeJS.Timeout;
  #watcher: FSWatcher | undefined;
  #settling: NodeJS.Timeout | undefined;

  constructor(path: string) {
    this.#anyway = setInterval(() => this.#emitter.fire(undefined), lookAnywayMs);
    this.#anyway.unref();
    try {
      this.#watcher = watch(path, { persistent: false }, () => this.#soon());
      // Out of watches, or the folder is gone: looking now and then has to do.
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined;
    }
  }

  get onDidChange(): Event<undefined> {
    return this.#emitter.event;
  }

  dispose(): void {
    clearInterval(this.#anyway);
    clearTimeout(this.#settling);
    this.#watcher?.close();
    this.#emitter.dispose();
  }

  #soon(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#emitter.fire(undefined);
    }, settleMs);
  }
}
