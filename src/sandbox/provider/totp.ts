import { createHmac } from 'node:crypto';

/** How long a code is shown, in seconds (RFC 6238 section 5.2). */
export const stepSeconds = 30;

/** The time step that a moment lies in: the counter of RFC 6238 section 4.2, from the Unix epoch on. */
export function stepAt(now: Date): number {
  return Math.floor(now.getTime() / 1000 / stepSeconds);
}

/** The code of a time step, with HMAC-SHA-1 (RFC 4226 section 5.3, RFC 6238 section 4). */
export function codeOf(key: Uint8Array, step: number, digits = 6): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}
