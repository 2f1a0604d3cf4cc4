/**
 * The shifts of a calendar (iCalendar, RFC 5545). It comes from outside, and how long a rule of it takes to work out is
 * not known before: this runs in a thread that is ended when it takes too long (`read-calendar.ts`).
 */
import ICAL from 'ical.js';
import { shownMs, wallTimeOf, type WallTime } from '../rules/wall-time.ts';
import {
  clocksOf,
  floating,
  isUtc,
  momentOf,
  NotUnderstood,
  parameterOf,
  readMoment,
  wallOf,
  zoneOf,
  type Clocks,
  type Moment,
} from './calendar-times.ts';

/** Times in milliseconds since 1970. */
export interface CalendarQuestion {
  readonly text: string;
  /** What the calendar calls somebody, and the subject. */
  readonly people: readonly (readonly [string, string])[];
  /** Of times without one, and of whole days. */
  readonly zone?: string;
  readonly from: number;
  readonly until: number;
}

export interface CalendarShifts {
  readonly shifts: readonly { readonly person: string; readonly from: number; readonly until: number }[];
  /** Why events were left out, a sentence each; at most a few. */
  readonly leftOut: readonly string[];
  /** Whom the calendar names in the window and nobody knows; at most a few. */
  readonly strangers: readonly string[];
}

/** Nothing can be read from it. The message says why. */
export class NoCalendar extends Error {}

const mostShifts = 1_000;
const mostRepeats = 50_000;
const mostTold = 3;
const longestTold = 100;

/** @throws NoCalendar */
export function calendarShifts(question: CalendarQuestion): CalendarShifts {
  const calendar = calendarIn(question.text);
  const people = new Map(question.people.map(([called, subject]) => [nameOf(called), subject]));
  const found = new Map<string, CalendarShifts['shifts'][number]>();
  const leftOut = new Set<string>();
  const strangers = new Set<string>();
  for (const series of seriesIn(calendar.getAllSubcomponents('vevent'))) {
    try {
      for (const { names, from, until } of shiftsOf(series, calendar, question)) {
        const known = names.flatMap((name) => people.get(nameOf(name)) ?? []);
        if (known.length === 0) names.forEach((name) => addShort(strangers, name));
        for (const person of known) found.set(JSON.stringify([person, from, until]), { person, from, until });
      }
    } catch (error) {
      // The library throws errors of many kinds at what it does not expect.
      addShort(leftOut, error instanceof NotUnderstood ? error.message : 'An event cannot be read.');
    }
    if (found.size > mostShifts) throw new NoCalendar(`holds more than ${mostShifts} shifts of a month`);
  }
  return { shifts: [...found.values()], leftOut: [...leftOut], strangers: [...strangers] };
}

function calendarIn(text: string): ICAL.Component {
  let parsed: unknown;
  try {
    parsed = ICAL.parse(text);
  } catch {
    throw new NoCalendar('is not a whole calendar in iCalendar form');
  }
  const calendar = Array.isArray(parsed) && parsed[0] === 'vcalendar' ? parsed : undefined;
  if (!calendar) throw new NoCalendar('is not one calendar in iCalendar form');
  return new ICAL.Component(calendar);
}

function addShort(to: Set<string>, words: string): void {
  if (to.size < mostTold) to.add(words.slice(0, longestTold));
}

/** An event with those that stand for single ones of its repeats. */
interface Series {
  readonly events: readonly ICAL.Component[];
  readonly changes: readonly ICAL.Component[];
}

/** By UID. Of what stands there in several revisions, the latest counts (RFC 5545 section 3.8.7.4). */
function seriesIn(events: readonly ICAL.Component[]): Series[] {
  const byId = new Map<string, ICAL.Component[]>();
  for (const [at, event] of events.entries()) {
    const id = event.getFirstPropertyValue('uid');
    const key = typeof id === 'string' && id !== '' ? `uid ${id}` : `event ${at}`;
    byId.set(key, [...(byId.get(key) ?? []), event]);
  }
  return [...byId.values()].map((same) => {
    const masters = same.filter((event) => !event.hasProperty('recurrence-id'));
    const latest = Math.max(...masters.map(revisionOf));
    return {
      events: masters.filter((event) => revisionOf(event) === latest),
      changes: same
        .filter((event) => event.hasProperty('recurrence-id'))
        .sort((a, b) => revisionOf(a) - revisionOf(b)),
    };
  });
}

