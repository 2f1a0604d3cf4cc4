import type { WrittenShift } from '../config/config.ts';
import type { Shift } from '../rules/on-call.ts';
import { instantIn, shownMs, wallTimeIn, wallTimeOf, type WallTime } from '../rules/wall-time.ts';
import type { Window } from './window.ts';

const dayMs = 24 * 3600_000;
const weekMs = 7 * dayMs;
/** Monday, 1 January 2001, 00:00, from which weeks are counted. */
const someMonday = Date.UTC(2001, 0, 1);

/** The shifts of the configuration that lie in a window, at least in part, by the clocks of a zone. */
export function writtenShifts(zone: string, written: readonly WrittenShift[], window: Window): Shift[] {
  return written
    .flatMap(({ person, from, until }) => {
      if (from.is === 'once' && until.is === 'once') return [shift(zone, person, from.wall, until.wall)];
      if (from.is !== 'weekly' || until.is !== 'weekly') return [];
      const begins = sinceMonday(from);
      const ends = sinceMonday(until);
      // Until the same time of the week is a whole week.
      const lasts = ends > begins ? ends - begins : ends - begins + weekMs;
      return weeksOf(zone, window).map((monday) =>
        shift(zone, person, wallTimeOf(monday + begins), wallTimeOf(monday + begins + lasts)),
      );
    })
    .filter(({ from, until }) => from < until && until > window.from && from < window.until);
}

function shift(zone: string, person: string, from: WallTime, until: WallTime): Shift {
  return { person, from: instantIn(zone, from), until: instantIn(zone, until) };
}

function sinceMonday({ day, minute }: { readonly day: number; readonly minute: number }): number {
  return (day - 1) * dayMs + minute * 60_000;
}

/** The Mondays, on the wall, of all weeks in which a shift of the window can have begun. */
function weeksOf(zone: string, { from, until }: Window): number[] {
  const shown = shownMs(wallTimeIn(zone, from));
  const first = someMonday + Math.floor((shown - someMonday) / weekMs - 1) * weekMs;
  const weeks = Math.ceil((until.getTime() - from.getTime()) / weekMs) + 3;
  return Array.from({ length: weeks }, (_, n) => first + n * weekMs);
}
