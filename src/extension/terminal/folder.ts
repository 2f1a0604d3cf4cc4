import { chmod, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import {
  launcherFileName,
  sessionFileName,
  shellFileName,
  type SessionFile,
  type ShellFile,
} from '../../contract/session-file.ts';
import type { ConnectionDetails } from '../../contract/leases.ts';
import type { Secret } from '../../contract/secret.ts';
import { isVerified, passwordFile, serviceFile, type CredentialPaths } from './libpq.ts';
import { ownerOnly } from './ownerOnly.ts';

/** Thrown when a credential's folder cannot be made or filled. The message is for people. */
export class FolderTrouble extends Error {
  override readonly name = 'FolderTrouble';
}

const files = { service: 'pg_service.conf', password: 'pgpass', authorities: 'authorities.pem' };

/** One credential's private folder: what is in it is listed in `contract/session-file.ts` and, below, in `files`. */
export class CredentialFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get credential(): CredentialPaths {
    return {
      service: join(this.path, files.service),
      password: join(this.path, files.password),
      authorities: join(this.path, files.authorities),
    };
  }

  get launcherFile(): string {
    return join(this.path, launcherFileName);
  }

  get sessionFile(): string {
    return join(this.path, sessionFileName);
  }

  /** Makes it, for its owner alone. @throws FolderTrouble */
  async create(): Promise<void> {
    await told('make', async () => {
      await mkdir(this.path, { recursive: true, mode: 0o700 });
      // An existing parent or a loose umask must not decide who may look in.
      await chmod(this.path, 0o700);
      if (process.platform === 'win32') await ownerOnly(this.path);
    });
  }

  /**
   * Writes the credential, so that every libpq program is in.
   * @throws FolderTrouble what was written is still there: `wipe` it
   */
  async fill(connection: ConnectionDetails, password: Secret): Promise<void> {
    const paths = this.credential;
    await this.writeAuthorities(connection);
    await told('write to', async () => {
      await this.#write(files.service, serviceFile(connection, paths));
      await this.#write(files.password, passwordFile(connection, password));
    });
  }

  /**
   * Writes who vouches for the server: the authority that the broker names, or the public ones.
   * @returns the file; undefined where the server is not verified
   * @throws FolderTrouble
   */
  async writeAuthorities(connection: ConnectionDetails): Promise<string | undefined> {
    if (!isVerified(connection)) return undefined;
    const pem = connection.certificateAuthority ?? rootCertificates.join('\n');
    await told('write to', () => this.#write(files.authorities, pem));
    return this.credential.authorities;
  }

  /** What the launcher starts the shell with; before `tell` says `open`. @throws FolderTrouble */
  async giveShell(shell: ShellFile): Promise<void> {
    await told('write to', () => this.#write(shellFileName, JSON.stringify(shell)));
  }

  /** Replaces `session.json`, whole or not at all. @throws FolderTrouble */
  async tell(session: SessionFile): Promise<void> {
    await told('write to', async () => {
      // Windows may write at the same time, the same words; each whole.
      const beside = `${sessionFileName}.${process.pid}`;
      await this.#write(beside, JSON.stringify(session));
      await rename(join(this.path, beside), this.sessionFile);
    });
  }

  /** Overwrites and removes everything that is secret; what the launcher still reads stays. Never rejects. */
  async wipe(): Promise<void> {
    const kept: string[] = [sessionFileName, launcherFileName, `${launcherFileName}.new`];
    for (const name of await readdir(this.path).catch(() => []))
      if (!kept.includes(name) && !name.startsWith(`${sessionFileName}.`))
        await overwriteAndRemove(join(this.path, name));
  }

  /** Wipes it and removes it. Never rejects; @returns whether it is gone */
  async remove(): Promise<boolean> {
    await this.wipe();
    return rm(this.path, { recursive: true, force: true, maxRetries: 3 }).then(
      () => true,
      () => false,
    );
  }

  async #write(name: string, content: string): Promise<void> {
    await writeFile(join(this.path, name), content, { mode: 0o600 });
  }
}

/** A journaling file system may keep the old blocks: the overwriting is a courtesy, the credential's end is the protection. */
async function overwriteAndRemove(path: string): Promise<void> {
  try {
    const file = await open(path, 'r+');
    try {
      const stat = await file.stat();
      if (stat.isFile() && stat.size > 0) {
        await file.write(Buffer.alloc(stat.size), 0, stat.size, 0);
        await file.sync();
      }
    } finally {
      await file.close();
    }
  } catch {
    // A folder, or gone meanwhile.
  }
  await rm(path, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined);
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full. Free some space and try again',
  EDQUOT: 'your disk quota is used up. Free some space and try again',
  EROFS: 'it is on a read-only file system',
  EACCES: 'you have no right to write there',
  EPERM: 'you have no right to write there',
};

/** Runs what needs the disk and says in words what went wrong. @throws FolderTrouble */
export async function told<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    const reason =
      (code === undefined ? undefined : reasons[code]) ??
      (error instanceof Error ? error.message : String(error));
    throw new FolderTrouble(
      `Daypass cannot ${doing} the credential's private folder${path === undefined ? '' : ` (${path})`}: ${reason}.`,
      { cause: error },
    );
  }
}
