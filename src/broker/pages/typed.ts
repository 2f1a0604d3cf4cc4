import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import * as z from 'zod';
import type { Macs } from '../integrity/macs.ts';
import type { Fields } from './forms.ts';

/** What somebody typed before they were led through a sign-in, to find it again when they come back. */
export interface Typed {
  readonly action: string;
  readonly given: Fields;
}

/** For whom and where it is shown again. */
export interface Place {
  readonly personId: string;
  readonly requestId: string;
}

const Kept = z.tuple([z.string(), z.record(z.string(), z.string())]);

const cipher = 'aes-256-gcm';
const [nonceBytes, tagBytes] = [12, 16];
/** Browsers keep cookies of up to 4096 bytes (RFC 6265, section 6.1). */
const longest = 3_500;
const worthKeeping = ['comment', 'text', 'duration'];

/**
 * As the browser keeps it: under a key of the broker's own for this person and this request, so that nobody reads it there
 * and nobody else who signs in on this phone is shown it. Undefined where there is nothing to keep.
 */
export function seal(macs: Macs, place: Place, { action, given }: Typed): string | undefined {
  const words = Object.entries(given).filter(([name]) => worthKeeping.includes(name));
  if (words.length === 0) return undefined;
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, keyFor(macs, place), nonce);
  const text = JSON.stringify([action, Object.fromEntries(words)]);
  const sealed = Buffer.concat([nonce, sealing.update(text), sealing.final(), sealing.getAuthTag()]);
  const written = sealed.toString('base64url');
  return written.length > longest ? undefined : written;
}

/** Undefined for whatever was not sealed here, for them. */
export function unseal(macs: Macs, place: Place, written: string | undefined): Typed | undefined {
  const sealed = Buffer.from(written ?? '', 'base64url');
  if (sealed.length <= nonceBytes + tagBytes) return undefined;
  const opening = createDecipheriv(cipher, keyFor(macs, place), sealed.subarray(0, nonceBytes));
  opening.setAuthTag(sealed.subarray(-tagBytes));
  try {
    const text = Buffer.concat([opening.update(sealed.subarray(nonceBytes, -tagBytes)), opening.final()]);
    const [action, given] = Kept.parse(JSON.parse(text.toString()));
    return { action, given };
  } catch {
    return undefined;
  }
}

function keyFor(macs: Macs, { personId, requestId }: Place): Buffer {
  const secret = macs.of('page typed', { person: personId, request: requestId });
  return createHash('sha256').update(secret).digest();
}
