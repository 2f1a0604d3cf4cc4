/** What a calendar and a clock on the wall show, somewhere. Months from 1. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const dayMs = 24 * 3600_000;

/** Whether it is the name of a time zone (IANA) that is known here. */
export function isZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * The moment when the clocks of a zone show this. Where they show it twice, the first time; where they leave it out,
 * what they would show without the leap (RFC 5545 section 3.3.5).
 */
export function instantIn(zone: string, wall: WallTime): Date {
  return resolve(wall, (at) => offsetMs(zone, at));
}

/** The same by the offset from UTC in milliseconds that holds at a moment. */
function resolve(wall: WallTime, offset: (at: number) => number): Date {
  const shown = shownMs(wall);
  const before = shown - offset(shown - dayMs);
  const after = shown - offset(shown + dayMs);
  const right = [before, after].filter((at) => at + offset(at) === shown);
  return new Date(right.length > 0 ? Math.min(...right) : before);
}

/** What the clocks show, counted as if they showed UTC. */
export function shownMs({ year, month, day, hour, minute, second }: WallTime): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return date.getTime();
}

/** What the clocks of a zone show at a moment. */
export function wallTimeIn(zone: string, at: Date): WallTime {
  return wallTimeOf(at.getTime() + offsetMs(zone, at.getTime()));
}

/** 1 for Monday to 7 for Sunday (ISO 8601). */
export function weekday(wall: WallTime): number {
  return new Date(shownMs(wall)).getUTCDay() || 7;
}

/** The other way of `shownMs`. */
export function wallTimeOf(shown: number): WallTime {
  const date = new Date(shown);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
}

function offsetMs(zone: string, at: number): number {
  const part = new Map(
    formatOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const of = (type: Intl.DateTimeFormatPartTypes) => part.get(type) ?? 0;
  const shown = shownMs({
    year: of('year'),
    month: of('month'),
    day: of('day'),
    hour: of('hour'),
    minute: of('minute'),
    second: of('second'),
  });
  return shown - Math.floor(at / 1000) * 1000;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(zone, made);
  return made;
}
