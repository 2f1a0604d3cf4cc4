import type { Disposable, Event } from '../state/event.ts';
import type { Notice } from './notices.ts';

export interface Window {
  readonly focused: boolean;
  readonly onDidChangeFocus: Event<unknown>;
  show(notice: Notice): void;
}

/** How long a window without the focus lets one that has it go first. */
const courtesyMs = 700;

/**
 * Tells each notice once, in one window: at once in the one that has the focus; if none has, in the first that claims
 * it, where the notice allows that. What a person was not told because they were elsewhere is told when they are back,
 * if it still holds.
 */
export class Notifier implements Disposable {
  readonly #window: Window;
  readonly #claim: (id: string) => Promise<boolean>;
  readonly #notices: () => readonly Notice[];
  readonly #courtesyMs: number;
  readonly #settled = new Set<string>();
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  readonly #focus: Disposable;

  constructor(
    window: Window,
    claim: (id: string) => Promise<boolean>,
    notices: () => readonly Notice[],
    courtesy = courtesyMs,
  ) {
    this.#window = window;
    this.#claim = claim;
    this.#notices = notices;
    this.#courtesyMs = courtesy;
    this.#focus = window.onDidChangeFocus(() => this.look());
  }

  /** Something may have changed. */
  look(): void {
    for (const { id, where } of this.#notices()) {
      if (this.#settled.has(id)) continue;
      if (this.#window.focused) void this.#tell(id);
      else if (where === 'anywhere' && !this.#waiting.has(id))
        this.#waiting.set(
          id,
          setTimeout(() => {
            this.#waiting.delete(id);
            void this.#tell(id);
          }, this.#courtesyMs),
        );
    }
  }

  async #tell(id: string): Promise<void> {
    if (this.#settled.has(id)) return;
    this.#settled.add(id);
    clearTimeout(this.#waiting.get(id));
    this.#waiting.delete(id);
    if (!(await this.#claim(id))) return;
    // It may have been answered or passed while the claim was made.
    const notice = this.#notices().find((one) => one.id === id);
    if (notice) this.#window.show(notice);
  }

  dispose(): void {
    this.#focus.dispose();
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
