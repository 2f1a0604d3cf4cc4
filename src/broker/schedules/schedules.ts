import type { Logger } from 'pino';
import type { ScheduleConfig } from '../config/config.ts';
import type { Integrity } from '../integrity/integrity.ts';
import { onCall, standing, type Standing } from '../rules/on-call.ts';
import type { Store } from '../store/connect.ts';
import { Schedule } from './schedule.ts';

/** Who is on call, as far as is known at this moment. */
export interface Schedules {
  /** What a schedule says of a person (by subject); `stale` also for a schedule that is not configured. */
  standing(schedule: string, subject: string, at: Date): Standing;
  /** Subjects of everybody on call by a schedule, also by shifts that were added lately: whom to tell first. */
  who(schedule: string, at: Date): readonly string[];
  /** Names of those that cannot be read. */
  readonly troubled: readonly string[];
  stop(): Promise<void>;
}

export interface SchedulesParts {
  readonly schedules: ReadonlyMap<string, ScheduleConfig>;
  readonly store: Pick<Store, 'db' | 'transaction'>;
  readonly integrity: Integrity;
  readonly log: Logger;
  /** Told of each look. */
  readonly onLook: (schedule: string, went: 'well' | 'badly') => void;
}

/** Shifts of the configuration change with it alone; ahead of time goes on by itself. */
const writtenEveryMs = 3600_000;
const againAfterMs = 60_000;

/**
 * Looks at all schedules again and again. Those of the configuration have been looked at when this resolves; a calendar
 * may be far away, and nobody is on call by it until it has come.
 */
export async function startSchedules(parts: SchedulesParts): Promise<Schedules> {
  const kept = [...parts.schedules.values()].map((config) => new Kept(config, parts));
  await Promise.all(kept.map((one) => one.begin()));
  const byName = new Map(kept.map((one) => [one.schedule.name, one.schedule]));
  return {
    standing: (name, subject, at) => standing(byName.get(name)?.known, subject, at),
    who: (name, at) => onCall(byName.get(name)?.known, at),
    get troubled() {
      return kept.flatMap(({ schedule }) => (schedule.trouble === undefined ? [] : [schedule.name]));
    },
    async stop() {
      await Promise.all(kept.map((one) => one.stop()));
    },
  };
}

/** One schedule that is looked at for as long as the broker runs. */
class Kept {
  readonly schedule: Schedule;
  readonly #config: ScheduleConfig;
  readonly #onLook: SchedulesParts['onLook'];
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(config: ScheduleConfig, parts: SchedulesParts) {
    this.schedule = new Schedule({ config, ...parts });
    this.#config = config;
    this.#onLook = parts.onLook;
  }

  async begin(): Promise<void> {
    this.#looking = this.#look();
    if (this.#config.kept.in === 'configuration') await this.#looking;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    await this.schedule.look(this.#stopping.signal);
    if (this.#stopping.signal.aborted) return;
    const well = this.schedule.trouble === undefined;
    this.#onLook(this.schedule.name, well ? 'well' : 'badly');
    this.#timer = setTimeout(
      () => {
        this.#looking = this.#look();
      },
      well ? this.#everyMs() : Math.min(againAfterMs, this.#everyMs()),
    ).unref();
  }

  #everyMs(): number {
    const { kept } = this.#config;
    return kept.in === 'configuration' ? writtenEveryMs : kept.calendar.refreshSeconds * 1000;
  }
}
