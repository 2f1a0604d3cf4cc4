import { execFile } from 'node:child_process';
import { chmod, mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A small disk of its own (tmpfs) that can be full; or a folder that cannot, where nothing may be mounted. */
export class Disk {
  readonly folder: string;
  readonly canBeFull: boolean;

  private constructor(folder: string, canBeFull: boolean) {
    this.folder = folder;
    this.canBeFull = canBeFull;
  }

  /** @param megabytes its size */
  static async make(folder: string, megabytes: number): Promise<Disk> {
    await mkdir(folder);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]).then(
      () => true,
      () => false,
    );
    await chmod(folder, 0o755);
    return new Disk(folder, mounted);
  }

  /** Takes all that is left of it. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder);
    if (bavail > 0)
      await run('fallocate', ['-l', String(bavail * bsize), this.#ballast]).catch(() => undefined);
  }

  async free(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  async remove(): Promise<void> {
    if (this.canBeFull) await run('umount', ['-l', this.folder]);
    await rm(this.folder, { recursive: true, force: true });
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }
}
