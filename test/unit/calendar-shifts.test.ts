import assert from 'node:assert/strict';
import { calendarShifts, NoCalendar } from '../../src/broker/schedules/calendar-shifts.ts';
import { readCalendar } from '../../src/broker/schedules/read-calendar.ts';

const calendar = (...events: string[]) =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//test//', ...events, 'END:VCALENDAR', ''].join('\r\n');
const event = (...lines: string[]) =>
  [
    'BEGIN:VEVENT',
    ...(lines.some((line) => line.startsWith('UID')) ? [] : ['UID:1']),
    ...lines,
    'END:VEVENT',
  ].join('\r\n');
const people = [
  ['ana@shop.example', 'ANA'],
  ['Ben is on call', 'BEN'],
] as const;

interface Asked {
  readonly from?: string;
  readonly until?: string;
  readonly zone?: string;
}
const ask = (text: string, { from = '2026-11-01', until = '2026-12-01', zone }: Asked = {}) =>
  calendarShifts({
    text,
    people,
    from: Date.parse(from),
    until: Date.parse(until),
    ...(zone === undefined ? {} : { zone }),
  });
/** `ANA 2026-11-23T07:00Z to 2026-11-24T07:00Z` */
const said = (text: string, asked?: Asked) =>
  ask(text, asked)
    .shifts.map(({ person, from, until }) => `${person} ${moment(from)} to ${moment(until)}`)
    .sort();
const moment = (at: number) => new Date(at).toISOString().replace(':00.000', '');

const ana = 'ATTENDEE:mailto:Ana@Shop.example';
const berlin = (name: string, time: string) => `${name};TZID=Europe/Berlin:${time}`;
const monday = [berlin('DTSTART', '20261123T080000'), berlin('DTEND', '20261124T080000')];
const anasMonday = 'ANA 2026-11-23T07:00Z to 2026-11-24T07:00Z';
/** Each Monday from 2 November on, for a day. */
const weekly = [
  ana,
  berlin('DTSTART', '20261102T080000'),
  berlin('DTEND', '20261103T080000'),
  'RRULE:FREQ=WEEKLY',
];
const mondays = ['02', '09', '16', '23', '30'];
const weeklySaid = (days: readonly string[]) =>
  days.map((day) => {
    const next = day === '30' ? '2026-12-01' : `2026-11-${String(Number(day) + 1).padStart(2, '0')}`;
    return `ANA 2026-11-${day}T07:00Z to ${next}T07:00Z`;
  });

