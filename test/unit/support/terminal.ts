import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * A program in a real pseudo-terminal of its own, whose session it leads, as VS Code starts the process of a terminal.
 * The terminal is that of `script` (util-linux), which every Debian has.
 */
export class Terminal {
  readonly #script: ChildProcessWithoutNullStreams;
  #output = '';
  /** Process id of the program. */
  pid = 0;

  private constructor(script: ChildProcessWithoutNullStreams) {
    this.#script = script;
    script.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    // A program that has gone reads no more.
    script.stdin.on('error', () => undefined);
  }

  static async open(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Terminal> {
    const command = ['stty rows 30 cols 100; exec', program, ...args].map((part, i) =>
      i ? quoted(part) : part,
    );
    const script = spawn('script', ['-qfec', command.join(' '), '/dev/null'], {
      env: { ...env, SHELL: '/bin/sh' },
    });
    const terminal = new Terminal(script);
    terminal.pid = await eventually(() => childrenOf(script.pid ?? 0)[0]);
    return terminal;
  }

  /** All that was written to the terminal, escape sequences included. */
  get output(): string {
    return this.#output;
  }

  /** What was written since `mark` (a length of `output`), without escape sequences. */
  text(mark = 0): string {
    return plain(this.#output.slice(mark));
  }

  type(keys: string): void {
    this.#script.stdin.write(keys);
  }

  /** Resolves with the match once the text since `mark` matches. */
  async see(pattern: RegExp, mark = 0, ms = 10_000): Promise<RegExpExecArray> {
    try {
      return await eventually(() => pattern.exec(this.text(mark)) ?? undefined, ms);
    } catch {
      throw new Error(`Not seen: ${String(pattern)}. The terminal says:\n${this.text(mark)}`);
    }
  }

  get ended(): boolean {
    return this.#script.exitCode !== null || this.#script.signalCode !== null;
  }

  /** The exit code of the program, once it has ended. */
  async exitCode(ms = 20_000): Promise<number | null> {
    await eventually(() => this.ended || undefined, ms);
    return this.#script.exitCode;
  }

  /** Takes the terminal away, as when its window is closed: the kernel hangs up. */
  close(): void {
    this.#script.kill('SIGKILL');
  }
}

/** Text without escape sequences (CSI, OSC, charset, cursor) and carriage returns. */
export function plain(text: string): string {
  return text
    .replace(/\x1b\][^\x07\x1b]*(\x07|\x1b\\)/g, '')
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]/g, '')
    .replace(/\x1b[()][0-9A-B]|\x1b[78=>]|[\r\x0f]/g, '');
}

function quoted(part: string): string {
  return `'${part.replaceAll("'", `'\\''`)}'`;
}

/** The first answer of `ask` that is not undefined, asked again until then; fails when it takes too long. */
export async function eventually<T>(ask: () => T | undefined, ms = 10_000): Promise<T> {
  const until = Date.now() + ms;
  for (;;) {
    const answer = ask();
    if (answer !== undefined) return answer;
    if (Date.now() > until) throw new Error(`Not within ${ms} ms.`);
    await wait(15);
  }
}

/** Process ids whose parent is this one. */
export function childrenOf(pid: number): number[] {
  return running()
    .filter((one) => one.parent === pid)
    .map((one) => one.pid);
}

/** Live processes whose command line contains a text; zombies are not among them. */
export function running(commandLine = ''): { pid: number; parent: number; command: string }[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return state !== 'Z' && command.includes(commandLine)
        ? [{ pid: Number(entry), parent: Number(parent), command }]
        : [];
    } catch {
      return [];
    }
  });
}