function revisionOf(event: ICAL.Component): number {
  const value = Number(event.getFirstPropertyValue('sequence') ?? 0);
  return Number.isFinite(value) ? value : 0;
}

interface NamedShift {
  readonly names: readonly string[];
  readonly from: number;
  readonly until: number;
}

/** @throws NotUnderstood for the whole series: half of one could be the half that was called off */
function shiftsOf(
  { events, changes }: Series,
  calendar: ICAL.Component,
  question: CalendarQuestion,
): NamedShift[] {
  const clocks = clocksOf(calendar, question.zone);
  const isInWindow = ({ from, until }: NamedShift) =>
    from < until && until > question.from && from < question.until;
  const instead = new Map<string, NamedShift | undefined>();
  for (const change of changes) {
    const property = change.getFirstProperty('recurrence-id');
    if (!property) continue;
    if (parameterOf(property, 'range') !== '')
      throw new NotUnderstood('A change of “this and all that follow” is not read here.');
    instead.set(
      namedBy(property.getFirstValue(), property, clocks),
      isCalledOff(change) ? undefined : oneShift(change, clocks),
    );
  }
  const own = events
    .filter((event) => !isCalledOff(event))
    .flatMap((event) =>
      repeatsOf(event, clocks, question).filter(({ known }) => !known.some((name) => instead.has(name))),
    );
  return [...own, ...[...instead.values()].flatMap((shift) => shift ?? [])].filter(isInWindow);
}

/**
 * How a change or an exception names the occurrence that it stands for. It should say the moment (RFC 5545, sections
 * 3.8.4.4 and 3.8.5.1); some say the day alone, which then stands for all that begins on it: rather nobody is on call
 * than somebody whose shift was called off.
 */
function namedBy(value: unknown, property: ICAL.Property, clocks: Clocks): string {
  return value instanceof ICAL.Time && value.isDate
    ? byDay(wallOf(value))
    : byMoment(readMoment(value, property, clocks).at);
}

const byMoment = (at: number) => `at ${at}`;
const byDay = ({ year, month, day }: WallTime) => `on ${year}-${month}-${day}`;

function isCalledOff(event: ICAL.Component): boolean {
  return String(event.getFirstPropertyValue('status') ?? '').toUpperCase() === 'CANCELLED';
}

/** Addresses of those who did not decline, and the summary. */
function namesOf(event: ICAL.Component): string[] {
  const attendees = event
    .getAllProperties('attendee')
    .filter((one) => parameterOf(one, 'partstat').toUpperCase() !== 'DECLINED')
    .flatMap((one) => [String(one.getFirstValue()), parameterOf(one, 'email')]);
  const summary = event.getFirstPropertyValue('summary');
  return [...attendees, typeof summary === 'string' ? summary : ''].filter((name) => name !== '');
}

function nameOf(text: string): string {
  return text
    .trim()
    .replace(/^mailto:/i, '')
    .toLowerCase();
}

function oneShift(event: ICAL.Component, clocks: Clocks): NamedShift {
  const { start, endOf } = spanOf(event, clocks);
  return { names: namesOf(event), from: start.at, until: endOf(start.wall) };
}

/**
 * Where an event takes place: once, by its rules and its dates, without those that are excepted; each with the names by
 * which a change knows it.
 */
