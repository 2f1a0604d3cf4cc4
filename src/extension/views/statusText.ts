import { spokenDuration } from '../../contract/durations.ts';
import type { World } from '../state/world.ts';
import { levelOf, shortTime, spokenTime, type Level } from './countdown.ts';
import { lastHeard, type ToLocal } from './endings.ts';
import { standingOf, unconfirmedOf, type Standing } from './standing.ts';
import { lookingAt, unanswered } from './talk.ts';
import { askedOf, inert, task, timeOfDay } from './words.ts';

/** What the status bar shows; `undefined` where it shows nothing. */
export interface StatusText {
  /** With codicons. */
  readonly text: string;
  readonly level: Exclude<Level, 'over'>;
  /** A line for each session and request, plain text. */
  readonly tooltip: readonly string[];
  /** For screen readers. */
  readonly label: string;
}

/** The status bar as a function of what is known and of the broker's time. */
export function statusOf(world: World, now: number, toLocal: ToLocal): StatusText | undefined {
  const standing = standingOf(world, now);
  const [first] = standing.running;
  const cutOff = world.stream.is === 'disconnected';
  const unconfirmed = standing.over.filter((grant) => unconfirmedOf(grant) ?? (cutOff && !grant.settled));
  const tooltip = linesOf(standing, toLocal);
  tooltip.push(
    ...unconfirmed.map((grant) => `${grant.template.title}: ${lastHeard(grant, toLocal, cutOff)}`),
  );
  if (tooltip.length === 0) return undefined;
  if (world.stream.is === 'disconnected')
    tooltip.push(
      `The broker cannot be reached (since ${timeOfDay(toLocal(world.stream.since))}). Sessions still end on time without it.`,
    );

  const shown = (text: string, label: string, level: StatusText['level'] = 'calm'): StatusText => ({
    text: `${text}${first && unconfirmed.length > 0 ? ' $(warning)' : ''}${cutOff ? ' $(debug-disconnect)' : ''}`,
    level,
    tooltip,
    label: cutOff ? `${label}, broker not reachable` : label,
  });

  if (first) {
    const level = levelOf(first.remainingMs, first.totalMs);
    const broken = first.grant.brokenGlass !== undefined;
    return shown(
      `${broken ? '$(flame) break glass' : '$(shield)'} ${shortTime(first.remainingMs)}`,
      `Production access${broken ? ' without approval' : ''}: ${task(first.grant.template)}, ${spokenTime(first.remainingMs)} left`,
      // What nobody approved is never calm.
      level === 'over' ? 'last' : broken && level === 'calm' ? 'soon' : level,
    );
  }
  if (unconfirmed.length > 0)
    return shown('$(warning) not confirmed', 'Production access: end not confirmed yet', 'soon');
  const [ready] = standing.ready;
  if (ready)
    return shown('$(shield) approved', `Production access approved: ${task(ready.template)}, not opened yet`);
  const [pending] = standing.pending;
  if (pending) {
    const me = world.account.is === 'signed in' ? world.account.me.person.id : '';
    const question = unanswered(pending, me);
    const claim = lookingAt(pending, now);
    if (question)
      return shown(
        `$(comment-unresolved) ${inert(question.by.name)} asks`,
        `${question.by.name} asks you something`,
      );
    if (claim)
      return shown(
        `$(eye) ${inert(claim.by.name)} is looking`,
        `${claim.by.name} is looking at your request`,
      );
    return shown(
      `$(watch) waiting for ${inert(askedOf(pending))}`,
      `Waiting for ${askedOf(pending)} to approve`,
    );
  }
  return undefined;
}

function linesOf(standing: Standing, toLocal: ToLocal): string[] {
  const until = (ms: number): string => timeOfDay(toLocal(ms));
  return [
    ...standing.running.map(
      ({ grant, expiresAtMs, remainingMs }) =>
        `${grant.template.title}, ${grant.template.target.title}: ${shortTime(remainingMs)} left, until ${until(expiresAtMs)}`,
    ),
    ...standing.ready.map(
      (grant) =>
        `${grant.template.title}, ${grant.template.target.title}: approved, ${spokenDuration(grant.duration)} from the first terminal on`,
    ),
    ...standing.pending.map(
      (request) =>
        `${request.template.title}, ${request.template.target.title}: waiting for ${askedOf(request)}`,
    ),
  ];
}
