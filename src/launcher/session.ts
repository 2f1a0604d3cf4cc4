import { setTimeout as wait } from 'node:timers/promises';
import type { SessionFile } from '../contract/session-file.ts';
import { Bell } from './bell.ts';
import { Deadline } from './deadline.ts';
import { endOf, linesOf, missingForGoodMs, withStopped, type Ending, type ShellEnd } from './ending.ts';
import { intruders } from './environment.ts';
import type { Folder, SessionSeen } from './folder.ts';
import { takeKeys } from './keys.ts';
import { markName, processes } from './processes.ts';
import { afterwards, calm, heading, hold, quietKeyboard, write } from './screen.ts';
import { startShell } from './start.ts';
import { startedHere, stopAll, stopTree, type Stopped } from './stop.ts';

type Open = SessionFile & { state: { is: 'open' } };

/** Timers stop while a machine sleeps and watchers miss changes: at least so often everything is looked at again. */
const lookMs = 1000;
/** How long the extension may take to say in its own words that the time is up. */
const extensionSpeaksMs = 1500;
/** How long the last line waits for what the target says. */
const targetSpeaksMs = 3000;

/**
 * One production terminal from its first line to its last. Returns when the terminal may close; the caller exits then.
 */
export class Session {
  readonly #folder: Folder;
  readonly #bell = new Bell();
  #closed = false;

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  /** The terminal was closed, or its process asked to end. */
  readonly close = (): void => {
    this.#closed = true;
    this.#bell.ring();
  };

  async run(): Promise<void> {
    const seen = this.#folder.session();
    if (seen === 'missing' || seen === 'unreadable') return this.#holdNothing();
    if (this.#folder.claim() !== 'claimed') return this.#holdNothing();
    const unwatch = this.#folder.watch(this.#bell.ring);
    try {
      const session = await this.#untilOpen(seen);
      if (session === undefined) return;
      if (session.state.is === 'open') await this.#open(session as Open);
      else await this.#afterEnd([], { stopped: [], remaining: [] });
    } finally {
      unwatch();
    }
  }

  /** Shows why it waits until there is a credential or an end. Undefined: the person left. */
  async #untilOpen(first: SessionFile): Promise<SessionFile | undefined> {
    let shown = '';
    let session: SessionFile = first;
    let missingSince: number | undefined;
    let release: (() => void) | undefined;
    const show = (): void => {
      const text = heading(session.heading);
      if (session.heading.length > 0 && text !== shown) write(text);
      shown = text;
    };
    try {
      for (;;) {
        show();
        if (this.#closed) {
          this.#over({ by: 'terminal' });
          return undefined;
        }
        if (session.state.is !== 'waiting') return session;
        if (!release) {
          this.#folder.tell({ is: 'waiting' });
          release = takeKeys(this.close);
        }
        await this.#bell.wait(missingSince === undefined ? lookMs : missingForGoodMs);
        const seen = this.#folder.session();
        if (typeof seen === 'object') session = seen;
        missingSince = seen === 'missing' ? (missingSince ?? Date.now()) : undefined;
        if (missingSince !== undefined && Date.now() - missingSince >= missingForGoodMs)
          return {
            ...session,
            state: { is: 'over', lines: ['This request is no longer open.'], final: true },
          };
      }
    } finally {
      release?.();
    }
  }

