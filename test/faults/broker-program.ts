import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { StepName } from '../../src/broker/step.ts';
import { shippedProgram } from '../broker/support/shipped-broker.ts';
import type { BrokerLog } from './broker-log.ts';
import type { Order, Told } from './hook.ts';

export interface BrokerParts {
  /** What `compiledHook` wrote. */
  readonly hook: string;
  readonly configuration: string;
  /** Takes each line that it logs. */
  readonly log: BrokerLog;
}

/** What it finds when it starts. */
export interface Beginning {
  /** What it is told from its start on. */
  readonly order?: Order;
  /** How far the clock of its machine is off the true time. */
  readonly clockByMs?: number;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * One life of the broker as it is shipped, in a process of its own, which tells its steps and can be told at which of
 * them to die or to stop.
 */
export class BrokerProgram {
  readonly #child: ChildProcess;
  readonly #done = new Set<StepName>();
  readonly #underWay = new Map<StepName, number>();
  /** Who waits until it has heard an order; it hears them in the order in which they were given. */
  readonly #unheard: (() => void)[] = [];
  readonly ended: Promise<Ending>;
  /** True as soon as it can be called; false where it ended before. */
  readonly listens: Promise<boolean>;

  constructor({ hook, configuration, log }: BrokerParts, { order, clockByMs = 0 }: Beginning = {}) {
    this.#child = spawn(
      process.execPath,
      ['--import', hook, shippedProgram, 'serve', '--config', configuration],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: {
          ...process.env,
          // All that it can tell, secrets are looked for in.
          DAYPASS_LOG_LEVEL: 'trace',
          DAYPASS_TEST_CLOCK_BY_MS: String(clockByMs),
          ...(order ? { DAYPASS_TEST_ORDER: JSON.stringify(order) } : {}),
        },
      },
    );
    const life = log.newLife();
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#underWay.clear();
        life.course = code === 0 ? 'ended in order' : 'was cut off';
        resolve({ code, signal });
      });
    });
    const { stdout, stderr } = this.#child;
    const listens = new Promise<true>((resolve) => {
      for (const stream of [stdout, stderr])
        if (stream)
          createInterface({ input: stream }).on('line', (line) => {
            log.add(line, life);
            if (line.includes('Daypass listens at')) resolve(true);
          });
    });
    this.listens = Promise.race([listens, this.ended.then(() => false)]);
    this.#child.on('message', (told: Told) => this.#hear(told));
    // What is sent to it while it dies.
    this.#child.on('error', () => undefined);
  }

  /** Names of the steps that it has done so far, each once, in the order in which it first came to them. */
  get stepsDone(): readonly StepName[] {
    return [...this.#done];
  }

  /** Names of the steps that have begun and are not over. */
  get stepsUnderWay(): readonly StepName[] {
    return [...this.#underWay.keys()];
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves when it has heard it, or is gone. */
  async order(order: Order): Promise<void> {
    const heard = new Promise<void>((resolve) => this.#unheard.push(resolve));
    if (this.#child.connected) this.#child.send(order, () => undefined);
    await Promise.race([heard, this.ended]);
  }

  kill(signal: 'SIGKILL' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** Resolves when it is stopped, as by `SIGSTOP` (true), or when it is gone or nobody waits for that any more (false). */
  async stops(until: AbortSignal): Promise<boolean> {
    while (!until.aborted) {
      const stat = await readFile(`/proc/${this.#child.pid ?? 0}/stat`, 'utf8').catch(() => '');
      if (stat === '') return false;
      // The state follows the program's name, which stands in brackets.
      if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')) return true;
      await pause(20);
    }
    return false;
  }

  /** Ends it as a service manager does; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.ended;
  }

  #hear(told: Told): void {
    if ('heard' in told) {
      this.#unheard.shift()?.();
      return;
    }
    const { name, is } = told;
    if (is === 'done') this.#done.add(name);
    const now = (this.#underWay.get(name) ?? 0) + (is === 'begun' ? 1 : -1);
    if (now > 0) this.#underWay.set(name, now);
    else this.#underWay.delete(name);
  }
}
