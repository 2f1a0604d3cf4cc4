import { watch } from 'node:fs';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import { Deeds, type Windowed } from './deeds.ts';
import type { Desk } from './desk.ts';
import { isLauncher, lives } from './launcherProcess.ts';
import { thisMachine } from './machine.ts';
import { launcherOf, sessionOf, WrittenByNewer, type Kept } from './records.ts';
import { Rounds } from './rounds.ts';
import { settle, type Facts } from './settle.ts';

/** Until what failed is tried again; twice as long each time. */
const firstPauseMs = 500;
const longestPauseMs = 30_000;

/**
 * Looks at every folder of this machine's person and sees to it that what is owed is done: after a change of what is
 * known, of a folder, or of the terminals. Folders do not wait for each other: the broker may be slow to answer for one.
 */
export class Keeper implements Disposable {
  readonly #services: Services;
  readonly #desk: Desk;
  readonly #deeds: Deeds;
  readonly #machine = thisMachine();
  readonly #finished: Disposable;
  readonly #listing = new Rounds(() => this.#list());
  /** By name, as are all below. */
  readonly #settling = new Map<string, Rounds>();
  readonly #watchers = new Map<string, Disposable>();
  readonly #awaited = new Map<string, string>();
  readonly #failing = new Set<string>();
  readonly #asked = new Set<string>();
  readonly #troubled = new Set<string>();
  #retry: NodeJS.Timeout | undefined;
  #pauseMs = firstPauseMs;
  #disposed = false;

  constructor(services: Services, desk: Desk, window: Windowed) {
    this.#services = services;
    this.#desk = desk;
    this.#deeds = new Deeds(services, desk, window, () => void this.look());
    this.#finished = desk.attempts.onDidFinish(() => void this.look());
  }

