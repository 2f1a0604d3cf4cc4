import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { Order, Told } from './hook.ts';
import type { Moment } from './schedule.ts';

/** How soon it is started again when it ended, in ms, as a service manager does. */
const startAgainMs = 200;

export interface BrokerParts {
  /** The shipped program, and what is loaded before it. */
  readonly program: string;
  readonly hook: string;
  readonly configuration: string;
}

/** A broker as it is shipped, in a process of its own, started again whenever it ends. */
export class BrokerProcess {
  readonly #parts: BrokerParts;
  #child: ChildProcess | undefined;
  #running: Promise<void> = Promise.resolve();
  #over = false;
  #listens = false;
  #isPaused = false;
  #clockByMs = 0;
  #forgotten: () => void = () => undefined;
  readonly #underWay = new Map<string, number>();
  /** Since when it listens without being stopped, on this process's monotonic clock; Infinity: it does not. */
  wellSince = Infinity;
  /** The last lines of its log. */
  readonly log: string[] = [];
  starts = 0;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#keepRunning();
  }

  get listens(): boolean {
    return this.#listens && !this.#isPaused;
  }

  /** Names of the steps that have begun and are not over. */
  get stepsUnderWay(): readonly string[] {
    return [...this.#underWay.keys()];
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /**
   * Kills or stops it at a moment of its own work.
   * @returns whether that came within `withinMs`
   */
  async strikeAt(at: Moment, signal: 'SIGKILL' | 'SIGSTOP', withinMs: number): Promise<boolean> {
    const child = this.#child;
    if (!child || !this.listens) return false;
    const forgotten = new Promise<void>((resolve) => (this.#forgotten = resolve));
    this.#order({ at, signal });
    const struck = signal === 'SIGKILL' ? this.#dies(child) : stops(child);
    let done = await Promise.race([struck, pause(withinMs, false)]);
    if (!done) {
      this.#order({ forget: true });
      // It may come until it is called off.
      done = await Promise.race([struck, forgotten.then(() => false)]);
    }
    if (done && signal === 'SIGSTOP') this.#paused(true);
    return done;
  }

  goOn(): void {
    this.#child?.kill('SIGCONT');
    this.#paused(false);
  }

  /** Sets the clock of its machine off the true time; it stays so when the broker is started again. */
  setClock(byMs: number): void {
    this.#clockByMs = byMs;
    this.#order({ clockByMs: byMs });
  }

  async stop(): Promise<void> {
    this.#over = true;
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGKILL');
    await this.#running;
  }

  async #dies(child: ChildProcess): Promise<boolean> {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.signalCode === 'SIGKILL';
  }

  #paused(now: boolean): void {
    this.#isPaused = now;
    this.wellSince = this.listens ? performance.now() : Infinity;
  }

  #order(order: Order): void {
    if (this.#child?.connected) this.#child.send(order, () => undefined);
  }

  async #keepRunning(): Promise<void> {
    while (!this.#over) {
      await this.#run();
      await pause(startAgainMs);
    }
  }

  async #run(): Promise<void> {
    const { program, hook, configuration } = this.#parts;
    this.starts += 1;
    const child = spawn(process.execPath, ['--import', hook, program, 'serve', '--config', configuration], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, DAYPASS_TEST_CLOCK_BY_MS: String(this.#clockByMs) },
    });
    this.#child = child;
    child.on('error', () => undefined);
    child.on('message', (told: Told) => this.#hear(told));
    for (const stream of [child.stdout, child.stderr])
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#read(line));
    await once(child, 'exit');
    this.#listens = false;
    this.#underWay.clear();
    this.#paused(false);
  }

  #hear(told: Told): void {
    if ('heard' in told) {
      if ('forget' in told.heard) this.#forgotten();
      return;
    }
    const now = (this.#underWay.get(told.name) ?? 0) + (told.is === 'begun' ? 1 : -1);
    if (now > 0) this.#underWay.set(told.name, now);
    else this.#underWay.delete(told.name);
  }

  #read(line: string): void {
    if (line.includes('Daypass listens at')) {
      this.#listens = true;
      this.#paused(this.#isPaused);
    }
    if (line.includes('"answered"')) return;
    this.log.push(line);
    if (this.log.length > 200) this.log.shift();
  }
}

/** Resolves when the process is stopped, or gone. */
async function stops({ pid = 0 }: ChildProcess): Promise<boolean> {
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (stat === '') return false;
    // The state follows the program's name, which stands in brackets.
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')) return true;
    await pause(20);
  }
}
