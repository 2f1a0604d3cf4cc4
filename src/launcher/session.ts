import type { SessionFile } from '../contract/session-file.ts';
import { Bell } from './bell.ts';
import { Deadline } from './deadline.ts';
import { endOf, linesOf, missingForGoodMs, type Ending } from './ending.ts';
import { intruders } from './environment.ts';
import type { Folder } from './folder.ts';
import { startInGroup } from './group.ts';
import { takeKeys } from './keys.ts';
import { sayAndHold } from './last-words.ts';
import { markName } from './processes.ts';
import { afterwards, calm, heading, lookLike, quietKeyboard, write } from './screen.ts';
import { Shell, startShell } from './start.ts';
import type { Stopped } from './stop.ts';

const nothing: Stopped = { stopped: [], remaining: [] };

type Open = SessionFile & { state: { is: 'open' } };

/** Timers stop while a machine sleeps and watchers miss changes: at least so often everything is looked at again. */
const lookMs = 1000;
/** How long the extension may take to say in its own words that the time is up. */
const extensionSpeaksMs = 1500;

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
      if (session === 'closed') this.#over({ by: 'terminal' });
      else if (session !== 'missing' && session.state.is === 'open') await this.#open(session as Open);
      else {
        const told = session !== 'missing' && session.state.is === 'over' ? session.state : undefined;
        this.#over({ by: told ? 'session' : 'folder' });
        quietKeyboard();
        await this.#sayAndHold(told ? linesOf(told) : ['This request is no longer open.']);
      }
    } finally {
      unwatch();
    }
  }

  /** Shows why it waits until there is a credential or an end, or the person leaves. */
  async #untilOpen(first: SessionFile): Promise<SessionFile | 'missing' | 'closed'> {
    let shown = '';
    let session = first;
    let missingSince: number | undefined;
    let release: (() => void) | undefined;
    try {
      for (;;) {
        // Whoever reads that it is open may type.
        if (session.state.is !== 'waiting') {
          release?.();
          release = undefined;
        }
        lookLike(session.look);
        const text = session.heading.join('\n');
        if (text !== '' && text !== shown) write(heading(session.heading));
        shown = text;
        if (this.#closed) return 'closed';
        if (session.state.is !== 'waiting') return session;
        release ??= takeKeys(this.close);
        await this.#bell.wait(missingSince === undefined ? lookMs : missingForGoodMs);
        this.#folder.tellAgain();
        const seen = this.#folder.session();
        if (typeof seen === 'object') session = seen;
        missingSince = seen === 'missing' ? (missingSince ?? performance.now()) : undefined;
        if (missingSince !== undefined && performance.now() - missingSince >= missingForGoodMs)
          return 'missing';
      }
    } finally {
      release?.();
    }
  }

  async #open(session: Open): Promise<void> {
    const { state } = session;
    const deadline = new Deadline(new Date(state.deadline));
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
    let shell: Shell;
    try {
      const remark = (text: string): void => write(afterwards([text]));
      const started = await startInGroup(state.leaseId, () =>
        startShell(file, variables, this.#folder.path, remark),
      );
      shell = new Shell(started, this.#bell.ring);
    } catch (error) {
      return this.#refuse(`Not opened: ${error instanceof Error ? error.message : String(error)}.`);
    }
    this.#folder.tell({ is: 'open', shell: shell.pid });

    const ending = await this.#untilEnd(shell, deadline);
    const stopped = await shell.stop(state.leaseId);
    this.#folder.wipe();
    this.#over({ by: ending.by, ...stopped });
    if (!ending.hold || this.#closed) return;
    quietKeyboard();
    write(calm);
    await this.#sayAndHold(ending.lines, stopped, ending.by === 'deadline' ? extensionSpeaksMs : 0);
  }

  async #untilEnd(shell: Shell, first: Deadline): Promise<Ending> {
    let deadline = first;
    let missingSince: number | undefined;
    for (;;) {
      this.#folder.tellAgain();
      const session = this.#folder.session();
      missingSince = session === 'missing' ? (missingSince ?? performance.now()) : undefined;
      if (typeof session === 'object' && session.state.is === 'open') {
        const at = new Date(session.state.deadline);
        if (at.getTime() !== deadline.at.getTime()) deadline = new Deadline(at);
      }
      const ending = endOf({
        closed: this.#closed,
        shell: shell.ended,
        session,
        missingMs: missingSince === undefined ? 0 : performance.now() - missingSince,
        leftMs: deadline.left(),
        deadline: deadline.at,
      });
      if (ending) return ending;
      const pause = missingSince === undefined ? lookMs : missingForGoodMs;
      await this.#bell.wait(Math.max(1, Math.min(pause, deadline.left())));
    }
  }

  #sayAndHold(own: readonly string[], stopped = nothing, patienceMs = 0): Promise<void> {
    const closed = (): boolean => this.#closed;
    return sayAndHold({ folder: this.#folder, bell: this.#bell, closed, own, stopped, patienceMs });
  }

  async #refuse(...lines: string[]): Promise<void> {
    this.#folder.wipe();
    this.#over({ by: 'refused', because: lines.join(' ') });
    quietKeyboard();
    await this.#sayAndHold(lines);
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
  }

  #over(end: { by: Ending['by'] | 'refused'; because?: string } & Partial<Stopped>): void {
    this.#folder.tell({ is: 'over', ...nothing, ...end });
  }
}
