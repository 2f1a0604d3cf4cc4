import { instantIn, isZone, wallTimeIn, wallTimeOf, shownMs, weekday } from '../rules/wall-time.ts';

const days = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/**
 * A moment as people say it: `Sunday 02:14`, the next one by the clock on the wall of a zone; `now`; or a time with its
 * offset, `2026-12-24T10:00+01:00`. Undefined: it is none of these.
 */
export function momentOf(text: string, zone: string, now: Date): Date | undefined {
  if (/^now$/i.test(text)) return now;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(text)) {
    const at = new Date(text);
    return Number.isNaN(at.getTime()) ? undefined : at;
  }
  const [, name = '', hour, minute] = /^([a-z]+) ([01]\d|2[0-3]):([0-5]\d)$/i.exec(text) ?? [];
  const index = days.findIndex((day) => day === name.toLowerCase() || day.slice(0, 3) === name.toLowerCase());
  if (index < 0 || !isZone(zone)) return undefined;
  const today = wallTimeIn(zone, now);
  for (let ahead = 0; ahead <= 7; ahead += 1) {
    const wall = wallTimeOf(shownMs({ ...today, hour: 12, minute: 0, second: 0 }) + ahead * 24 * 3600_000);
    if (weekday(wall) !== index + 1) continue;
    const at = instantIn(zone, { ...wall, hour: Number(hour), minute: Number(minute), second: 0 });
    if (at >= now) return at;
  }
  return undefined;
}

/** `Sunday 02:14` stands for every Sunday, not for one with a date of its own. */
export function isAnySuchDay(text: string): boolean {
  return /^[a-z]+ \d/i.test(text);
}

export const momentForms = 'like "Sunday 02:14", "now" or 2026-12-24T10:00+01:00';
