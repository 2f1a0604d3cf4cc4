import * as z from 'zod';

/** An audit event in a broker's log. */
export interface LoggedEvent {
  readonly number: number;
  readonly id: string;
  readonly action: string;
  /** It is there because nobody may have logged it before. */
  readonly again: boolean;
}

const Line = z.object({
  audit: z.object({ number: z.int(), id: z.string(), action: z.string() }),
  again: z.boolean().default(false),
});

/** What one life of a broker logged of the audit events, in the order in which it did. */
export class LoggedLife {
  /** In ms since the epoch. */
  readonly begunAt = Date.now();
  readonly events: LoggedEvent[] = [];
  /** `was cut off`: killed, or by a failure of its own. */
  course: 'runs' | 'ended in order' | 'was cut off' = 'runs';

  add(line: string): void {
    if (!line.includes('"audit":{')) return;
    const event = parsed(line);
    if (event) this.events.push(event);
  }
}

/** Undefined where the end of a life tore it: the event is not in the log then. */
function parsed(line: string): LoggedEvent | undefined {
  try {
    const { audit, again } = Line.parse(JSON.parse(line));
    return { ...audit, again };
  } catch {
    return undefined;
  }
}