describe('Shifts of a calendar', () => {
  const table: [string, string, readonly string[], Asked?][] = [
    ['of nobody', calendar(), []],
    ['by an attendee’s address, in any letters', calendar(event(ana, ...monday)), [anasMonday]],
    ['by a summary', calendar(event('SUMMARY: ben is ON call', ...monday)), [anasMonday.replace('ANA', 'BEN')]],
    ['by both', calendar(event(ana, 'SUMMARY:Ben is on call', ...monday)), [anasMonday, anasMonday.replace('ANA', 'BEN')]],
    ['not of strangers', calendar(event('ATTENDEE:mailto:eva@shop.example', ...monday)), []],
    ['not by a summary that only holds the name', calendar(event('SUMMARY:Ben is on call not', ...monday)), []],
    ['not of whoever declined', calendar(event('ATTENDEE;PARTSTAT=DECLINED:mailto:ana@shop.example', ...monday)), []],
    ['of whoever accepted', calendar(event('ATTENDEE;PARTSTAT=ACCEPTED:mailto:ana@shop.example', ...monday)), [anasMonday]],
    ['not of an event that was called off', calendar(event(ana, ...monday, 'STATUS:CANCELLED')), []],
    ['in UTC', calendar(event(ana, 'DTSTART:20261123T070000Z', 'DTEND:20261124T070000Z')), [anasMonday]],
    ['with a duration', calendar(event(ana, monday[0]!, 'DURATION:P1D')), [anasMonday]],
    ['with hours as duration', calendar(event(ana, monday[0]!, 'DURATION:PT90M')), ['ANA 2026-11-23T07:00Z to 2026-11-23T08:30Z']],
    ['of no length: none', calendar(event(ana, monday[0]!)), []],
    ['that end before they begin: none', calendar(event(ana, monday[0]!, berlin('DTEND', '20261122T080000'))), []],
    ['of a whole day', calendar(event(ana, 'DTSTART;VALUE=DATE:20261123')), ['ANA 2026-11-22T23:00Z to 2026-11-23T23:00Z'], { zone: 'Europe/Berlin' }],
    ['of whole days', calendar(event(ana, 'DTSTART;VALUE=DATE:20261123', 'DTEND;VALUE=DATE:20261130')), ['ANA 2026-11-22T23:00Z to 2026-11-29T23:00Z'], { zone: 'Europe/Berlin' }],
    ['without a zone, by the schedule’s', calendar(event(ana, 'DTSTART:20261123T080000', 'DTEND:20261124T080000')), [anasMonday], { zone: 'Europe/Berlin' }],
    ['from one zone to another', calendar(event(ana, monday[0]!, 'DTEND;TZID=America/New_York:20261124T020000')), [anasMonday]],
    ['of another time than the one that is asked about: none', calendar(event(ana, ...monday)), [], { from: '2026-11-24T07:00Z' }],
    ['that are under way', calendar(event(ana, ...monday)), [anasMonday], { from: '2026-11-24T06:59Z' }],
    ['that begin at the end of what is asked about: none', calendar(event(ana, ...monday)), [], { until: '2026-11-23T07:00Z' }],
    ['every week', calendar(event(...weekly)), weeklySaid(mondays)],
    ['every week since long ago', calendar(event(ana, berlin('DTSTART', '20011105T080000'), berlin('DTEND', '20011106T080000'), 'RRULE:FREQ=WEEKLY')), weeklySaid(mondays)],
    ['every week, so many times', calendar(event(...weekly, 'RRULE:FREQ=WEEKLY;COUNT=2').replace('RRULE:FREQ=WEEKLY\r\n', '')), weeklySaid(['02', '09'])],
    ['every week until a moment, which is one of them', calendar(event(...weekly).replace('WEEKLY', 'WEEKLY;UNTIL=20261116T070000Z')), weeklySaid(['02', '09', '16'])],
    ['every week until just before', calendar(event(...weekly).replace('WEEKLY', 'WEEKLY;UNTIL=20261116T065959Z')), weeklySaid(['02', '09'])],
    ['every week until a day', calendar(event(...weekly).replace('WEEKLY', 'WEEKLY;UNTIL=20261116')), weeklySaid(['02', '09', '16'])],
    ['every second week', calendar(event(...weekly).replace('WEEKLY', 'WEEKLY;INTERVAL=2')), weeklySaid(['02', '16', '30'])],
    ['without one that is excepted', calendar(event(...weekly, berlin('EXDATE', '20261109T080000'))), weeklySaid(['02', '16', '23', '30'])],
    ['without those that are excepted, in any order, some of them twice, some of them none', calendar(event(...weekly, berlin('EXDATE', '20261130T080000,20261110T080000,20261109T080000'), 'EXDATE:20261109T070000Z,20261116T070000Z')), weeklySaid(['02', '23'])],
    ['without one whose day is excepted', calendar(event(...weekly, 'EXDATE;VALUE=DATE:20261109')), weeklySaid(['02', '16', '23', '30'])],
    ['and at dates of their own', calendar(event(...weekly.slice(0, 3), berlin('RDATE', '20261123T080000'))), weeklySaid(['02', '23'])],
    ['with one moved', calendar(event(...weekly), event(ana, berlin('RECURRENCE-ID', '20261109T080000'), berlin('DTSTART', '20261110T120000'), berlin('DTEND', '20261110T180000'))), [...weeklySaid(mondays), 'ANA 2026-11-10T11:00Z to 2026-11-10T17:00Z'].filter((one) => !one.startsWith('ANA 2026-11-09')).sort()],
    ['with one given to somebody else', calendar(event(...weekly), event('SUMMARY:Ben is on call', 'RECURRENCE-ID:20261109T070000Z', berlin('DTSTART', '20261109T080000'), berlin('DTEND', '20261110T080000'))), [...weeklySaid(['02', '16', '23', '30']), 'BEN 2026-11-09T07:00Z to 2026-11-10T07:00Z'].sort()],
    ['with one called off', calendar(event(...weekly), event(...weekly.slice(0, 3), 'STATUS:CANCELLED', berlin('RECURRENCE-ID', '20261109T080000'))), weeklySaid(['02', '16', '23', '30'])],
    ['with one called off by its day alone', calendar(event(...weekly), event(...weekly.slice(0, 3), 'STATUS:CANCELLED', 'RECURRENCE-ID;VALUE=DATE:20261109')), weeklySaid(['02', '16', '23', '30'])],
    ['with one given to somebody else by its day alone', calendar(event(...weekly), event('SUMMARY:Ben is on call', 'RECURRENCE-ID;VALUE=DATE:20261109', berlin('DTSTART', '20261109T080000'), berlin('DTEND', '20261110T080000'))), [...weeklySaid(['02', '16', '23', '30']), 'BEN 2026-11-09T07:00Z to 2026-11-10T07:00Z'].sort()],
    ['as of the latest revision', calendar(event(ana, ...monday, 'SEQUENCE:2', 'STATUS:CANCELLED'), event(ana, ...monday, 'SEQUENCE:1')), []],
    ['that two events say alike: once', calendar(event(ana, ...monday), event('UID:2', ana, ...monday)), [anasMonday]],
    ['over a change of the clocks, by the wall', calendar(event(ana, berlin('DTSTART', '20261019T080000'), berlin('DTEND', '20261026T080000'), 'RRULE:FREQ=WEEKLY;COUNT=2')), ['ANA 2026-10-19T06:00Z to 2026-10-26T07:00Z', 'ANA 2026-10-26T07:00Z to 2026-11-02T07:00Z'], { from: '2026-10-20' }],
    ['in a zone that only the calendar describes', calendar(
      ['BEGIN:VTIMEZONE', 'TZID:Office', 'BEGIN:STANDARD', 'DTSTART:16011028T030000', 'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10', 'TZOFFSETFROM:+0200', 'TZOFFSETTO:+0100', 'END:STANDARD', 'BEGIN:DAYLIGHT', 'DTSTART:16010325T020000', 'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3', 'TZOFFSETFROM:+0100', 'TZOFFSETTO:+0200', 'END:DAYLIGHT', 'END:VTIMEZONE'].join('\r\n'),
      event(ana, 'DTSTART;TZID=Office:20261123T080000', 'DTEND;TZID=Office:20261124T080000'),
    ), [anasMonday]],
    ['whatever the calendar says of a zone that everybody knows', calendar(
      ['BEGIN:VTIMEZONE', 'TZID:Europe/Berlin', 'BEGIN:STANDARD', 'DTSTART:16010101T000000', 'TZOFFSETFROM:+1200', 'TZOFFSETTO:+1200', 'END:STANDARD', 'END:VTIMEZONE'].join('\r\n'),
      event(ana, ...monday),
    ), [anasMonday]],
  ]; // prettier-ignore
  for (const [name, text, expected, asked] of table)
    it(name, () => {
      assert.deepEqual(said(text, asked), [...expected].sort());
      assert.deepEqual(ask(text, asked).leftOut, []);
    });

  const leftOut: [string, string, RegExp][] = [
    ['without a zone', event('UID:2', ana, 'DTSTART:20261123T080000', 'DTEND:20261124T080000'), /no time zone. Say which/],
    ['in a zone that nobody knows', event('UID:2', ana, 'DTSTART;TZID=Atlantis:20261123T080000', 'DURATION:P1D'), /“Atlantis” is not known/],
    ['without a beginning', event('UID:2', ana, berlin('DTEND', '20261124T080000')), /does not say when it begins/],
    ['at a time that is none', event('UID:2', ana, 'DTSTART:soon', 'DURATION:P1D'), /An event cannot be read/],
    ['every second', event('UID:2', ana, ...monday, 'RRULE:FREQ=SECONDLY'), /within minutes/],
    ['every hour since long ago', event('UID:2', ana, berlin('DTSTART', '19800101T080000'), 'DURATION:PT1H', 'RRULE:FREQ=HOURLY'), /too often/],
    ['changed from one on', [event('UID:2', ...weekly), event('UID:2', ana, 'RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20261109T080000', ...monday)].join('\r\n'), /all that follow/],
    ['with one change that cannot be read: all of it', [event('UID:2', ...weekly), event('UID:2', ana, 'RECURRENCE-ID;TZID=Atlantis:20261109T080000', ...monday)].join('\r\n'), /“Atlantis”/],
  ]; // prettier-ignore
  for (const [name, text, why] of leftOut)
    it(`leaves out an event ${name}, keeps the others and says why`, () => {
      const other = event('UID:3', ana, ...monday);
      const found = ask(calendar(text, other));
      assert.equal(found.shifts.length, 1);
      assert.match(found.leftOut.join(), why);
    });

  it('says whom it names that nobody knows', () => {
    assert.deepEqual(ask(calendar(event('SUMMARY:Eva', ...monday))).strangers, ['Eva']);
  });

  const broken: [string, string][] = [
    ['nothing', ''],
    ['a page to sign in', '<!doctype html><title>Sign in</title>'],
    ['half a calendar', calendar(event(ana, ...monday)).slice(0, 150)],
    ['two calendars', calendar() + calendar()],
    ['an event alone', event(ana, ...monday)],
    ['an event that repeats by a rule that is none, beside others', calendar(event(ana, ...monday), event('UID:2', ana, ...monday, 'RRULE:FREQ=NEVER'))],
    ['more shifts than anybody has', calendar(...Array.from({ length: 40 }, (_, n) => event(`UID:${n}`, ana, `DTSTART:20261101T0000${String(n).padStart(2, '0')}Z`, 'DURATION:PT1H', 'RRULE:FREQ=HOURLY')))],
  ]; // prettier-ignore
  for (const [name, text] of broken)
    it(`is no calendar: ${name}`, () => {
      assert.throws(() => ask(text), NoCalendar);
    });
});

