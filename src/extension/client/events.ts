import type { Secret } from '../../contract/secret.ts';
import type { StreamEvent } from '../../contract/events.ts';
import type { Clock } from '../state/clock.ts';
import type { Disposable } from '../state/event.ts';
import { hostOf } from './address.ts';
import { SignedOut, Unreachable } from './call.ts';
import type { Access } from './proof.ts';
import { followOnce } from './stream.ts';
import type { Caller, TokenSource } from './tokens.ts';

export interface EventsParts {
  readonly caller: Caller;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly onEvent: (event: StreamEvent) => void;
  /** A stream has opened. `missedSome`: it could not be told where the last one stood, so read everything again. */
  readonly onConnected: (missedSome: boolean) => void;
  /** An attempt to connect failed, in words for people. Called at each. */
  readonly onDisconnected: (why: string) => void;
  /** The sign-in is at its end; the stream stays closed. */
  readonly onSignedOut: () => void;
  readonly pauses?: { readonly firstMs: number; readonly longestMs: number };
  readonly silenceMs?: number;
}

/**
 * The event stream for as long as somebody is signed in: opened again whenever it ends, from where it stood, with the
 * next token when the last one is at its end. Between failing attempts it waits, longer each time, and never the same
 * as other windows.
 */
export class Events implements Disposable {
  readonly #parts: EventsParts;
  readonly #stop = new AbortController();
  #lastEventId: string | undefined;
  #failures = 0;
  #wake: (() => void) | undefined;

  constructor(parts: EventsParts) {
    this.#parts = parts;
    void this.#run();
  }

  /** Tries again at once if it is waiting to: the machine woke up, or somebody came back to the window. */
  hurry(): void {
    this.#wake?.();
  }

  dispose(): void {
    this.#stop.abort();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    let refused: Secret | undefined;
    while (!this.#stopped()) {
      try {
        const access = await this.#parts.tokens.access(this.#parts.caller, refused);
        if (this.#stopped()) return;
        const ending = await this.#follow(access);
        if (ending === 'aborted') return;
        // A new token that is refused as well: waiting is all that is left, the calls will say why.
        if (ending === 'refused token' && refused)
          throw new Unreachable(
            `${hostOf(this.#parts.caller.broker)} refuses your sign-in. Sign out, then sign in again.`,
          );
        refused = ending === 'closed' ? undefined : access.token;
        if (ending === 'closed') await this.#pause();
      } catch (error) {
        refused = undefined;
        if (error instanceof SignedOut) {
          if (!this.#stopped()) this.#parts.onSignedOut();
          return;
        }
        if (this.#stopped()) return;
        this.#parts.onDisconnected(error instanceof Error ? error.message : String(error));
        await this.#pause(error instanceof Unreachable ? error.retryAfterSeconds : undefined);
      }
    }
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  #follow(access: Access) {
    const resumed = this.#lastEventId !== undefined;
    return followOnce({
      broker: this.#parts.caller.broker,
      access,
      lastEventId: this.#lastEventId,
      signal: this.#stop.signal,
      clock: this.#parts.clock,
      onOpen: () => {
        if (!this.#stopped()) this.#parts.onConnected(!resumed);
      },
      onEvent: (event, id) => {
        if (this.#stopped()) return;
        // Only a stream that has said something has proved to be worth a quick next attempt.
        this.#failures = 0;
        if (id !== undefined) this.#lastEventId = id;
        if (event.type === 'reset') this.#lastEventId = id;
        this.#parts.onEvent(event);
      },
      ...(this.#parts.silenceMs === undefined ? {} : { silenceMs: this.#parts.silenceMs }),
    });
  }

  /** @param askedSeconds for how long the broker asked to be left alone; believed up to two minutes */
  async #pause(askedSeconds = 0): Promise<void> {
    const { firstMs, longestMs } = this.#parts.pauses ?? { firstMs: 500, longestMs: 30_000 };
    const bound = Math.min(longestMs, firstMs * 2 ** this.#failures++);
    const askedMs = Math.min(askedSeconds, 120) * 1000;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, askedMs + bound / 2 + (Math.random() * bound) / 2);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopped()) this.#wake();
    });
    this.#wake = undefined;
  }
}
