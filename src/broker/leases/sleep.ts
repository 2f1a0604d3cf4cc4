/** How often a sleep looks at the clocks. */
const glanceEveryMs = 1_000;
const jumpMs = 500;

export interface SleepParts {
  /** The clock that ends are told on, in ms; it may be corrected at any time. */
  readonly now: () => number;
  /** The time has come. */
  readonly onTime: () => void;
  /** The machine slept or its clock was set: `now` may be wrong by much. The sleep goes on. */
  readonly onJump: () => void;
}

/**
 * Timers only wake us to look: they stop while a machine sleeps, and can be early by a millisecond. A jump between the
 * machine's two clocks means that it slept or was set.
 */
export class Sleep {
  readonly #parts: SleepParts;
  #timer: NodeJS.Timeout | undefined;
  #end = Infinity;
  #over = false;

  constructor(parts: SleepParts) {
    this.#parts = parts;
  }

  /** Sleeps until then; a sleep before it is forgotten. */
  until(end: number): void {
    clearTimeout(this.#timer);
    if (this.#over) return;
    this.#end = end;
    const { now, onTime, onJump } = this.#parts;
    const before = apart();
    const glance = () => {
      const waitMs = Math.min(Math.max(end - now(), 0), glanceEveryMs);
      this.#timer = setTimeout(() => {
        if (Math.abs(apart() - before) > jumpMs) {
          this.until(end);
          onJump();
        } else if (now() < end) glance();
        else onTime();
      }, Math.ceil(waitMs));
    };
    glance();
  }

  /** Sleeps no longer than until then. */
  atMostUntil(end: number): void {
    if (end < this.#end) this.until(end);
  }

  /** For good. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

const apart = () => Date.now() - performance.now();
