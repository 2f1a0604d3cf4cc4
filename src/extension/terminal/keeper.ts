import { watch } from 'node:fs';
import type { SessionFile } from '../../contract/session-file.ts';
import type { Services } from '../services.ts';
import type { Disposable } from '../state/event.ts';
import type { Desk } from './desk.ts';
import { launcherOf, sessionOf, type Kept } from './records.ts';
import { settle, type Action, type Facts } from './settle.ts';

/** The terminals of this window, by the process ids of their launchers. */
export interface Windowed {
  has(launcherPid: number): Promise<boolean>;
}

/**
 * Looks at every folder of this machine's person and does what is owed: after a change of what is known, of a folder,
 * or of the terminals. One look at a time; a change during a look makes for another.
 */
export class Keeper implements Disposable {
  readonly #services: Services;
  readonly #desk: Desk;
  readonly #window: Windowed;
  readonly #watchers = new Map<string, Disposable>();
  #awaited: ReadonlySet<string> = new Set();
  readonly #asked = new Set<string>();
  readonly #troubled = new Set<string>();
  #looking: Promise<void> | undefined;
  #again = false;
  #disposed = false;

  constructor(services: Services, desk: Desk, window: Windowed) {
    this.#services = services;
    this.#desk = desk;
    this.#window = window;
  }

  /** Never rejects. */
  look(): Promise<void> {
    this.#again = true;
    this.#looking ??= this.#lookAgain().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Whether a terminal that lives waits for this request, as of the last look. */
  awaits(requestId: string): boolean {
    return this.#awaited.has(requestId);
  }

  dispose(): void {
    this.#disposed = true;
    for (const watcher of this.#watchers.values()) watcher.dispose();
    this.#watchers.clear();
  }

  async #lookAgain(): Promise<void> {
    while (this.#again && !this.#disposed) {
      this.#again = false;
      try {
        await this.#lookOnce();
      } catch (error) {
        this.#services.log.warn('The folders of production terminals could not be looked at.', error);
      }
    }
  }

  async #lookOnce(): Promise<void> {
    const { kept, unknown } = await this.#desk.records.all();
    // A folder whose record is gone or broken belongs to nothing that could still be settled.
    for (const name of unknown) if (!this.#desk.busy.has(name)) await this.#desk.drop(name);
    for (const name of [...this.#watchers.keys()])
      if (!kept.some((one) => one.name === name)) this.#unwatch(name);
    const awaited = new Set<string>();
    for (const one of kept) {
      if (this.#desk.busy.has(one.name)) continue;
      this.#watch(one);
      void this.#learn(one);
      const facts = await this.#factsOf(one);
      if (one.record.requestId !== undefined && facts.launcherLives) awaited.add(one.record.requestId);
      for (const action of settle(facts)) {
        if (this.#disposed || this.#desk.busy.has(one.name)) break;
        await this.#try(one, action);
      }
    }
    this.#awaited = awaited;
  }

  async #factsOf({ record, folder }: Kept): Promise<Facts> {
    const { store, clock } = this.#services;
    const { account, grants, requests } = store.world;
    const launcher = await launcherOf(folder);
    const request = record.requestId === undefined ? undefined : requests.get(record.requestId);
    const grantId = record.grantId ?? request?.grantId;
    return {
      record,
      launcher,
      session: await sessionOf(folder),
      launcherLives: typeof launcher === 'object' && lives(launcher.pid),
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

  /** A failed action is tried again at the next look; why is logged once. */
  async #try(kept: Kept, action: Action): Promise<void> {
    try {
      await this.#do(kept, action);
      this.#troubled.delete(`${kept.name} ${action.do}`);
    } catch (error) {
      const key = `${kept.name} ${action.do}`;
      if (this.#troubled.has(key)) return;
      this.#troubled.add(key);
      this.#services.log.warn(`A production terminal could not be settled (${action.do}).`, error);
    }
  }

  async #do(kept: Kept, action: Action): Promise<void> {
    const { name, folder, record } = kept;
    switch (action.do) {
      case 'wipe':
        return folder.wipe();
      case 'forget':
        this.#unwatch(name);
        return this.#desk.drop(name);
      case 'end lease':
        return this.#desk.leases.endRecorded(name, record);
      case 'find lease':
        return this.#desk.leases.findAndEnd(name, record);
      case 'say over':
        return this.#tell(kept, { is: 'over', lines: [...action.say.lines], final: action.say.final });
      case 'move deadline': {
        const session = await sessionOf(folder);
        if (session?.state.is === 'open')
          await this.#tell(kept, { ...session.state, deadline: action.deadline });
        return;
      }
      case 'open':
        return this.#open(kept);
    }
  }

  /** Only in the window that shows the terminal: two leases for one terminal would be one too many. */
  async #open(kept: Kept): Promise<void> {
    const launcher = await launcherOf(kept.folder);
    if (typeof launcher !== 'object' || !(await this.#window.has(launcher.pid))) return;
    const { requests, grants } = this.#services.store.world;
    const request = requests.get(kept.record.requestId ?? '');
    const grant = grants.get(request?.grantId ?? '');
    if (!grant) return;
    this.#desk.busy.add(kept.name);
    try {
      await this.#desk.fill(kept.name, grant);
    } catch (error) {
      if (!this.#desk.leases.isOpen(kept.name))
        await this.#tell(kept, {
          is: 'over',
          lines: [
            `Not opened: ${error instanceof Error ? error.message : String(error)}`,
            'Your access is still there: open a terminal from the sidebar.',
          ],
          final: true,
        });
      throw error;
    } finally {
      this.#desk.busy.delete(kept.name);
    }
  }

  async #tell({ folder }: Kept, state: SessionFile['state']): Promise<void> {
    const before = await sessionOf(folder);
    await folder.tell({ version: 1, heading: before?.heading ?? [], state });
  }

  #watch({ name, folder }: Kept): void {
    if (this.#watchers.has(name) || this.#disposed) return;
    this.#watchers.set(
      name,
      watchFolder(folder.path, () => void this.look()),
    );
  }

  #unwatch(name: string): void {
    this.#watchers.get(name)?.dispose();
    this.#watchers.delete(name);
  }
}

function watchFolder(path: string, changed: () => void): Disposable {
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
    return { dispose: () => undefined };
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
