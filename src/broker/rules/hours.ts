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
export function isWithin(hours: Hours, at: Date): boolean {
  const { day, minute } = onTheWall(at, hours.zone);
  return hours.days.includes(day) && minute >= hours.fromMinute && minute < hours.untilMinute;
}

/** Day of the week (1 for Monday) and minute of the day in a zone. */
export function onTheWall(at: Date, zone: string): { day: number; minute: number } {
  const parts = formatOf(zone).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? '';
  return {
    day: names.indexOf(part('weekday')) + 1,
    minute: Number(part('hour')) * 60 + Number(part('minute')),
  };
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(zone, made);
  return made;
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