  /** Never rejects; resolves when everything was looked at. */
  async look(): Promise<void> {
    await this.#listing.run();
    await Promise.all([...this.#settling.values()].map((rounds) => rounds.idle()));
  }

  /** Whether a terminal that lives waits for this request, as of the last look. */
  awaits(requestId: string): boolean {
    return [...this.#awaited.values()].includes(requestId);
  }

  dispose(): void {
    this.#disposed = true;
    this.#finished.dispose();
    clearTimeout(this.#retry);
    for (const watcher of this.#watchers.values()) watcher.dispose();
    this.#watchers.clear();
  }

  async #list(): Promise<void> {
    if (this.#disposed) return;
    let names: readonly string[];
    try {
      names = await this.#desk.records.names();
    } catch (error) {
      this.#complain('all', 'look at the folders', error);
      return;
    }
    this.#troubled.delete('all');
    for (const name of [...this.#settling.keys()]) if (!names.includes(name)) this.#leave(name);
    for (const name of names) {
      let rounds = this.#settling.get(name);
      if (!rounds) this.#settling.set(name, (rounds = new Rounds(() => this.#settle(name))));
      void rounds.run();
    }
  }

  /** Does what is owed to one folder. Never rejects. */
  async #settle(name: string): Promise<void> {
    if (this.#hasOthers(name)) return;
    let facts: Facts;
    let kept: Kept;
    try {
      const record = await this.#desk.records.read(name);
      if (!record) {
        // It belongs to nothing that could still be settled.
        if (!this.#hasOthers(name)) await this.#desk.drop(name);
        return;
      }
      kept = { name, record, folder: this.#desk.records.folder(name) };
      this.#watch(kept);
      void this.#learn(kept);
      facts = await this.#factsOf(kept);
      this.#troubled.delete(`${name} files`);
    } catch (error) {
      // What cannot be read is no sign that nobody is there.
      this.#complain(`${name} files`, 'look at it', error);
      return;
    }
    const { requestId } = kept.record;
    if (requestId !== undefined && facts.launcherLives && !facts.elsewhere)
      this.#awaited.set(name, requestId);
    else this.#awaited.delete(name);
    let failed = false;
    for (const action of settle(facts)) {
      if (this.#hasOthers(name)) break;
      // As long as something could not be done, what tells of it stays.
      if (failed && action.do === 'forget') break;
      const key = `${name} ${action.do}`;
      try {
        await this.#deeds.do(kept, action);
        this.#troubled.delete(key);
      } catch (error) {
        failed = true;
        this.#complain(key, action.do, error);
      }
    }
    this.#tryAgain(name, failed);
  }

  /** Whether somebody else sees to it: an attempt that is under way, or, this window being closed, the next one. */
  #hasOthers(name: string): boolean {
    return this.#disposed || this.#desk.attempts.busy.has(name);
  }

  /** What failed is tried again soon, then less and less often; a change that could help makes for a look anyway. */
  #tryAgain(name: string, failed: boolean): void {
    if (failed) this.#failing.add(name);
    else this.#failing.delete(name);
    if (this.#failing.size === 0) this.#pauseMs = firstPauseMs;
    if (this.#failing.size === 0 || this.#retry || this.#disposed) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      void this.look();
    }, this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  /** @throws as `launcherOf` */
  async #factsOf({ name, record: kept, folder }: Kept): Promise<Facts> {
    const record = this.#desk.attempts.isUnwanted(name) ? { ...kept, unwanted: true } : kept;
    const { store, clock } = this.#services;
    const launcher = await launcherOf(folder);
    const session = await sessionOf(folder);
    const launcherLives = typeof launcher === 'object' && (await isLauncher(launcher.pid, name));
    const { account, grants, requests } = store.world;
    const request = record.requestId === undefined ? undefined : requests.get(record.requestId);
    const grantId = record.grantId ?? request?.grantId;
    return {
      record,
      launcher,
      session,
      elsewhere: record.machine !== undefined && record.machine !== this.#machine,
      launcherLives,
      hostLives: lives(record.host),
      ageMs: Date.now() - Date.parse(record.createdAt),
      known:
        account.is === 'signed in' &&
        account.broker === record.broker &&
        account.me.person.id === record.person,
      grant: grantId === undefined ? undefined : grants.get(grantId),
      request,
      now: clock.now(),
      toLocal: (ms) => clock.toLocal(ms),
    };
  }

  /** What a record speaks of and this window has not read is read, once: the answer makes for another look. */
  async #learn({ record: { requestId, grantId, broker, person } }: Kept): Promise<void> {
    const { store, sync } = this.#services;
    const { account, requests, grants } = store.world;
    if (account.is !== 'signed in' || account.broker !== broker || account.me.person.id !== person) return;
    const request = requests.get(requestId ?? '');
    const grant = grantId ?? request?.grantId;
    if (requestId !== undefined && !request && this.#isNew(requestId))
      await sync.reload({ request: requestId });
    else if (grant !== undefined && !grants.has(grant) && this.#isNew(grant)) await sync.reload({ grant });
  }

  #isNew(id: string): boolean {
    const isNew = !this.#asked.has(id);
    this.#asked.add(id);
    return isNew;
  }

  /** Logged once, until it works again. */
  #complain(key: string, doing: string, why: unknown): void {
    if (this.#troubled.has(key)) return;
    this.#troubled.add(key);
    if (why instanceof WrittenByNewer) this.#services.log.info(`${why.message} It is left to that version.`);
    else this.#services.log.warn(`A production terminal could not be settled (${doing}).`, why);
  }

  #watch({ name, folder }: Kept): void {
    if (this.#watchers.has(name) || this.#disposed) return;
    const watcher = watchFolder(folder.path, () => void this.look());
    if (watcher) this.#watchers.set(name, watcher);
  }

  /** Its folder is gone. */
  #leave(name: string): void {
    this.#watchers.get(name)?.dispose();
    this.#watchers.delete(name);
    this.#settling.delete(name);
    this.#awaited.delete(name);
    this.#tryAgain(name, false);
  }
}

/** Undefined where the folder is not there yet. */
function watchFolder(path: string, changed: () => void): Disposable | undefined {
  if (process.platform === 'win32') {
    // A watched folder cannot be removed there.
    const timer = setInterval(changed, 1000);
    return { dispose: () => clearInterval(timer) };
  }
  try {
    const watcher = watch(path, changed);
    watcher.on('error', () => watcher.close());
    return { dispose: () => watcher.close() };
  } catch {
    return undefined;
  }
}
