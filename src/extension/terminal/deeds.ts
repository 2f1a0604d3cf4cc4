import type { SessionFile } from '../../contract/session-file.ts';
import type { Services } from '../services.ts';
import type { Desk } from './desk.ts';
import { stopOrphans } from './launcherProcess.ts';
import { launcherOf, sessionOf, type Kept } from './records.ts';
import type { Action } from './settle.ts';

/** The terminals of this window, by the process ids of their launchers. */
export interface Windowed {
  has(launcherPid: number): Promise<boolean>;
}

/** Does what `settle` found to be owed to a credential's folder. */
export class Deeds {
  readonly #services: Services;
  readonly #desk: Desk;
  readonly #window: Windowed;
  readonly #notOpened = new Map<string, unknown>();

  constructor(services: Services, desk: Desk, window: Windowed) {
    this.#services = services;
    this.#desk = desk;
    this.#window = window;
  }

  /** @throws as `Api.call`, `launcherOf` and `stopOrphans`; FolderTrouble */
  async do(kept: Kept, action: Action): Promise<void> {
    const { name, folder, record } = kept;
    switch (action.do) {
      case 'wipe':
        return folder.wipe();
      case 'forget':
        return this.#desk.drop(name);
      case 'stop':
        return this.#stop(action);
      case 'end lease':
        return this.#desk.attempts.endRecorded(name, record);
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

  async #stop({ leaseId, launcher }: Extract<Action, { do: 'stop' }>): Promise<void> {
    const { places, log } = this.#services;
    const { stopped, remaining } = await stopOrphans(places.extension, leaseId, launcher);
    if (stopped.length > 0)
      log.warn(`Stopped in a terminal whose launcher was killed: ${stopped.join(', ')}.`);
    if (remaining.length > 0) log.warn(`Could not be stopped there: ${remaining.join(', ')}.`);
  }

  /** Only in the window that shows the terminal: two leases for one terminal would be one too many. */
  async #open(kept: Kept): Promise<void> {
    const launcher = await launcherOf(kept.folder);
    if (typeof launcher !== 'object' || !(await this.#window.has(launcher.pid))) return;
    const { requests, grants } = this.#services.store.world;
    const request = requests.get(kept.record.requestId ?? '');
    const grant = grants.get(request?.grantId ?? '');
    if (!grant) return;
    if (!this.#notOpened.has(kept.name))
      try {
        await this.#desk.fill(kept.name, grant);
        return;
      } catch (error) {
        if (this.#desk.attempts.isLost(kept.name)) throw error;
        this.#notOpened.set(kept.name, error);
      }
    // Where even this cannot be written, opening is not tried a second time: each would be a lease.
    const why = this.#notOpened.get(kept.name);
    await this.#tell(kept, {
      is: 'over',
      lines: [
        `Not opened: ${why instanceof Error ? why.message : String(why)}`,
        'Your access is still there: open a terminal from the sidebar.',
      ],
      final: true,
    });
  }

  async #tell({ folder }: Kept, state: SessionFile['state']): Promise<void> {
    const before = await sessionOf(folder);
    await folder.tell({ version: 1, heading: before?.heading ?? [], state });
  }
}
