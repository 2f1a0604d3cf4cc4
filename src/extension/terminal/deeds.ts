import type { SessionFile } from '../../contract/session-file.ts';
import { ProblemError } from '../client/call.ts';
import type { Services } from '../services.ts';
import type { Grant } from '../state/world.ts';
import type { Desk } from './desk.ts';
import { stopOrphans } from './launcherProcess.ts';
import { signInHeading, signInOffer } from './lines.ts';
import { launcherOf, sessionOf, type Kept } from './records.ts';
import type { Action } from './settle.ts';

/** The terminals of this window, by the process ids of their launchers. */
export interface Windowed {
  has(launcherPid: number): Promise<boolean>;
  /** Tells the person that the terminal of an approved access needs another sign-in. @returns whether they want it */
  offerSignIn(words: string): Promise<boolean>;
}

/** Does what `settle` found to be owed to a credential's folder. */
export class Deeds {
  readonly #services: Services;
  readonly #desk: Desk;
  readonly #window: Windowed;
  readonly #lookAgain: () => void;
  readonly #notOpened = new Map<string, unknown>();
  readonly #offered = new Map<string, 'unanswered' | 'wanted'>();

  constructor(services: Services, desk: Desk, window: Windowed, lookAgain: () => void) {
    this.#services = services;
    this.#desk = desk;
    this.#window = window;
    this.#lookAgain = lookAgain;
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
    const offered = this.#offered.get(kept.name);
    if (!grant || offered === 'unanswered') return;
    this.#offered.delete(kept.name);
    if (!this.#notOpened.has(kept.name))
      try {
        await this.#desk.fill(kept.name, grant, offered === 'wanted');
        return;
      } catch (error) {
        if (this.#desk.attempts.isLost(kept.name)) throw error;
        if (!offered && error instanceof ProblemError && error.kind === 'step-up-needed')
          return this.#offerSignIn(kept, grant, error);
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

  /** The approval may have taken hours, and the person may be anywhere: no browser opens before they say so. */
  async #offerSignIn(kept: Kept, grant: Grant, refused: ProblemError): Promise<void> {
    const { name } = kept;
    const acr = refused.problem.challenge?.acrValues;
    await this.#tell(kept, { is: 'waiting' }, signInHeading(grant, acr));
    this.#offered.set(name, 'unanswered');
    void this.#window.offerSignIn(signInOffer(grant, acr)).then((wanted) => {
      if (wanted) this.#offered.set(name, 'wanted');
      else {
        this.#offered.delete(name);
        this.#notOpened.set(name, refused);
      }
      this.#lookAgain();
    });
  }

  async #tell({ folder }: Kept, state: SessionFile['state'], heading?: string[]): Promise<void> {
    const before = await sessionOf(folder);
    const look = before?.look;
    await folder.tell({
      version: 1,
      ...(look ? { look } : {}),
      heading: heading ?? before?.heading ?? [],
      state,
    });
  }
}
