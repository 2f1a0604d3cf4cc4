/** How near the end is: `calm`, then `soon`, then `last`, then `over`. */
export type Level = 'calm' | 'soon' | 'last' | 'over';

const fiveMinutesMs = 5 * 60_000;

/**
 * When a session of `totalMs` turns to `soon` and to `last`, in ms before its end: five minutes or a fifth of the
 * whole, whichever is shorter, and a fifth of that.
 */
export function thresholdsOf(totalMs: number): { readonly soonMs: number; readonly lastMs: number } {
  const soonMs = Math.min(fiveMinutesMs, totalMs / 5);
  return { soonMs, lastMs: soonMs / 5 };
}

export function levelOf(remainingMs: number, totalMs: number): Level {
  const { soonMs, lastMs } = thresholdsOf(totalMs);
  if (remainingMs <= 0) return 'over';
  if (remainingMs <= lastMs) return 'last';
  return remainingMs <= soonMs ? 'soon' : 'calm';
}

interface Parts {
  readonly h: number;
  readonly m: number;
  readonly s: number;
}

// A second that has begun counts, so that nothing reads 0:00 while access lasts.
function partsOf(remainingMs: number): Parts {
  const seconds = Math.max(0, Math.ceil(remainingMs / 1000));
  return { h: Math.floor(seconds / 3600), m: Math.floor((seconds % 3600) / 60), s: seconds % 60 };
}

const two = (n: number): string => String(n).padStart(2, '0');

/** The large figure: `24:07`, from an hour up `1 h 12 min`. */
export function digits(remainingMs: number): string {
  const { h, m, s } = partsOf(remainingMs);
  return h ? `${h} h ${m} min` : `${m}:${two(s)}`;
}

/** The figure where room is short: `1 h 12 min`, `24 min`, under five minutes `4:59`. */
export function shortTime(remainingMs: number): string {
  const { h, m, s } = partsOf(remainingMs);
  if (h) return `${h} h ${m} min`;
  return remainingMs >= fiveMinutesMs ? `${m} min` : `${m}:${two(s)}`;
}

/** The figure as it is read aloud: `1 hour 12 minutes`, `24 minutes`, `45 seconds`. */
export function spokenTime(remainingMs: number): string {
  const { h, m, s } = partsOf(remainingMs);
  const count = (n: number, unit: string): string => `${n} ${unit}${n === 1 ? '' : 's'}`;
  if (h) return m ? `${count(h, 'hour')} ${count(m, 'minute')}` : count(h, 'hour');
  return m ? count(m, 'minute') : count(s, 'second');
}
