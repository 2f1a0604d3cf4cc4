import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Ids that outlive a reload, the latest first. Nothing depends on them but comfort: they may be lost, and nothing fails. */
export class Remembered {
  readonly #file: string;
  readonly #most: number;

  /**
   * @param name of the file in `storage`, without ending
   * @param most how many are kept
   */
  constructor(storage: string, name: string, most: number) {
    this.#file = join(storage, `${name}.json`);
    this.#most = most;
  }

  async read(): Promise<string[]> {
    try {
      const ids: unknown = JSON.parse(await readFile(this.#file, 'utf8'));
      return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
    } catch {
      return [];
    }
  }

  /** Never rejects. */
  async add(id: string): Promise<void> {
    try {
      const ids = [id, ...(await this.read()).filter((other) => other !== id)].slice(0, this.#most);
      await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
      await writeFile(`${this.#file}.${process.pid}`, JSON.stringify(ids), { mode: 0o600 });
      await rename(`${this.#file}.${process.pid}`, this.#file);
    } catch {
      // See above.
    }
  }
}
