import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Longer than anything can be open that a person is told of. */
const keptMs = 8 * 24 * 3600_000;

/**
 * Who tells a person something: of all windows on this machine the first that claims it, once and for good. A claim is
 * a file that only one can create; it outlives a reload.
 */
export class Claims {
  readonly #folder: string;
  #swept = false;

  constructor(storage: string) {
    this.#folder = join(storage, 'told');
  }

  /** Whether it was free and is now ours. A disk that cannot be written must not keep people from being told: then yes. */
  async claim(id: string): Promise<boolean> {
    const name = createHash('sha256').update(id).digest('hex').slice(0, 40);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      void this.#sweep();
      await writeFile(join(this.#folder, name), '', { flag: 'wx', mode: 0o600 });
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'EEXIST';
    }
  }

  async #sweep(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const file = join(this.#folder, name);
      const at = await stat(file).catch(() => undefined);
      if (at && Date.now() - at.mtimeMs > keptMs) await rm(file, { force: true });
    }
  }
}
