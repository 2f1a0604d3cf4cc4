import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const most = 20;

/** The ids of the templates that were requested last, the latest first. Nothing depends on it but an order. */
export class LastUsed {
  readonly #file: string;

  constructor(storage: string) {
    this.#file = join(storage, 'last-used.json');
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
      const ids = [id, ...(await this.read()).filter((other) => other !== id)].slice(0, most);
      await mkdir(join(this.#file, '..'), { recursive: true, mode: 0o700 });
      await writeFile(`${this.#file}.${process.pid}`, JSON.stringify(ids), { mode: 0o600 });
      await rename(`${this.#file}.${process.pid}`, this.#file);
    } catch {
      // The order is only a comfort.
    }
  }
}
