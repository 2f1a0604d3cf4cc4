/** How a calendar (iCalendar, RFC 5545) says a time: on which clock, in which zone. */
import ICAL from 'ical.js';
import { instantIn, isZone, shownMs, type WallTime } from '../rules/wall-time.ts';

/** One event that cannot be read. The message says why. */
export class NotUnderstood extends Error {}

const readableYears = { first: 1900, last: 2200 };

/** A moment as a calendar says it. */
export interface Moment {
  readonly wall: WallTime;
  readonly at: number;
  /** It says a day and no time. */
  readonly isDay: boolean;
  /** How the same clocks are read at other times. */
  readonly clock: Clock;
}

/** What clocks on the wall show → milliseconds since 1970. */
export type Clock = (wall: WallTime) => number;

export function momentOf(property: ICAL.Property, clocks: Clocks): Moment {
  return readMoment(property.getFirstValue(), property, clocks);
}

export function readMoment(value: unknown, property: ICAL.Property, clocks: Clocks): Moment {
  if (!(value instanceof ICAL.Time)) throw new NotUnderstood('An event says a time that is none.');
  const wall = wallOf(value);
  const clock = isUtc(value) ? shownMs : clocks(zoneOf(property));
  return { wall, at: clock(wall), isDay: value.isDate, clock };
}

export function zoneOf(property: ICAL.Property): string {
  return parameterOf(property, 'tzid');
}

/** Empty where there is none, or several. */
export function parameterOf(property: ICAL.Property, name: string): string {
  const value: unknown = property.getParameter(name);
  return typeof value === 'string' ? value : '';
}

export function isUtc(time: ICAL.Time): boolean {
  return time.zone === ICAL.Timezone.utcTimezone;
}

export function wallOf(time: ICAL.Time): WallTime {
  const { year, month, day, hour, minute, second } = time;
  const wall = { year, month, day, hour, minute, second: Math.min(second, 59) };
  const isReadable = year >= readableYears.first && year <= readableYears.last;
  if (!isReadable || Number.isNaN(shownMs(wall)))
    throw new NotUnderstood('An event says a time that is none.');
  return wall;
}

/** Without a zone, so that the library counts by the wall alone. */
export function floating({ wall, isDay }: Moment): ICAL.Time {
  return new ICAL.Time({ ...wall, isDate: isDay }, ICAL.Timezone.localTimezone);
}

/** The clock of a zone by its name (TZID); by no name, that of what has no zone. */
export type Clocks = (zone: string) => Clock;

/** A name that is known everywhere means what it means everywhere; others mean what the calendar says (VTIMEZONE). */
export function clocksOf(calendar: ICAL.Component, usual: string | undefined): Clocks {
  const known = new Map<string, Clock>();
  return (name) => {
    const zone = name === '' ? usual : name;
    if (zone === undefined)
      throw new NotUnderstood(
        'An event has no time zone. Say which one it means: "zone", beside "calendar".',
      );
    const clock = known.get(zone) ?? clockOf(zone, calendar);
    known.set(zone, clock);
    return clock;
  };
}

function clockOf(zone: string, calendar: ICAL.Component): Clock {
  if (isZone(zone)) return (wall) => instantIn(zone, wall).getTime();
  const component = calendar
    .getAllSubcomponents('vtimezone')
    .find((one) => one.getFirstPropertyValue('tzid') === zone);
  if (!component) throw new NotUnderstood(`The time zone “${zone}” is not known.`);
  const described = new ICAL.Timezone({ component, tzid: zone });
  return (wall) => {
    const time = new ICAL.Time({ ...wall, isDate: false }, ICAL.Timezone.localTimezone);
    return shownMs(wall) - described.utcOffset(time) * 1000;
  };
}