function repeatsOf(
  event: ICAL.Component,
  clocks: Clocks,
  { from, until }: CalendarQuestion,
): (NamedShift & { readonly known: readonly string[] })[] {
  const { start, endOf } = spanOf(event, clocks);
  const lasts = endOf(start.wall) - start.at;
  const walls = [start.wall];
  for (const property of event.getAllProperties('rrule'))
    walls.push(...repeatsBy(property.getFirstValue(), start, { from: from - lasts, until }));
  for (const property of event.getAllProperties('rdate'))
    for (const value of property.getValues()) walls.push(readMoment(value, property, clocks).wall);
  const excepted = exceptionsOf(event, clocks);
  const names = namesOf(event);
  return walls.flatMap((wall) => {
    const at = start.clock(wall);
    const end = endOf(wall);
    if (end <= from || at >= until) return [];
    const known = [byMoment(at), byDay(wall)];
    return known.some((name) => excepted.has(name)) ? [] : [{ names, from: at, until: end, known }];
  });
}

function exceptionsOf(event: ICAL.Component, clocks: Clocks): Set<string> {
  return new Set(
    event
      .getAllProperties('exdate')
      .flatMap((property) => property.getValues().map((value) => namedBy(value, property, clocks))),
  );
}

const readableRules = ['HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'];

/** Those that begin between two moments, and some around them. */
function repeatsBy(
  rule: unknown,
  start: Moment,
  { from, until }: { readonly from: number; readonly until: number },
): WallTime[] {
  if (!(rule instanceof ICAL.Recur))
    throw new NotUnderstood('An event repeats by something that is no rule.');
  if (!readableRules.includes(rule.freq)) throw new NotUnderstood('An event repeats within minutes.');
  const last = rule.until;
  const endless = rule.clone();
  endless.until = null;
  const isOver = (wall: WallTime, at: number) => {
    if (!last) return false;
    if (last.isDate) return shownMs({ ...wall, hour: 0, minute: 0, second: 0 }) > shownMs(wallOf(last));
    return at > (isUtc(last) ? shownMs(wallOf(last)) : start.clock(wallOf(last)));
  };
  const repeats = endless.iterator(floating(start));
  const walls: WallTime[] = [];
  for (let n = 0; ; n++) {
    if (n >= mostRepeats) throw new NotUnderstood('An event repeats too often.');
    // Undefined at the end, which the library's types do not say.
    const next = repeats.next() as ICAL.Time | undefined;
    if (!next) return walls;
    const wall = wallOf(next);
    // No clock on a wall is further from UTC. To know that much is quick, and years may have to be gone through.
    if (shownMs(wall) < from - 2 * dayMs) continue;
    const at = start.clock(wall);
    if (at >= until || isOver(wall, at)) return walls;
    walls.push(wall);
  }
}

const dayMs = 24 * 3600_000;

/** When an event begins, and when it ends if it begins at another time: after as many hours on the wall. */
function spanOf(
  event: ICAL.Component,
  clocks: Clocks,
): { readonly start: Moment; readonly endOf: (wall: WallTime) => number } {
  const begins = event.getFirstProperty('dtstart');
  if (!begins) throw new NotUnderstood('An event does not say when it begins.');
  const start = momentOf(begins, clocks);
  const ends = event.getFirstProperty('dtend');
  const duration = event.getFirstPropertyValue('duration');
  if (ends) {
    const end = momentOf(ends, clocks);
    const lasts = shownMs(end.wall) - shownMs(start.wall);
    const exactly = end.at - start.at;
    if (zoneOf(ends) === zoneOf(begins))
      return { start, endOf: (wall) => start.clock(wallTimeOf(shownMs(wall) + lasts)) };
    return { start, endOf: (wall) => start.clock(wall) + exactly };
  }
  if (duration instanceof ICAL.Duration) {
    const { weeks, days, hours, minutes, seconds, isNegative } = duration;
    if (isNegative) throw new NotUnderstood('An event ends before it begins.');
    const nominal = (weeks * 7 + days) * dayMs;
    const exact = ((hours * 60 + minutes) * 60 + seconds) * 1000;
    return { start, endOf: (wall) => start.clock(wallTimeOf(shownMs(wall) + nominal)) + exact };
  }
  return { start, endOf: (wall) => start.clock(wallTimeOf(shownMs(wall) + (start.isDay ? dayMs : 0))) };
}
