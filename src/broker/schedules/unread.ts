/**
 * A calendar that could not be read. The message goes on after "the calendar of the schedule", for the log; it holds
 * nothing of the calendar's address, which can be a secret.
 */
export class CalendarUnread extends Error {
  constructor(words: string, cause?: unknown) {
    super(words, { cause });
    this.name = 'CalendarUnread';
  }
}
