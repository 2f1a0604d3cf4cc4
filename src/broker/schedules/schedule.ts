import type { Logger } from 'pino';
import type { ScheduleConfig } from '../config/config.ts';
import type { Integrity } from '../integrity/integrity.ts';
import type { KnownSchedule, Shift } from '../rules/on-call.ts';
import type { Store } from '../store/connect.ts';
import { now as databaseClock } from '../store/now.ts';
import type { Db } from '../store/schema.ts';
import { seeShifts, standingShifts } from '../store/shift.ts';
import { fetchCalendar, type CalendarText } from './fetch-calendar.ts';
import { readCalendar } from './read-calendar.ts';
import { CalendarUnread } from './unread.ts';
import { windowFrom, type Window } from './window.ts';
import { writtenShifts } from './written.ts';

export interface ScheduleParts {
  readonly config: ScheduleConfig;
  readonly store: Pick<Store, 'db' | 'transaction'>;
  readonly integrity: Integrity;
  readonly log: Logger;
  /** The database's, unless a test has its own. */
  readonly clock?: (db: Db) => Promise<Date>;
}

/** What is known of one schedule, and how it is learned. */
export class Schedule {
  /** Undefined: nothing yet. */
  known: KnownSchedule | undefined;
  /** Why the last look brought nothing, for the log; undefined: it did. */
  trouble: string | undefined;
  readonly #parts: ScheduleParts;
  readonly #clock: (db: Db) => Promise<Date>;
  /** What the calendar said last; what an answer of "still the same" means. */
  #said: CalendarText | undefined;
  /** Until then an answer that lacks much of what stood there before is not believed. */
  #keptUntil: Date | undefined;
  #noted = '';

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? databaseClock;
  }

  get name(): string {
    return this.#parts.config.name;
  }

  /** Looks at it, and says in the log what changed about whether that works. Never rejects. */
  async look(signal?: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    const { name } = this;
    try {
      await this.#learn(signal);
      if (this.trouble !== undefined) log.info({ schedule: name }, `The schedule "${name}" is read again.`);
      this.trouble = undefined;
    } catch (error) {
      if (signal?.aborted) return;
      const words = error instanceof CalendarUnread ? error.message : 'cannot be recorded in the database';
      if (words !== this.trouble)
        log.warn(
          { schedule: name, err: error },
          `The calendar of the schedule "${name}" ${words}. ${this.#whatCounts()}`,
        );
      this.trouble = words;
    }
  }

  #whatCounts(): string {
    if (!this.known) return 'Nobody counts as on call until it can be read.';
    if (!this.known.staleFrom) return 'What was read last counts.';
    return `What was read last counts until ${this.known.staleFrom.toISOString()}; then nobody is on call.`;
  }

  async #learn(signal: AbortSignal | undefined): Promise<void> {
    const { config, store, integrity } = this.#parts;
    // Before anything is asked for: what comes is at least as new.
    const at = await this.#clock(store.db);
    const window = windowFrom(at);
    const { kept } = config;
    const shifts =
      kept.in === 'configuration'
        ? writtenShifts(kept.zone, kept.shifts, window)
        : await this.#calendarShifts(window, signal);
    const known = await seeShifts(store, integrity, { schedule: this.name, shifts, window }, this.#clock);
    const staleFrom = kept.in === 'configuration' ? null : after(at, kept.calendar.staleAfterSeconds);
    this.known = { shifts: known, staleFrom };
    this.#keptUntil = staleFrom ?? undefined;
  }

  async #calendarShifts(window: Window, signal: AbortSignal | undefined): Promise<readonly Shift[]> {
    const { people, kept } = this.#parts.config;
    if (kept.in !== 'calendar') return [];
    const before = this.#said;
    const came = await fetchCalendar(kept.calendar, {
      ...(before?.tag === undefined ? {} : { tag: before.tag }),
      ...(signal ? { signal } : {}),
    });
    const said = came ?? before;
    if (!said) throw new CalendarUnread('was answered without a calendar');
    // What cannot be read is asked for anew.
    this.#said = undefined;
    const found = await readCalendar(said.text, people, kept.zone, window, signal ? { signal } : {});
    this.#said = said;
    this.#note(found);
    await this.#believe(found.shifts, window, kept.calendar.staleAfterSeconds);
    return found.shifts;
  }

  /** Half a calendar can be a whole one that is half written, or an answer for somebody with fewer rights. */
  async #believe(shifts: readonly Shift[], { from }: Window, staleAfterSeconds: number): Promise<void> {
    const { store, integrity } = this.#parts;
    const stood = this.known?.shifts ?? [
      ...(await standingShifts(store.db, integrity, this.name, from)).values(),
    ];
    const before = stood.filter(({ until }) => until > from).length;
    this.#keptUntil ??= after(from, staleAfterSeconds);
    if (shifts.length * 2 >= before || from >= this.#keptUntil) return;
    throw new CalendarUnread(
      `holds ${shifts.length} shifts, and ${before} stood there before. If that is right, it counts from ${this.#keptUntil.toISOString()} on`,
    );
  }

  /** What of it is not understood, once. */
  #note({ shifts, leftOut, strangers }: Awaited<ReturnType<typeof readCalendar>>): void {
    const { log } = this.#parts;
    const { name } = this;
    const nobody = shifts.length === 0 && strangers.length > 0;
    const noted = JSON.stringify([leftOut, nobody && strangers]);
    if (noted === this.#noted) return;
    this.#noted = noted;
    if (leftOut.length > 0)
      log.warn({ schedule: name, leftOut }, `Events in the calendar of the schedule "${name}" are left out.`);
    if (nobody)
      log.warn(
        { schedule: name, strangers },
        `The calendar of the schedule "${name}" names nobody who stands under its "people".`,
      );
  }
}

function after(at: Date, seconds: number): Date {
  return new Date(at.getTime() + seconds * 1000);
}
