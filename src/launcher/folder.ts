import { lstatSync, readFileSync, readdirSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type LauncherFile,
  SessionFile,
  ShellFile,
  launcherFileName,
  sessionFileName,
  shellFileName,
} from '../contract/session-file.ts';

/** `session.json` as it was found; `unreadable` while somebody writes it in place, or when it is none of ours. */
export type SessionSeen = SessionFile | 'missing' | 'unreadable';

/** The credential's folder, as the launcher uses it. Nothing here throws: what cannot be read or written is said so. */
export class Folder {
  readonly path: string;
  #untold: LauncherFile | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Takes the folder for this launcher, once ever, whatever became of it; and says whose process it is from now on. */
  claim(): 'claimed' | 'taken' | 'missing' {
    try {
      writeFileSync(join(this.path, launcherFileName), '', { flag: 'wx', mode: 0o600 });
    } catch (error) {
      return codeOf(error) === 'EEXIST' ? 'taken' : 'missing';
    }
    this.tell({ is: 'waiting' });
    return 'claimed';
  }

  session(): SessionSeen {
    try {
      const parsed = SessionFile.safeParse(
        JSON.parse(readFileSync(join(this.path, sessionFileName), 'utf8')),
      );
      return parsed.success ? parsed.data : 'unreadable';
    } catch (error) {
      return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' ? 'missing' : 'unreadable';
    }
  }

  /** Reads `shell.json` and removes it; undefined if there is none that can be read. */
  takeShellFile(): ShellFile | undefined {
    const path = join(this.path, shellFileName);
    try {
      const parsed = ShellFile.safeParse(JSON.parse(readFileSync(path, 'utf8')));
      return parsed.success ? parsed.data : undefined;
    } catch {
      return undefined;
    } finally {
      rmSync(path, { force: true });
    }
  }

  /** Writes `launcher.json`, whole or not at all; what cannot be written now, `tellAgain` writes. */
  tell(state: LauncherFile['state']): void {
    this.#untold = { version: 1, pid: process.pid, state };
    this.tellAgain();
  }

  /** Writes what could not be written yet: a launcher that never says a word is taken for one that never started. */
  tellAgain(): void {
    if (!this.#untold) return;
    const path = join(this.path, launcherFileName);
    try {
      writeFileSync(`${path}.new`, JSON.stringify(this.#untold), { mode: 0o600 });
      renameSync(`${path}.new`, path);
      this.#untold = undefined;
    } catch (error) {
      // Its disk is full; a folder that is gone has nobody to be told.
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') this.#untold = undefined;
    }
  }

  /** Removes everything but what is read, or just being written, after the end; files are overwritten first. */
  wipe(): void {
    for (const entry of this.#entries()) {
      const path = join(this.path, entry);
      try {
        const stats = lstatSync(path);
        if (stats.isFile()) writeFileSync(path, Buffer.alloc(stats.size), { flag: 'r+' });
      } catch {
        // The extension wipes it, too.
      }
      try {
        rmSync(path, { recursive: true, force: true, maxRetries: 2 });
      } catch {
        // Held open (Windows): empty by now.
      }
    }
  }

  #entries(): string[] {
    try {
      const kept = [sessionFileName, launcherFileName];
      return readdirSync(this.path).filter(
        (entry) => !kept.some((name) => entry === name || entry.startsWith(`${name}.`)),
      );
    } catch {
      return [];
    }
  }

  /** Calls back when something in the folder may have changed. It can miss changes; look yourself from time to time. */
  watch(changed: () => void): () => void {
    // On Windows a watched folder cannot be removed.
    if (process.platform === 'win32') return () => undefined;
    try {
      const watcher = watch(this.path, changed);
      watcher.on('error', () => watcher.close());
      return () => watcher.close();
    } catch {
      return () => undefined;
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
