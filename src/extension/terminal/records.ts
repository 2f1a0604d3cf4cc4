import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
// zod/mini: read at the start of every window in which something was left.
import * as z from 'zod/mini';
import { LauncherFile, SessionFile } from '../../contract/session-file.ts';
import { CredentialFolder, told } from './folder.ts';
import { find, isAbsence } from './json.ts';

/**
 * What is remembered of a credential's folder, beside it, so that a reload, another window or the next start knows
 * which lease it belongs to. Nothing in it is secret.
 */
export const FolderRecord = z.object({
  version: z.literal(1),
  /** Whose it is: only a window signed in as the same person can settle it with the broker. */
  broker: z.string(),
  person: z.string(),
  /** `terminal`: a launcher lives on it. `copied`: the details were copied, and only the files are of use. */
  use: z.enum(['terminal', 'copied']),
  requestId: z.optional(z.uuid()),
  grantId: z.optional(z.uuid()),
  /** The call for a lease, before its answer: repeating it with the same key tells what became of it. */
  asked: z.optional(z.object({ key: z.string(), verifier: z.string() })),
  lease: z.optional(z.object({ id: z.uuid(), expiresAt: z.iso.datetime() })),
  /** The broker knows that the lease is to end. */
  ended: z.boolean(),
  /** Nobody waits for its lease any more: it is to be ended as soon as the broker answers. */
  unwanted: z.optional(z.boolean()),
  /** Where it was made: see `thisMachine`. */
  machine: z.optional(z.string()),
  /** Process id of the extension host that made it. */
  host: z.int(),
  /** This machine's clock. */
  createdAt: z.iso.datetime(),
});
export type FolderRecord = z.infer<typeof FolderRecord>;

/** A record with its name, which is also the folder's. */
export interface Kept {
  readonly name: string;
  readonly folder: CredentialFolder;
  readonly record: FolderRecord;
}

/** Thrown about a file that a newer version of Daypass wrote: it is that version's to settle. */
export class WrittenByNewer extends Error {
  override readonly name = 'WrittenByNewer';
  constructor(path: string) {
    super(`A newer version of Daypass wrote ${path}.`);
  }
}

/** The folders of all windows of this machine's person, under one private root. */
export class Records {
  readonly root: string;

  constructor(storage: string) {
    this.root = join(storage, 'terminals');
  }

  folder(name: string): CredentialFolder {
    return new CredentialFolder(join(this.root, name));
  }

  newName(): string {
    return randomUUID();
  }

  /** Writes a record, whole or not at all. @throws FolderTrouble */
  async keep(name: string, record: FolderRecord): Promise<void> {
    const path = this.#path(name);
    const beside = `${path}.${process.pid}`;
    await told('make', async () => {
      await mkdir(this.root, { recursive: true, mode: 0o700 });
      await chmod(this.root, 0o700);
      try {
        await writeFile(beside, JSON.stringify(record), { mode: 0o600 });
        await rename(beside, path);
      } catch (error) {
        await rm(beside, { force: true }).catch(() => undefined);
        throw error;
      }
    });
  }

  /** Undefined where there is none, or a broken one. @throws WrittenByNewer; NodeJS.ErrnoException, as `find` */
  async read(name: string): Promise<FolderRecord | undefined> {
    return ours(FolderRecord, this.#path(name));
  }

  /** Writes more into a record, if it is still there. @throws FolderTrouble; as `read` */
  async add(name: string, more: Partial<FolderRecord>): Promise<void> {
    const record = await this.read(name);
    if (record) await this.keep(name, { ...record, ...more });
  }

  async forget(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  /** Names of all records and folders. @throws NodeJS.ErrnoException they cannot be read now */
  async names(): Promise<string[]> {
    const entries = await readdir(this.root).catch((error: unknown) => {
      if (isAbsence(error)) return [];
      throw error;
    });
    const ours = entries.filter((entry) => /^[0-9a-f-]{36}(\.json)?$/.test(entry));
    return [...new Set(ours.map((entry) => entry.slice(0, 36)))];
  }

  #path(name: string): string {
    return join(this.root, `${name}.json`);
  }
}

/**
 * What the launcher of a folder says; `starting` when it has claimed the folder and said nothing yet; undefined when
 * none has. @throws as `Records.read`
 */
export async function launcherOf(folder: CredentialFolder): Promise<LauncherFile | 'starting' | undefined> {
  const found = await find(LauncherFile, folder.launcherFile);
  if (found.is === 'newer') throw new WrittenByNewer(folder.launcherFile);
  if (found.is === 'missing') return undefined;
  return found.is === 'this' ? found.value : 'starting';
}

/** What the launcher was told. @throws as `Records.read` */
export async function sessionOf(folder: CredentialFolder): Promise<SessionFile | undefined> {
  return ours(SessionFile, folder.sessionFile);
}

async function ours<T extends z.ZodMiniType>(schema: T, path: string): Promise<z.infer<T> | undefined> {
  const found = await find(schema, path);
  if (found.is === 'newer') throw new WrittenByNewer(path);
  return found.is === 'this' ? found.value : undefined;
}
