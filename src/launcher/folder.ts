import { readFileSync, readdirSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
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

  constructor(path: string) {
    this.path = path;
  }

  /** Takes the folder for this launcher: once ever, whatever became of it. */
  claim(): 'claimed' | 'taken' | 'missing' {
    try {
      writeFileSync(join(this.path, launcherFileName), '', { flag: 'wx', mode: 0o600 });
      return 'claimed';
    } catch (error) {
      return codeOf(error) === 'EEXIST' ? 'taken' : 'missing';
    }
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

  /** Writes `launcher.json`, whole or not at all. */
  tell(state: LauncherFile['state']): void {
    const path = join(this.path, launcherFileName);
    const content: LauncherFile = { version: 1, pid: process.pid, state };
    try {
      writeFileSync(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch {
      // The folder is gone, or its disk is full: nobody is told, and nothing else depends on it.
    }
  }

  /** Removes everything but the two files that are read after the end. */
  wipe(): void {
    try {
      for (const entry of readdirSync(this.path))
        if (entry !== sessionFileName && entry !== launcherFileName)
          rmSync(join(this.path, entry), { recursive: true, force: true, maxRetries: 2 });
    } catch {
      // Gone already.
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
