import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { StepName } from '../../../src/broker/step.ts';
import { shippedProgram } from '../../broker/support/shipped-broker.ts';
import type { Order, Told } from '../hook.ts';

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The broker as it is shipped, in a process of its own, which tells its steps and can be told after which to die. */
export class BrokerProgram {
  readonly #child: ChildProcess;
  readonly #log: string[] = [];
  readonly #steps: StepName[] = [];
  readonly ended: Promise<Ending>;
  /** True as soon as it can be called; false where it ended before. */
  readonly listens: Promise<boolean>;

  /**
   * @param hook what `compiledHook` wrote
   * @param dieAfter the step after which it dies, from its start on
   */
  constructor(hook: string, configuration: string, dieAfter?: StepName) {
    const first = dieAfter ? { DAYPASS_TEST_ORDER: JSON.stringify(deathAfter(dieAfter)) } : {};
    this.#child = spawn(
      process.execPath,
      ['--import', hook, shippedProgram, 'serve', '--config', configuration],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...process.env, ...first },
      },
    );
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
    });
    const { stdout, stderr } = this.#child;
    const listens = new Promise<true>((resolve) => {
      for (const stream of [stdout, stderr])
        if (stream)
          createInterface({ input: stream }).on('line', (line) => {
            this.#log.push(line);
            if (line.includes('Daypass listens at')) resolve(true);
          });
    });
    this.listens = Promise.race([listens, this.ended.then(() => false)]);
    this.#child.on('message', (told: Told) => {
      if ('is' in told && told.is === 'done') this.#steps.push(told.name);
    });
    // What is sent to it while it dies.
    this.#child.on('error', () => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it has done so far, in order. */
  get steps(): readonly StepName[] {
    return this.#steps;
  }

  /** The last lines that it logged. */
  get lastWords(): string {
    return this.#log.slice(-20).join('\n');
  }

  /** Resolves when it knows. */
  async dieAfter(step: StepName | null): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      const hear = (told: Told) => {
        if (!('heard' in told)) return;
        this.#child.off('message', hear);
        resolve();
      };
      this.#child.on('message', hear);
    });
    if (this.#child.connected) this.#child.send(step ? deathAfter(step) : ({ forget: true } satisfies Order));
    await Promise.race([heard, this.ended]);
  }

  /** Ends it as a service manager does; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.ended;
  }
}

const deathAfter = (step: StepName): Order => ({ at: { step, is: 'done' }, signal: 'SIGKILL' });
