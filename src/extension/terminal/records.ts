import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
// zod/mini: read at the start of every window in which something was left.
import * as z from 'zod/mini';
import { LauncherFile, SessionFile } from '../../contract/session-file.ts';
import { CredentialFolder, told } from './folder.ts';

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
    await told('make', async () => {
      await mkdir(this.root, { recursive: true, mode: 0o700 });
      await chmod(this.root, 0o700);
      const path = this.#path(name);
      await writeFile(`${path}.${process.pid}`, JSON.stringify(record), { mode: 0o600 });
      await rename(`${path}.${process.pid}`, path);
    });
  }

  async read(name: string): Promise<FolderRecord | undefined> {
    return parsed(FolderRecord, this.#path(name));
  }

  /** Writes more into a record, if it is still there. @throws FolderTrouble */
  async add(name: string, more: Partial<FolderRecord>): Promise<void> {
    const record = await this.read(name);
    if (record) await this.keep(name, { ...record, ...more });
  }

  async forget(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  /** All that is kept; a folder without a readable record is told by its name alone. */
  async all(): Promise<{ readonly kept: Kept[]; readonly unknown: string[] }> {
    const entries = await readdir(this.root).catch(() => []);
    const names = new Set(
      entries.filter((entry) => /^[0-9a-f-]{36}(\.json)?$/.test(entry)).map((e) => e.slice(0, 36)),
    );
    const kept: Kept[] = [];
    const unknown: string[] = [];
    for (const name of names) {
      const record = await this.read(name);
      if (record) kept.push({ name, record, folder: this.folder(name) });
      else unknown.push(name);
    }
    return { kept, unknown };
  }

  #path(name: string): string {
    return join(this.root, `${name}.json`);
  }
}

/** What the launcher of a folder says; `starting` when it has claimed the folder and said nothing yet. */
export async function launcherOf(folder: CredentialFolder): Promise<LauncherFile | 'starting' | undefined> {
  const text = await readFile(folder.launcherFile, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  return parsedText(LauncherFile, text) ?? 'starting';
}

export async function sessionOf(folder: CredentialFolder): Promise<SessionFile | undefined> {
  return parsed(SessionFile, folder.sessionFile);
}

async function parsed<T extends z.ZodMiniType>(schema: T, path: string): Promise<z.infer<T> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parsedText(schema, text);
}

function parsedText<T extends z.ZodMiniType>(schema: T, text: string): z.infer<T> | undefined {
  try {
    const result = z.safeParse(schema, JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
