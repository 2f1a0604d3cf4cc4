import * as z from 'zod';
import { isoDuration, secondsOf } from './durations.ts';
import { misleads } from './plain-text.ts';

export { durationOf, secondsOf, spokenDuration } from './durations.ts';
export { misleads } from './plain-text.ts';

/** A point in time, RFC 3339 in UTC, e.g. `2026-03-01T02:14:00.000Z`. */
export const Instant = z.iso.datetime({ offset: false }).meta({ id: 'Instant' });

/** Identifier of one of our resources; capitals are the same letters (RFC 9562 section 4). */
export const Id = z.uuid().toLowerCase().meta({ id: 'Id' });

/** SHA-256, lower-case hexadecimal. */
export const Digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ id: 'Digest' });

/** A duration in ISO 8601 with hours, minutes and seconds only, e.g. `PT30M`; longer than nothing, at most a week. */
export const Duration = z
  .string()
  .regex(isoDuration, 'Write a duration like PT30M or PT1H.')
  .refine((text) => {
    const s = secondsOf(text);
    return s >= 1 && s <= 7 * 24 * 3600;
  }, 'A duration lies between one second and a week.')
  .meta({ id: 'Duration', examples: ['PT30M'] });

/** Text that one person writes and others read: trimmed, one line, nothing invisible or reordering. */
export function plainText(limits: { min: number; max: number }) {
  return z
    .string()
    .refine(
      (text) => !misleads(text),
      'Plain text on one line, please: no line breaks, control or invisible characters.',
    )
    .trim()
    .min(limits.min)
    .max(limits.max);
}