  async #open(session: Open): Promise<void> {
    const { state } = session;
    let deadline = new Deadline(new Date(state.deadline));
    const file = this.#folder.takeShellFile();
    if (deadline.left() <= 0)
      return this.#refuse('The time of this access was over before its shell could start.');
    if (!file)
      return this.#refuse(
        'Daypass left this terminal no environment to start your shell in. Open a new one from the sidebar.',
      );
    const found = intruders(file.base, process.env);
    if (found.length > 0)
      return this.#refuse(
        `Not opened: this workspace or an extension sets ${found.join(' and ')} for terminals, which puts its code into production.`,
        'Open a new, empty window and open the production terminal there, or remove that setting.',
      );
    if (file.base['TZ'] !== undefined) process.env['TZ'] = file.base['TZ'];

    const variables = {
      ...state.environment,
      DAYPASS_EXPIRES_AT: state.expiresAt,
      [markName]: state.leaseId,
    };
    const startedAt = performance.now();
    let shell: ShellEnd | undefined;
    let pid: number;
    try {
      const started = await startShell(file, variables, this.#folder.path, (text) =>
        write(afterwards([text])),
      );
      pid = started.pid ?? 0;
      const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
        shell = { code, signal, afterMs: performance.now() - startedAt };
        this.#bell.ring();
      };
      started.once('exit', ended);
      if (started.exitCode !== null) ended(started.exitCode, null);
    } catch (error) {
      return this.#refuse(`Not opened: ${error instanceof Error ? error.message : String(error)}.`);
    }
    this.#folder.tell({ is: 'open', shell: pid });

    let ending: Ending | undefined;
    let missingSince: number | undefined;
    for (;;) {
      const seen: SessionSeen = this.#folder.session();
      missingSince = seen === 'missing' ? (missingSince ?? performance.now()) : undefined;
      if (
        typeof seen === 'object' &&
        seen.state.is === 'open' &&
        seen.state.deadline !== deadline.at.toISOString()
      ) {
        const at = new Date(seen.state.deadline);
        if (at.getTime() !== deadline.at.getTime()) deadline = new Deadline(at);
      }
      const missingMs = missingSince === undefined ? 0 : performance.now() - missingSince;
      ending = endOf({
        closed: this.#closed,
        shell,
        session: seen,
        missingMs,
        leftMs: deadline.left(),
        deadline: deadline.at,
      });
      if (ending) break;
      await this.#bell.wait(
        Math.max(1, Math.min(missingSince === undefined ? lookMs : missingForGoodMs, deadline.left())),
      );
    }

    const stopped = await this.#stop(pid, state.leaseId);
    this.#folder.wipe();
    this.#over({ by: ending.by, ...stopped });
    if (!ending.hold || this.#closed) return;
    quietKeyboard();
    write(calm);
    await this.#afterEnd(ending.lines, stopped, ending.by === 'deadline' ? extensionSpeaksMs : 0);
  }

  #stop(shell: number, leaseId: string): Promise<Stopped> {
    if (process.platform === 'win32') return Promise.resolve(stopTree(shell));
    const mark = `${markName}=${leaseId}`;
    const origin = { launcher: process.pid, shell };
    return stopAll(() => startedHere(processes(mark), origin), shell);
  }

  /** Says what happened, then what the target says of it, as often as there is something new; and stays. */
  async #afterEnd(own: readonly string[], stopped: Stopped, patienceMs = 0): Promise<void> {
    const shown = new Set<string>();
    const say = (lines: readonly string[], first: boolean): void => {
      const fresh = lines.filter((line) => !shown.has(line));
      for (const line of fresh) shown.add(line);
      if (fresh.length > 0)
        write(afterwards(first ? withStopped(fresh, stopped.stopped, stopped.remaining) : fresh));
    };
    const began = performance.now();
    let spoken = false;
    let held = false;
    for (let looking = true; !this.#closed;) {
      if (looking) {
        const seen = this.#folder.session();
        const session = typeof seen === 'object' ? seen : undefined;
        const over = session?.state.is === 'over' ? session.state : undefined;
        if (over) {
          say(linesOf(over), !spoken);
          spoken = true;
        }
        looking = seen !== 'missing' && over?.final !== true;
      }
      const ms = performance.now() - began;
      if (!spoken && own.length > 0 && (!looking || ms >= patienceMs)) {
        say(own, true);
        spoken = true;
      }
      if (!held && spoken && (!looking || ms >= targetSpeaksMs)) {
        write(hold);
        held = true;
      }
      await this.#bell.wait(held ? lookMs : 100);
    }
  }

  async #refuse(...lines: string[]): Promise<void> {
    this.#folder.wipe();
    this.#over({ by: 'refused', because: lines.join(' ') });
    quietKeyboard();
    await this.#afterEnd(lines, { stopped: [], remaining: [] });
  }

  /** Started without a credential of its own: a window that VS Code restored starts its terminals again. */
  async #holdNothing(): Promise<void> {
    quietKeyboard();
    write(
      afterwards([
        'This terminal was restored without its production access. Open a new one from the Daypass sidebar.',
      ]),
    );
    while (!this.#closed) await this.#bell.wait(60_000);
    await wait(0);
  }

  #over(end: { by: Ending['by'] | 'refused'; because?: string } & Partial<Stopped>): void {
    this.#folder.tell({ is: 'over', stopped: [], remaining: [], ...end });
  }
}
