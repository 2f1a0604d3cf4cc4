import type { LauncherFile, SessionFile } from '../contract/session-file.ts';
import { endedAsPlanned } from '../contract/session-file.ts';
import type { SessionSeen } from './folder.ts';
import type { Stopped } from './stop.ts';

/** How a shell ended: `code` when it exited, `signal` when it was killed. */
export interface ShellEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly afterMs: number;
}

/** All that can end an open terminal, as seen at one look. */
export interface Seen {
  readonly closed: boolean;
  readonly shell: ShellEnd | undefined;
  readonly session: SessionSeen;
  /** Milliseconds for which `session.json` has been missing. */
  readonly missingMs: number;
  readonly leftMs: number;
  readonly deadline: Date;
}

export interface Ending {
  readonly by: Exclude<Extract<LauncherFile['state'], { is: 'over' }>['by'], 'refused'>;
  /** What is said if nothing newer can be read. */
  readonly lines: readonly string[];
  /** Whether the screen is held for reading; otherwise the terminal closes. */
  readonly hold: boolean;
}

/** A file that is replaced can be missing for a moment where the system cannot rename over it. */
export const missingForGoodMs = 250;
const atOnceMs = 2000;

/**
 * What ends the terminal now, if anything does. The person's own act comes first: a terminal that was closed has
 * nobody to read, and a shell that was left wants no text.
 */
export function endOf(seen: Seen): Ending | undefined {
  if (seen.closed) return { by: 'terminal', lines: [], hold: false };
  const session = typeof seen.session === 'object' ? seen.session : undefined;
  if (session?.state.is === 'over') return { by: 'session', lines: linesOf(session.state), hold: true };
  if (seen.leftMs <= 0) return { by: 'deadline', lines: [endedAsPlanned(seen.deadline)], hold: true };
  if (seen.shell) return shellEnding(seen.shell);
  if (seen.missingMs >= missingForGoodMs)
    return { by: 'folder', lines: ['Ended: the credential of this terminal was removed.'], hold: true };
  return undefined;
}

function shellEnding({ code, signal, afterMs }: ShellEnd): Ending {
  if (signal !== null)
    return { by: 'shell', lines: [`Ended: the shell was stopped by ${signal}.`], hold: true };
  if (code !== 0 && afterMs < atOnceMs)
    return {
      by: 'shell',
      lines: [
        `Ended: your shell stopped as soon as it started (exit code ${code ?? 'unknown'}).`,
        'Look at its start-up files, or choose another default shell in VS Code, and open a new terminal.',
      ],
      hold: true,
    };
  return { by: 'shell', lines: [], hold: false };
}

/** The lines of a session that is over; one that says nothing has ended, which is said. */
export function linesOf(over: Extract<SessionFile['state'], { is: 'over' }>): readonly string[] {
  return over.lines.length > 0 ? over.lines : ['Ended.'];
}

/** The lines with what was stopped added to the first of them: " Stopped here: psql, watch." */
export function withStopped(lines: readonly string[], { stopped, remaining }: Stopped): string[] {
  const said = [
    stopped.length > 0 ? ` Stopped here: ${listed(stopped)}.` : '',
    remaining.length > 0 ? ` Could not be stopped (not yours to stop): ${listed(remaining)}.` : '',
  ].join('');
  const [first = 'Ended.', ...more] = lines;
  return [first + said, ...more];
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 6);
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '');
}
