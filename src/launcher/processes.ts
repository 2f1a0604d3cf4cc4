import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, type Stats } from 'node:fs';
import { isatty } from 'node:tty';
import { isInGroup } from './group.ts';
import { systemPath } from './screen.ts';

/** One process, as far as it matters to whether it was started in this terminal. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Process id of the session's leader; 0 where the system does not tell. */
  readonly session: number;
  readonly name: string;
  /** Dead, waiting for its parent to take note. */
  readonly zombie: boolean;
  /** Its environment holds this session's mark, or it is in this terminal's control group. */
  readonly marked: boolean;
  /** It left the terminal (no controlling one) but still writes to it or reads from it. */
  readonly attached: boolean;
}

/** The variable that every process of a production terminal inherits; its value is the lease's id. */
export const markName = 'DAYPASS_SESSION';

/** All processes now, with those marked that belong to this lease's terminal. */
export function processes(lease: string): Process[] {
  return process.platform === 'linux' ? fromProc(lease) : fromPs(`${markName}=${lease}`);
}

interface Stat {
  readonly parent: number;
  readonly session: number;
  readonly terminal: number;
  readonly name: string;
  readonly zombie: boolean;
}

/** `/proc/<pid>/stat`, proc(5). The name stands in parentheses and may hold any character, parentheses too. */
export function parseStat(text: string): Stat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const [state, parent, , session, terminal] = text.slice(close + 2).split(' ');
  return {
    name: text.slice(open + 1, close),
    zombie: state === 'Z' || state === 'X',
    parent: Number(parent),
    session: Number(session),
    terminal: Number(terminal),
  };
}

function fromProc(lease: string): Process[] {
  const terminal = ours();
  const found: Process[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = parseStat(readFileSync(`/proc/${entry}/stat`, 'utf8'));
      found.push({
        pid,
        ...stat,
        marked:
          !stat.zombie &&
          (isInGroup(readFileSync(`/proc/${entry}/cgroup`, 'utf8'), lease) ||
            holds(`/proc/${entry}/environ`, `${markName}=${lease}`)),
        attached: stat.terminal === 0 && terminal !== undefined && uses(entry, terminal),
      });
    } catch {
      // It ended while it was looked at.
    }
  }
  return found;
}

/** Whether a block of NUL-terminated entries holds exactly this one; another user's cannot be read and holds nothing. */
function holds(file: string, entry: string): boolean {
  try {
    return `\0${readFileSync(file, 'latin1')}`.includes(`\0${entry}\0`);
  } catch {
    return false;
  }
}

function ours(): Stats | undefined {
  return isatty(0) ? statSync('/proc/self/fd/0') : undefined;
}

function uses(pid: string, terminal: Stats): boolean {
  return [0, 1, 2].some((fd) => {
    try {
      const stats = statSync(`/proc/${pid}/fd/${fd}`);
      return stats.rdev === terminal.rdev && stats.ino === terminal.ino && stats.dev === terminal.dev;
    } catch {
      return false;
    }
  });
}

/**
 * The process table of `ps`, for systems without `/proc` (macOS; untested there). Its sessions are pointers, so a session
 * is told by the terminal: the launcher leads the one of its own.
 * @param table lines of process id, parent, state, terminal, program
 * @param environments lines of process id, command and environment
 */
export function parsePs(table: string, environments: string, mark: string, launcher: number): Process[] {
  const marked = new Set<number>();
  for (const line of environments.split('\n'))
    if (`${line} `.includes(` ${mark} `)) marked.add(parseInt(line, 10));
  const rows = table
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(.*)$/.exec(line))
    .filter((row) => row !== null)
    .map(([, pid, parent, state, terminal, program]) => ({
      pid: Number(pid),
      parent: Number(parent),
      zombie: state?.startsWith('Z') ?? false,
      terminal: terminal ?? '?',
      name: (program ?? '').split('/').at(-1)?.trim() ?? '',
    }));
  const own = rows.find((row) => row.pid === launcher)?.terminal;
  return rows.map(({ terminal, ...row }) => ({
    ...row,
    session: terminal === own && !/^[?-]+$/.test(terminal) ? launcher : 0,
    marked: marked.has(row.pid),
    attached: false,
  }));
}

function fromPs(mark: string): Process[] {
  const ps = (flags: string, ...columns: string[]): string => {
    const done = spawnSync('ps', [flags, ...columns.flatMap((column) => ['-o', `${column}=`])], {
      encoding: 'utf8',
      env: { PATH: systemPath },
      maxBuffer: 64 << 20,
      timeout: 5000,
    });
    // Without a `ps` there is no table, and no output either.
    return done.error ? '' : done.stdout;
  };
  return parsePs(
    ps('-ax', 'pid', 'ppid', 'state', 'tty', 'comm'),
    ps('-axEww', 'pid', 'command'),
    mark,
    process.pid,
  );
}
