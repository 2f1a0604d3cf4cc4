import { spawnSync } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import type { Process } from './processes.ts';

/** What the launcher knows of its own terminal. */
export interface Origin {
  readonly launcher: number;
  readonly shell: number;
  /** Another launcher, which was killed, and whose terminal is meant. */
  readonly killed?: number;
}

/**
 * Of all processes, those that were started in this terminal: the shell, whatever is in the launcher's session or
 * carries the mark or is in the terminal's control group, whatever left the session but not the terminal, and all descendants of these. Never the launcher,
 * what it descends from, or its own errands (its children apart from the shell). A zombie is dead already.
 */
export function startedHere(table: readonly Process[], { launcher, shell, killed }: Origin): Process[] {
  const byPid = new Map(table.map((process) => [process.pid, process]));
  const spared = new Set<number>([0, 1]);
  for (let pid = launcher; !spared.has(pid); pid = byPid.get(pid)?.parent ?? 0) spared.add(pid);
  // A session is named by its leader's process id: where the launcher leads none, none is this terminal's alone.
  const leads = byPid.get(launcher)?.session === launcher;
  // The id of a session is not given out again while a process is in it: one whose leader is alive is another's.
  const orphaned = killed !== undefined && !byPid.has(killed) ? killed : undefined;

  const found = new Map<number, boolean>();
  const isOurs = (process: Process): boolean => {
    const known = found.get(process.pid);
    if (known !== undefined) return known;
    if (spared.has(process.pid)) return false;
    // Only while it is our child is the shell's process id its own; once that is reaped, anybody may get it.
    if (process.parent === launcher) return process.pid === shell;
    // Set first: a table that was not read at one instant can hold a circle.
    const inSession = process.session === orphaned || (leads && process.session === launcher);
    found.set(process.pid, process.marked || process.attached || inSession);
    const parent = byPid.get(process.parent);
    const ours = found.get(process.pid) === true || (parent !== undefined && isOurs(parent));
    found.set(process.pid, ours);
    return ours;
  };
  return table.filter((process) => !process.zombie && isOurs(process));
}

export interface Stopped {
  /** Names of the programs that ran, the shell itself not among them; each once, oldest first. */
  readonly stopped: string[];
  /** Names of those that could not be stopped (another user's). */
  readonly remaining: string[];
}

const look = 20;
const toHangUp = 300;
const toTerminate = 500;
const toGiveUp = 10_000;

/**
 * Stops everything that was started in the terminal. The shell is hung up first, so that it can write its history and
 * does not see its jobs die one by one; the rest is then hung up and asked to terminate (editors save what they hold);
 * what is left is frozen and then killed, until two looks find nothing. Frozen processes fork no more and keep their
 * places among the user's processes, so that even what forks without end comes to an end.
 * @param here the processes started here that run now
 */
export async function stopAll(here: () => readonly Process[], shell: number): Promise<Stopped> {
  const names = new Map<number, string>();
  const untouchable = new Set<number>();
  const left = (): readonly Process[] => {
    const found = here().filter(({ pid }) => !untouchable.has(pid));
    for (const { pid, name } of found) if (pid !== shell && !names.has(pid)) names.set(pid, spoken(name));
    return found;
  };
  const send = (pids: readonly number[], ...signals: NodeJS.Signals[]): void => {
    for (const pid of pids) for (const signal of signals) if (!signalled(pid, signal)) untouchable.add(pid);
  };
  /** Whether nothing is left within so many milliseconds. */
  const gone = async (ms: number, among: (process: Process) => boolean = () => true): Promise<boolean> => {
    for (const until = Date.now() + ms; ;) {
      if (!left().some(among)) return true;
      if (Date.now() >= until) return false;
      await wait(look);
    }
  };

  const isShell = ({ pid }: Process): boolean => pid === shell;
  if (left().some(isShell)) {
    // A stopped process takes no signal but SIGCONT and SIGKILL.
    send([shell], 'SIGHUP', 'SIGCONT');
    await gone(toHangUp, isShell);
  }
  for (const [signal, ms] of [
    ['SIGHUP', toHangUp],
    ['SIGTERM', toTerminate],
  ] as const) {
    const rest = left().filter((process) => signal === 'SIGTERM' || !isShell(process));
    send(pidsOf(rest), signal, 'SIGCONT');
    if (await gone(ms)) break;
  }
  for (const until = Date.now() + toGiveUp; Date.now() < until;) {
    if (left().length === 0) {
      await wait(look);
      if (left().length === 0) break;
    }
    const frozen = new Set<number>();
    for (
      let fresh = left();
      fresh.length > 0 && Date.now() < until;
      fresh = left().filter(({ pid }) => !frozen.has(pid))
    ) {
      send(pidsOf(fresh), 'SIGSTOP');
      for (const { pid } of fresh) frozen.add(pid);
    }
    send([...frozen], 'SIGKILL');
    await wait(look);
  }
  const remaining = new Set(
    here().map(({ pid, name }) => (pid === shell ? name : (names.get(pid) ?? spoken(name)))),
  );
  return {
    stopped: [...new Set(names.values())].filter((name) => !remaining.has(name)),
    remaining: [...remaining],
  };
}

function pidsOf(found: readonly Process[]): number[] {
  return found.map(({ pid }) => pid);
}

/** False where this process may not signal that one; a process that is gone needs no signal. */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EPERM';
  }
}

/** A program's name as people know it: `tmux: server` is tmux, `-zsh` a login zsh. */
function spoken(name: string): string {
  return name.replace(/^-/, '').replace(/:.*$/, '') || name;
}

/** On Windows a tree of processes is all there is to go by. Untested. */
export function stopTree(shell: number): Stopped {
  spawnSync('taskkill', ['/PID', String(shell), '/T', '/F'], {
    stdio: 'ignore',
    windowsHide: true,
    timeout: 10_000,
  });
  return { stopped: [], remaining: [] };
}
