import { setTimeout as pause } from 'node:timers/promises';
import type { BrokerLog } from './broker-log.ts';
import { BrokerProgram, type BrokerParts } from './broker-program.ts';
import type { Moment } from './schedule.ts';

/** How soon it is started again when it ended, in ms, as a service manager does. */
const startAgainMs = 200;

/** A broker as it is shipped, started again whenever it ends, that can be struck at any moment of its work. */
export class SupervisedBroker {
  readonly #parts: BrokerParts;
  #program: BrokerProgram | undefined;
  #running: Promise<void> = Promise.resolve();
  #over = false;
  #listens = false;
  #isPaused = false;
  #clockByMs = 0;
  /** Since when it listens without being stopped, on this process's monotonic clock; Infinity: it does not. */
  wellSince = Infinity;
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
    return this.#program?.stepsUnderWay ?? [];
  }

  get log(): BrokerLog {
    return this.#parts.log;
  }

  kill(): void {
    this.#program?.kill('SIGKILL');
  }

  /**
   * Kills or stops it at a moment of its own work.
   * @returns whether that came within `withinMs`
   */
  async strikeAt(at: Moment, signal: 'SIGKILL' | 'SIGSTOP', withinMs: number): Promise<boolean> {
    const program = this.#program;
    if (!program || !this.listens) return false;
    const calledOff = new AbortController();
    void program.order({ at, signal });
    const struck =
      signal === 'SIGKILL'
        ? program.ended.then((ending) => ending.signal === 'SIGKILL')
        : program.stops(calledOff.signal);
    let done = await Promise.race([struck, pause(withinMs, false)]);
    if (!done) {
      // It may come until it is called off.
      const forgotten = program.order({ forget: true }).then(() => (program.hasEnded ? struck : false));
      done = await Promise.race([struck, forgotten]);
    }
    calledOff.abort();
    if (done && signal === 'SIGSTOP') this.#paused(true);
    return done;
  }

  goOn(): void {
    this.#program?.kill('SIGCONT');
    this.#paused(false);
  }

  /** Sets the clock of its machine off the true time; it stays so when the broker is started again. */
  setClock(byMs: number): void {
    this.#clockByMs = byMs;
    void this.#program?.order({ clockByMs: byMs });
  }

  async stop(): Promise<void> {
    this.#over = true;
    this.#program?.kill('SIGCONT');
    this.#program?.kill('SIGKILL');
    await this.#running;
  }

  #paused(now: boolean): void {
    this.#isPaused = now;
    this.wellSince = this.listens ? performance.now() : Infinity;
  }

  async #keepRunning(): Promise<void> {
    while (!this.#over) {
      await this.#run();
      await pause(startAgainMs);
    }
  }

  async #run(): Promise<void> {
    this.starts += 1;
    const program = new BrokerProgram(this.#parts, { clockByMs: this.#clockByMs });
    this.#program = program;
    void program.listens.then((listens) => {
      if (!listens) return;
      this.#listens = true;
      this.#paused(this.#isPaused);
    });
    await program.ended;
    this.#listens = false;
    this.#paused(false);
  }
}
