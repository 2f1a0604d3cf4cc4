/** Follows one connection of PostgreSQL's protocol (version 3, in clear) far enough to know whether an answer is owed. */
export class Answers {
  #awaited = false;
  /** Of the message that is under way: what is left of it, or its header as far as it has come. */
  #left = 0;
  #header = Buffer.alloc(0);

  /** Whether the server has not said that it is ready for the next question. */
  get awaited(): boolean {
    return this.#awaited;
  }

  asked(): void {
    this.#awaited = true;
  }

  heard(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const part = Math.min(this.#left, bytes.length - at);
        this.#left -= part;
        at += part;
        continue;
      }
      const missing = headerBytes - this.#header.length;
      this.#header = Buffer.concat([this.#header, bytes.subarray(at, at + missing)]);
      at += missing;
      if (this.#header.length < headerBytes) return;
      if (this.#header[0] === readyForQuery) this.#awaited = false;
      // The length counts itself.
      this.#left = this.#header.readInt32BE(1) - 4;
      this.#header = Buffer.alloc(0);
    }
  }
}

const headerBytes = 5;
const readyForQuery = 'Z'.charCodeAt(0);
