import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Turns a position in the sequence into an event id and back. */
export interface EventIds {
  encode(position: number): string;
  /** Undefined where the id is none of ours. */
  decode(id: string): number | undefined;
}

const positionBytes = 6;
const saltBytes = 4;
const known = Buffer.alloc(16 - positionBytes - saltBytes);

/**
 * Ids that tell their reader nothing: one block of AES with the position, a few random bytes, so that two ids of one
 * position differ, and bytes of a known value, by which a made-up id is known. Whoever collects ids cannot tell how
 * much others do. An id opens nothing: what is replayed after it is authorised event by event.
 * @param key 16 bytes, the same on every broker of an installation
 */
export function eventIds(key: Buffer): EventIds {
  return {
    encode(position) {
      const block = Buffer.concat([Buffer.alloc(positionBytes), randomBytes(saltBytes), known]);
      block.writeUIntBE(position, 0, positionBytes);
      // A single block needs no mode; ECB is the name for that.
      const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
      return Buffer.concat([cipher.update(block), cipher.final()]).toString('base64url');
    },
    decode(id) {
      if (!/^[A-Za-z0-9_-]{22}$/.test(id)) return undefined;
      const decipher = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false);
      const block = Buffer.concat([decipher.update(Buffer.from(id, 'base64url')), decipher.final()]);
      if (!block.subarray(positionBytes + saltBytes).equals(known)) return undefined;
      return block.readUIntBE(0, positionBytes);
    },
  };
}
