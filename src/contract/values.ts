import * as z from 'zod';

/** A point in time, RFC 3339 in UTC, e.g. `2026-03-01T02:14:00.000Z`. */
export const Instant = z.iso.datetime({ offset: false }).meta({ id: 'Instant' });

/** Identifier of one of our resources. */
export const Id = z.uuid().meta({ id: 'Id' });

/** SHA-256, lower-case hexadecimal. */
export const Digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ id: 'Digest' });

const isoDuration = /^PT(?=\d)(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?$/;

/** A duration in ISO 8601 with hours, minutes and seconds only, e.g. `PT30M`; longer than nothing, at most a week. */
export const Duration = z
  .string()
  .regex(isoDuration, 'Write a duration like PT30M or PT1H.')
  .refine((text) => {
    const s = secondsOf(text);
    return s >= 1 && s <= 7 * 24 * 3600;
  }, 'A duration lies between one second and a week.')
  .meta({ id: 'Duration', examples: ['PT30M'] });

/** Seconds in an ISO 8601 duration; NaN if it is none. */
export function secondsOf(duration: string): number {
  const match = isoDuration.exec(duration);
  if (!match) return Number.NaN;
  const [, h, m, s] = match;
  return Number(h ?? 0) * 3600 + Number(m ?? 0) * 60 + Number(s ?? 0);
}

/** The ISO 8601 duration of a whole number of seconds, shortest form: 5400 → `PT1H30M`. */
export function durationOf(seconds: number): string {
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = Math.floor(seconds % 60);
  return `PT${h ? `${h}H` : ''}${m ? `${m}M` : ''}${s || (!h && !m) ? `${s}S` : ''}`;
}

/** What people read: `30 min`, `1 h`, `1 h 30 min`, `45 s`. */
export function spokenDuration(duration: string): string {
  const total = secondsOf(duration);
  const h = Math.floor(total / 3600);
  const m = Math.floor((total % 3600) / 60);
  const s = total % 60;
  return [h ? `${h} h` : '', m ? `${m} min` : '', s ? `${s} s` : ''].filter(Boolean).join(' ');
}

// Control characters, line and paragraph separators, and whatever reorders or hides text (Unicode TR36, TR9).
const treacherous =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/u;

/** Whether a text holds characters that could mislead its reader or a log: control, bidirectional, invisible. */
export function misleads(text: string): boolean {
  return treacherous.test(text);
}

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
