import type { Socket } from 'node:net';

/** One direction of one connection: what comes while it is held waits in order, the end of the connection included. */
export class Way {
  readonly #to: Socket;
  readonly #waiting: Buffer[] = [];
  #holds = 0;
  #hasEnded = false;

  constructor(to: Socket) {
    this.#to = to;
  }

  pass(bytes: Buffer): void {
    if (this.#holds > 0) this.#waiting.push(bytes);
    else this.#to.write(bytes);
  }

  /** Whoever speaks is gone: so it is told, after all that was said. */
  end(): void {
    this.#hasEnded = true;
    if (this.#holds === 0) this.#to.end();
  }

  hold(): void {
    this.#holds += 1;
  }

  letGo(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    for (const bytes of this.#waiting.splice(0)) this.#to.write(bytes);
    if (this.#hasEnded) this.#to.end();
  }

  holdFor(ms: number): void {
    this.hold();
    setTimeout(() => this.letGo(), ms);
  }
}
