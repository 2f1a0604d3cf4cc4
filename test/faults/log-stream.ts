/** What must hold of the audit events in the brokers' logs. Pure; each returns violations. */
import type { FoundEvent } from './found.ts';
import type { LoggedEvent, LoggedLife } from './logged-life.ts';

/** By broker, its lives in their order. */
export type Logs = ReadonlyMap<string, readonly LoggedLife[]>;

/** Up to which number the store says that some broker has logged, and when it said so, in ms since the epoch. */
export interface Mark {
  readonly at: number;
  readonly number: number;
}

/**
 * The logs of all brokers together have each event, with its number. What one life of a broker logs, it logs in order,
 * each once and none left out. A later life repeats of an earlier one only what it calls logged `again`, and only where
 * the earlier one was cut off between writing an event and noting in the store that it is written: nothing that was noted
 * before a life began is in it.
 * @param events in the order of their numbers, when everything has settled
 * @param marks in the order of their times
 */
export function violationsInLogs(
  events: readonly FoundEvent[],
  logs: Logs,
  marks: readonly Mark[] = [],
): string[] {
  return [
    ...missing(events, logs),
    ...[...logs].flatMap(([broker, lives]) =>
      [
        ...lives.flatMap((life) => [
          ...inOrder(life),
          ...asInTheStore(life, events),
          ...caughtUp(life, events),
          ...notedBefore(life, marks),
        ]),
        ...repeated(lives),
      ].map((said) => `In the log of broker ${broker}, ${said}`),
    ),
  ];
}

function missing(events: readonly FoundEvent[], logs: Logs): string[] {
  const logged = new Set(
    [...logs.values()].flat().flatMap((life) => life.events.map(({ number }) => number)),
  );
  return events
    .filter(({ number }) => !logged.has(number))
    .map(({ number, action }) => `Number ${number} (${action}) is in no broker's log.`);
}

/** First what may be missing from every log, then what happens from now on; numbers have no gap within either. */
function inOrder({ events }: LoggedLife): string[] {
  return events.flatMap((event, at) => {
    const before = events[at - 1];
    if (!before || (event.number === before.number + 1 && (before.again || !event.again))) return [];
    return [`after number ${before.number} came ${told(event)}.`];
  });
}

function asInTheStore({ events }: LoggedLife, inStore: readonly FoundEvent[]): string[] {
  const byNumber = new Map(inStore.map((event) => [event.number, event]));
  return events
    .filter(({ number, id, action }) => {
      const there = byNumber.get(number);
      return there?.id !== id || there.action !== action;
    })
    .map((event) => `${told(event)} (${event.action}, ${event.id}) is not what it is in the store.`);
}

/** Whoever runs still has followed to the end. */
function caughtUp({ course, events }: LoggedLife, inStore: readonly FoundEvent[]): string[] {
  const last = inStore.at(-1)?.number ?? 0;
  const logged = events.at(-1)?.number ?? last;
  return course === 'runs' && logged < last ? [`${logged} is the last number of ${last}.`] : [];
}

function notedBefore({ begunAt, events }: LoggedLife, marks: readonly Mark[]): string[] {
  const noted = marks.findLast(({ at }) => at < begunAt)?.number ?? 0;
  return events
    .filter(({ number }) => number <= noted)
    .map((event) => `${told(event)} came although ${noted} was noted before.`);
}

function repeated(lives: readonly LoggedLife[]): string[] {
  const before = new Map<number, LoggedLife>();
  return lives.flatMap((life) => {
    const wrong = life.events.flatMap((event) => {
      const earlier = before.get(event.number);
      if (!earlier || (event.again && earlier.course === 'was cut off')) return [];
      return [`${told(event)} was in an earlier life already, which ${earlier.course}.`];
    });
    for (const { number } of life.events) before.set(number, life);
    return wrong;
  });
}

const told = ({ number, again }: LoggedEvent): string => `number ${number}${again ? ' again' : ''}`;
