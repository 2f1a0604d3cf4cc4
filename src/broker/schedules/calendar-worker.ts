import { parentPort, workerData } from 'node:worker_threads';
import { calendarShifts, NoCalendar, type CalendarQuestion } from './calendar-shifts.ts';

/** The thread in which a calendar is worked out: one question, one answer. */
try {
  parentPort?.postMessage({ found: calendarShifts(workerData as CalendarQuestion) });
} catch (error) {
  if (!(error instanceof NoCalendar)) throw error;
  parentPort?.postMessage({ broken: error.message });
}
