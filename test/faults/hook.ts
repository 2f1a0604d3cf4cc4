/**
 * Loaded into a broker before its own program (`node --import`). It tells the harness each step, ends or stops the
 * process at the moment that it is told, and sets the clock of the broker's machine: `Date.now()`, `new Date()` and
 * `Date()` are shifted, as they are when somebody sets the time. The monotonic clock (`performance.now()`, timers) goes on,
 * as it does then.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { StepMessage } from '../../src/broker/step.ts';
import type { Moment } from './schedule.ts';

export type Order =
  | { readonly at: Moment; readonly signal: 'SIGKILL' | 'SIGSTOP' }
  | { readonly forget: true }
  | { readonly clockByMs: number };

/** `heard`: it has been told this. Told to forget, it will not give itself the signal; had it done so, it would not say anything. */
export type Told = StepMessage | { readonly heard: Order };

/** Where it is told something before its program runs, it stands there. */
const first = process.env['DAYPASS_TEST_ORDER'];
let order = (first ? JSON.parse(first) : undefined) as Extract<Order, { signal: string }> | undefined;
let clockByMs = Number(process.env['DAYPASS_TEST_CLOCK_BY_MS'] ?? 0);

const RealDate = Date;
globalThis.Date = new Proxy(RealDate, {
  construct: (_date, given: unknown[], as) =>
    given.length > 0
      ? (Reflect.construct(RealDate, given, as) as Date)
      : new RealDate(RealDate.now() + clockByMs),
  apply: () => new RealDate(RealDate.now() + clockByMs).toString(),
  get: (date, name) =>
    name === 'now' ? () => RealDate.now() + clockByMs : (Reflect.get(date, name) as unknown),
});

const tell = (told: Told) => process.send?.(told);

process.on('message', (told: Order) => {
  if ('clockByMs' in told) clockByMs = told.clockByMs;
  else order = 'signal' in told ? told : undefined;
  tell({ heard: told });
});
// A broker whose harness is gone is nobody's.
process.on('disconnect', () => process.exit());
process.channel?.unref();

subscribe('daypass:step', (message) => {
  const step = message as StepMessage;
  tell(step);
  if (order?.at.step !== step.name || order.at.is !== step.is) return;
  const { signal } = order;
  order = undefined;
  process.kill(process.pid, signal);
});
