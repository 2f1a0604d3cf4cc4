import { Worker } from 'node:worker_threads';
import * as z from 'zod';
import type { Shift } from '../rules/on-call.ts';
import type { CalendarQuestion } from './calendar-shifts.ts';
import { CalendarUnread } from './unread.ts';
import type { Window } from './window.ts';

/** Longest that a calendar may take to be worked out, in milliseconds. */
const patienceMs = 5_000;
const mostMemoryMb = 128;

const Words = z.array(z.string().max(200)).max(10);
const Answer = z.union([
  z.strictObject({
    found: z.strictObject({
      shifts: z
        .array(
          z
            .strictObject({ person: z.string(), from: z.number(), until: z.number() })
            .refine(({ from, until }) => from < until),
        )
        .max(1_001),
      leftOut: Words,
      strangers: Words,
    }),
  }),
  z.strictObject({ broken: z.string().max(200) }),
]);

export interface ReadCalendar {
  readonly shifts: readonly Shift[];
  readonly leftOut: readonly string[];
  readonly strangers: readonly string[];
}

/**
 * The shifts of a calendar that lie in a window, worked out in a thread of its own: whatever it holds, the broker goes
 * on meanwhile, and the thread is ended when it takes too long or too much.
 * @throws CalendarUnread
 */
export async function readCalendar(
  text: string,
  people: ReadonlyMap<string, string>,
  zone: string | undefined,
  window: Window,
  { withinMs = patienceMs, signal }: { readonly withinMs?: number; readonly signal?: AbortSignal } = {},
): Promise<ReadCalendar> {
  const question: CalendarQuestion = {
    text,
    people: [...people],
    ...(zone === undefined ? {} : { zone }),
    from: window.from.getTime(),
    until: window.until.getTime(),
  };
  const worker = startWorker(question);
  try {
    const said = await wordOf(
      worker,
      AbortSignal.any([AbortSignal.timeout(withinMs), ...(signal ? [signal] : [])]),
    );
    const answer = Answer.parse(said);
    if ('broken' in answer) throw new CalendarUnread(answer.broken);
    const { shifts, leftOut, strangers } = answer.found;
    const asShift = ({ person, from, until }: (typeof shifts)[number]): Shift => ({
      person,
      from: new Date(from),
      until: new Date(until),
    });
    return { shifts: shifts.map(asShift), leftOut, strangers };
  } finally {
    await worker.terminate();
  }
}

/** Built, the thread's program is a file beside this one; run from source, tsx has to read it. */
function startWorker(workerData: CalendarQuestion): Worker {
  const limits = {
    resourceLimits: { maxOldGenerationSizeMb: mostMemoryMb },
    env: {},
    stderr: true,
    stdout: true,
  };
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL('./calendar-worker.js', import.meta.url), { ...limits, workerData });
  const source = JSON.stringify(new URL('./calendar-worker.ts', import.meta.url).href);
  return new Worker(
    `import('tsx/esm/api').then(({ register }) => { register(); return import(${source}); });`,
    { ...limits, workerData, eval: true },
  );
}

function wordOf(worker: Worker, over: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', (error) => reject(new CalendarUnread('cannot be worked out', error)));
    worker.once('exit', () => reject(new CalendarUnread('cannot be worked out')));
    over.addEventListener('abort', () => reject(new CalendarUnread('takes too long to be worked out')));
  });
}
