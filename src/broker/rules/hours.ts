import { wallTimeIn, weekday } from './wall-time.ts';

/** Stated hours of a week, in a time zone. */
export interface Hours {
  /** 1 for Monday to 7 for Sunday (ISO 8601). */
  readonly days: readonly number[];
  /** Minutes since midnight, local: from the first on, before the second. */
  readonly fromMinute: number;
  readonly untilMinute: number;
  /** IANA name, like Europe/Berlin. */
  readonly zone: string;
}

const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Whether a moment falls into them, by the clock on the wall there. */
export function isWithin({ days, fromMinute, untilMinute, zone }: Hours, at: Date): boolean {
  const wall = wallTimeIn(zone, at);
  const minute = wall.hour * 60 + wall.minute;
  return days.includes(weekday(wall)) && minute >= fromMinute && minute < untilMinute;
}

/** `Mon to Fri, 09:00 to 17:00 (Europe/Berlin)` */
export function hoursInWords({ days, fromMinute, untilMinute, zone }: Hours): string {
  const sorted = [...days].sort();
  const [first = 1] = sorted;
  const inARow = sorted.length > 2 && sorted.every((day, at) => day === first + at);
  const said = sorted.map((day) => names[day - 1] ?? '');
  const week = sorted.length === 7 ? 'every day' : inARow ? `${said[0]} to ${said.at(-1)}` : said.join(', ');
  return `${week}, ${clock(fromMinute)} to ${clock(untilMinute)} (${zone})`;
}

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}
