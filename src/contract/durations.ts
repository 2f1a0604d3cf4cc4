// Apart from values.ts so that who only shows a duration does not load zod.

/** An ISO 8601 duration with hours, minutes and seconds only. */
export const isoDuration = /^PT(?=\d)(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?$/;

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

/** What people read of an age: to the minute from two minutes up, since nobody's sign-in is `3 h 12 min 7 s` old. */
export function spokenAge(seconds: number): string {
  return spokenDuration(durationOf(seconds < 120 ? seconds : Math.floor(seconds / 60) * 60)) || '0 s';
}
