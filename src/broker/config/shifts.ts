import * as z from 'zod';
import { plainText } from '../../contract/values.ts';
import { isZone, wallTimeOf, type WallTime } from '../rules/wall-time.ts';
import { durationBetween, File, isLoopback, MailAddress, SecretSource, SlackId } from './pieces.ts';

/** Schedules of `daypass.yaml` as they are written: who is on call when. */

const dayNames = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;
const weekForm = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)([a-z]*) ([01]\d|2[0-3]):([0-5]\d)$/;
const dateForm = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d$/;

/** A moment of one day of the calendar, or of every week. */
export type ShiftMoment =
  | { readonly is: 'once'; readonly wall: WallTime }
  /** `day`: 1 for Monday to 7 for Sunday (ISO 8601); `minute`: since midnight. */
  | { readonly is: 'weekly'; readonly day: number; readonly minute: number };

/** `2026-11-23T08:00`, `Monday 08:00`; undefined: neither. */
export function shiftMoment(text: string): ShiftMoment | undefined {
  const [, short, rest = '', hour, minute] = weekForm.exec(text) ?? [];
  if (short !== undefined) {
    const day = dayNames.findIndex(
      (name) => name === short + rest || (rest === '' && name.startsWith(short)),
    );
    return day < 0 ? undefined : { is: 'weekly', day: day + 1, minute: Number(hour) * 60 + Number(minute) };
  }
  const at = dateForm.test(text) ? Date.parse(`${text}Z`) : NaN;
  // Date.parse takes a 30 February for a day in March.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 16) !== text) return undefined;
  return { is: 'once', wall: wallTimeOf(at) };
}

const Moment = z
  .string()
  .refine(
    (text) => shiftMoment(text) !== undefined,
    'should be a date and a time, like 2026-11-23T08:00, or a day of every week and a time, like Monday 08:00.',
  );

const Shift = z.strictObject({
  who: z.string().meta({ description: 'Who is on call: a name out of "people".', examples: ['ana'] }),
  from: Moment.meta({
    description: 'From when on: a date and a time, or a day of every week and a time.',
    examples: ['2026-11-23T08:00'],
  }),
  until: Moment.meta({ description: 'Until when, in the same way.', examples: ['2026-11-30T08:00'] }),
});

/** Why something is no address of a calendar, in words; nothing of it is repeated, since it may hold a secret. */
export function addressProblem(text: string): string | undefined {
  if (!/^https?:\/\//.test(text) || text.length > 2000 || !URL.canParse(text))
    return 'should be a complete address, like https://calendar.shop.example/oncall.ics.';
  const { username, password, protocol, hostname, hash } = new URL(text);
  if (username !== '' || password !== '')
    return 'holds a user name or a password. Remove it from the address, and use "authorization".';
  if (protocol === 'http:' && !isLoopback(hostname))
    return 'should begin with https://. Plain http:// is accepted on this machine (127.0.0.1, localhost) only.';
  return hash === '' ? undefined : 'should have nothing after a #.';
}

const CalendarAddress = z.string().superRefine((text, context) => {
  const message = addressProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const Calendar = z.strictObject({
  url: z.union([CalendarAddress, SecretSource]).meta({
    description:
      'Its address: iCalendar over HTTPS. Where knowing the address is enough to read it, the address is a secret: name where it is found.',
    examples: ['https://calendar.shop.example/oncall.ics'],
  }),
  authorization: SecretSource.optional().meta({
    description: 'What is sent as the Authorization header, like Bearer and a token.',
    examples: [{ file: '/run/secrets/calendar' }],
  }),
  certificate_authority: File.optional().meta({
    description:
      'File (PEM) with the authorities that may vouch for its server; absent: those this machine trusts.',
    examples: ['certificates/shop-ca.pem'],
  }),
  refresh: durationBetween('PT1M', 'PT24H').default('PT5M').meta({
    description: 'How often it is read.',
  }),
  stale_after: durationBetween('PT2M', 'PT168H').default('PT1H').meta({
    description:
      'How long what was read last is believed when it cannot be read; after that nobody is on call.',
  }),
});

const Subject = z
  .string()
  .min(1)
  .max(255)
  .refine(
    (subject) => !subject.includes('@'),
    'is an e-mail address, which can change hands. Name the person’s subject (sub), or what their person claim says.',
  )
  .meta({ description: 'Their subject (sub), or what their person claim says.', examples: ['7f3a9c'] });

/** Who somebody is, and how a channel reaches them alone. */
const Someone = z.strictObject({
  subject: Subject,
  email: MailAddress.optional().meta({
    description: 'Where channels of the kind email reach them.',
    examples: ['ana@shop.example'],
  }),
  slack: SlackId.optional().meta({
    description: 'Their member id, with which channels of the kind slack reach them.',
    examples: ['U0123456789'],
  }),
});

/** One schedule. */
export const ScheduleSettings = z
  .strictObject({
    zone: z
      .string()
      .max(64)
      .refine(isZone, 'is no time zone that is known here. Zones are called like Europe/Berlin, or UTC.')
      .optional()
      .meta({
        description: 'Time zone of "shifts"; for a calendar, of what it says without one, like whole days.',
        examples: ['Europe/Berlin'],
      }),
    people: z
      .record(plainText({ min: 1, max: 200 }), z.union([Subject, Someone]))
      .refine((people) => Object.keys(people).length > 0, 'names nobody. Add at least one.')
      .meta({
        description:
          'Who is who: what the schedule calls somebody (in a calendar an attendee’s address or an event’s summary), and their subject (sub), or what their person claim says; with that, how they are told where they are on call.',
        examples: [{ ana: '7f3a9c' }, { ana: { subject: '7f3a9c', email: 'ana@shop.example' } }],
      }),
    shifts: z
      .array(Shift)
      .min(1)
      .max(500)
      .optional()
      .meta({
        description: 'Who is on call when.',
        examples: [[{ who: 'ana', from: 'Monday 08:00', until: 'Friday 18:00' }]],
      }),
    calendar: Calendar.optional().meta({
      description: 'A calendar to read that from, in place of "shifts".',
      examples: [{ url: 'https://calendar.shop.example/oncall.ics' }],
    }),
  })
  .meta({ oneOf: [{ required: ['shifts', 'zone'] }, { required: ['calendar'] }] });
export type ScheduleSettings = z.output<typeof ScheduleSettings>;
