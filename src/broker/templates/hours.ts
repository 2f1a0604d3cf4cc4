import * as z from 'zod';
import type { Hours } from '../rules/hours.ts';
import { isZone } from '../rules/wall-time.ts';

const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const Clock = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'should be a time of day, like 09:00, in quotes.');

export const Zone = z
  .string()
  .max(64)
  .refine(isZone, 'is no time zone that is known here. Zones are called like Europe/Berlin, or UTC.');

/** Hours of a week as they are written. */
export const HoursFile = z
  .strictObject({
    days: z
      .array(z.enum(dayNames))
      .min(1)
      .default(['mon', 'tue', 'wed', 'thu', 'fri'])
      .meta({ description: 'Days of the week; Monday to Friday unless said.', examples: [['mon', 'tue']] }),
    from: Clock.meta({ description: 'From when on.', examples: ['09:00'] }),
    until: Clock.meta({ description: 'Until when.', examples: ['17:00'] }),
    zone: Zone.default('UTC').meta({ description: 'Where; UTC unless said.', examples: ['Europe/Berlin'] }),
  })
  .refine(({ from, until }) => minuteOf(from) < minuteOf(until), {
    path: ['until'],
    error: 'should be later than "from". Hours over midnight are two: until "24:00", and from "00:00".',
  });

export function hoursOf({ days, from, until, zone }: z.output<typeof HoursFile>): Hours {
  return {
    days: [...new Set(days.map((day) => dayNames.indexOf(day) + 1))].sort(),
    fromMinute: minuteOf(from),
    untilMinute: minuteOf(until),
    zone,
  };
}

function minuteOf(clock: string): number {
  const [hour = 0, minute = 0] = clock.split(':').map(Number);
  return hour * 60 + minute;
}