describe('A calendar that is worked out beside the broker', () => {
  const window = { from: new Date('2026-11-01'), until: new Date('2026-12-01') };

  it('gives its shifts', async () => {
    const { shifts } = await readCalendar(
      calendar(event(ana, ...monday)),
      new Map(people),
      undefined,
      window,
    );
    assert.deepEqual(shifts, [
      { person: 'ANA', from: new Date('2026-11-23T07:00Z'), until: new Date('2026-11-24T07:00Z') },
    ]);
  });

  it('is told from what is none', async () => {
    await assert.rejects(readCalendar('', new Map(people), undefined, window), /in iCalendar form/);
  });

  it('hangs nobody: it is given up, and meanwhile everything goes on', async () => {
    // Looks for a 30 February, for ever.
    const endless = 'RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30';
    const began = performance.now();
    let longestPause = 0;
    let last = began;
    const beat = setInterval(() => {
      longestPause = Math.max(longestPause, performance.now() - last);
      last = performance.now();
    }, 10);
    try {
      await assert.rejects(
        readCalendar(calendar(event(ana, ...monday, endless)), new Map(people), undefined, window, {
          withinMs: 1_000,
        }),
        /takes too long/,
      );
    } finally {
      clearInterval(beat);
    }
    assert.ok(performance.now() - began < 5_000);
    assert.ok(longestPause < 500, `${longestPause} ms`);
  });
});
