import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Emitter, type Disposable, type Event } from '../state/event.ts';
import type { Log } from '../services.ts';
import { keyOf, newKey, seal, unseal, type Key } from './box.ts';
import { FolderWatch } from './folder-watch.ts';
import { locked } from './lock.ts';
import { isCode, privateFolder, readIfThere, replaceFile } from './private-files.ts';
import type { SignIn } from './sign-in.ts';

/** As much of VS Code's `SecretStorage` as is used. */
export interface Secrets {
  get(name: string): PromiseLike<string | undefined>;
  store(name: string, value: string): PromiseLike<void>;
}

export interface VaultParts {
  /** One for each VS Code client of this machine's user; windows of the same client share it. */
  readonly folder: string;
  readonly secrets: Secrets;
  readonly log: Log;
}

/** What `change` is to do with the sign-in that it found. */
export type Verdict<T> =
  { readonly keep: true; readonly result: T } | { readonly next: SignIn | undefined; readonly result: T };

const secretName = 'daypass.key';
const about = 'daypass sign-in v1';

/**
 * Where the sign-in is kept so that every window of one person has the same. VS Code's secret storage cannot do that:
 * in the browser no window learns what another wrote, and writes are lost. So the tokens lie in a private file,
 * encrypted with a key that is made once and never changes; only that key lies in the secret storage, where a stale
 * read of it does no harm. A window without the key is given it by one that has it.
 */
export class Vault implements Disposable {
  readonly #parts: VaultParts;
  readonly #file: string;
  /** Stands here from a sign-out to the next sign-in. */
  readonly #leftFile: string;
  readonly #changed = new Emitter<undefined>();
  readonly #keys = new Map<string, Key>();
  #watch: FolderWatch | undefined;
  #opening: Promise<FolderWatch> | undefined;
  /** The file as it was when its last change was told; null where somebody has read another one since. */
  #told: string | undefined | null;
  /** The file for whose key nobody answered: asking again would only make the person wait again. */
  #unanswered: string | undefined;
  /** The secret storage failed when it was last asked. */
  #isMute = false;
  readonly #over = new AbortController();

  constructor(parts: VaultParts) {
    this.#parts = parts;
    this.#file = join(parts.folder, 'sign-in');
    this.#leftFile = join(parts.folder, 'signed-out');
  }

  /** This or another window signed in, refreshed its tokens or signed out. */
  get onDidChange(): Event<undefined> {
    return this.#changed.event;
  }

  /**
   * The sign-in as it is now, or undefined if there is none that this window has a key for.
   * @throws Error if that cannot be found out at the moment
   */
  async read(): Promise<SignIn | undefined> {
    await this.#open();
    const text = await readIfThere(this.#file);
    // What comes and goes between two looks must not stay known to whoever read it meanwhile.
    if (text !== this.#told) this.#told = null;
    return text === undefined ? undefined : this.#unpack(text);
  }

  /**
   * Reads the sign-in, lets `work` decide, and writes what it decided, while no other window does the same.
   * @param read `if possible`: what is there is replaced or removed, so that not being able to read it is no obstacle
   * @throws Error if the folder cannot be written
   */
  async change<T>(
    work: (current: SignIn | undefined) => Promise<Verdict<T>>,
    read: 'always' | 'if possible' = 'always',
  ): Promise<T> {
    await this.#open();
    if (this.#over.signal.aborted) throw new Error('This window is closing.');
    // Somebody may have cleared the storage meanwhile.
    await privateFolder(this.#parts.folder);
    return locked(join(this.#parts.folder, 'lock'), async (held) => {
      const current = await (read === 'always' ? this.read() : this.#readIfPossible());
      const verdict = await work(current);
      if ('keep' in verdict) return verdict.result;
      if (!(await held.stillHeld())) throw new Error('Another window changed the sign-in meanwhile.');
      if (verdict.next) await this.#write(verdict.next);
      else await rm(this.#file, { force: true });
      return verdict.result;
    });
  }

  /** Whether somebody signed out since the last sign-in, in whichever window. */
  async wasLeft(): Promise<boolean> {
    return (await readIfThere(this.#leftFile)) !== undefined;
  }

  /** Signs out: removes the sign-in, also where the disk is full: a file can be deleted then, and no window can write another. */
  async remove(): Promise<SignIn | undefined> {
    try {
      const nothing = (current: SignIn | undefined): Promise<Verdict<SignIn | undefined>> =>
        Promise.resolve({ next: undefined, result: current });
      const before = await this.change(nothing, 'if possible');
      await replaceFile(this.#leftFile, '').catch((error: unknown) =>
        this.#parts.log.warn('That somebody signed out could not be kept.', error),
      );
      return before;
    } catch (error) {
      if (!isCode(error, 'ENOSPC', 'EDQUOT')) throw error;
      const current = await this.#readIfPossible();
      await rm(this.#file, { force: true });
      return current;
    }
  }

  dispose(): void {
    this.#over.abort();
    this.#watch?.dispose();
    this.#changed.dispose();
  }

  async #readIfPossible(): Promise<SignIn | undefined> {
    try {
      return await this.read();
    } catch (error) {
      this.#parts.log.warn('The sign-in that was kept here could not be read.', error);
      return undefined;
    }
  }

  async #unpack(text: string): Promise<SignIn | undefined> {
    const [keyId = '', box = ''] = text.split('\n');
    const key = await this.#keyNamed(keyId, text);
    if (!key) {
      this.#parts.log.info(
        'A sign-in is kept here that this window has no key for; signing in again replaces it.',
      );
      return undefined;
    }
    const opened = unseal(key.bytes, about, box);
    const { readBack } = await import('./sign-in.ts');
    const signIn = opened === undefined ? undefined : readBack(opened);
    if (!signIn)
      this.#parts.log.warn('The sign-in kept here is damaged or of another version; it counts as none.');
    return signIn;
  }

  async #write(signIn: SignIn): Promise<void> {
    const { writeOut } = await import('./sign-in.ts');
    const before = (await readIfThere(this.#file))?.split('\n')[0];
    const key = (before === undefined ? undefined : this.#keys.get(before)) ?? (await this.#ownKey());
    const text = `${key.id}\n${seal(key.bytes, about, writeOut(signIn))}\n`;
    await replaceFile(this.#file, text);
    await rm(this.#leftFile, { force: true });
  }

  async #keyNamed(id: string, wantedFor: string): Promise<Key | undefined> {
    const known = this.#keys.get(id) ?? (await this.#storedKey());
    if (known?.id === id) return known;
    if (this.#unanswered === wantedFor) return undefined;
    const watch = await this.#open();
    const { askForKey } = await import('./handover.ts');
    const given = await askForKey(this.#parts.folder, id, watch.onDidChange, this.#over.signal);
    if (given) await this.#keep(given);
    else if (this.#isMute) throw new Error('The secret storage of VS Code cannot be read at the moment.');
    else this.#unanswered = wantedFor;
    return given;
  }

  async #ownKey(): Promise<Key> {
    const stored = await this.#storedKey();
    if (stored) return stored;
    const made = newKey();
    await this.#keep(made);
    return made;
  }

  async #storedKey(): Promise<Key | undefined> {
    let text: string | undefined;
    this.#isMute = false;
    try {
      text = await this.#parts.secrets.get(secretName);
    } catch (error) {
      this.#isMute = true;
      this.#parts.log.warn('The secret storage of VS Code cannot be read.', error);
    }
    const bytes = Buffer.from(text ?? '', 'base64url');
    if (bytes.length !== 32) return undefined;
    const key = keyOf(bytes);
    this.#keys.set(key.id, key);
    return key;
  }

  /** Every window stores it, even if another has: in the browser the last one to write anything overwrites the rest. */
  async #keep(key: Key): Promise<void> {
    this.#keys.set(key.id, key);
    try {
      await this.#parts.secrets.store(secretName, key.bytes.toString('base64url'));
    } catch (error) {
      this.#parts.log.warn(
        'The secret storage of VS Code keeps nothing; the sign-in ends with this window.',
        error,
      );
    }
  }

  #open(): Promise<FolderWatch> {
    this.#opening ??= (async () => {
      await privateFolder(this.#parts.folder);
      if (process.platform !== 'win32') await chmod(this.#parts.folder, 0o700);
      const watch = new FolderWatch(this.#parts.folder);
      if (this.#over.signal.aborted) watch.dispose();
      this.#watch = watch;
      this.#told = await readIfThere(this.#file);
      watch.onDidChange(() => void this.#look());
      return watch;
    })();
    this.#opening.catch(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #look(): Promise<void> {
    try {
      if (this.#keys.size > 0) {
        const { answerAsks } = await import('./handover.ts');
        await answerAsks(this.#parts.folder, (id) => this.#keys.get(id));
      }
      const text = await readIfThere(this.#file);
      if (text === this.#told || this.#over.signal.aborted) return;
      this.#told = text;
      this.#changed.fire(undefined);
    } catch (error) {
      this.#parts.log.warn('The folder of the sign-in could not be read.', error);
    }
  }
}
