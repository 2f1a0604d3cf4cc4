import { durationOf, secondsOf, spokenDuration } from '../../../contract/durations.ts';
import type { Template } from '../../state/world.ts';

/** One duration that can be chosen, ISO 8601; without one it only says why not. */
export interface DurationChoice {
  readonly label: string;
  readonly duration?: string;
}

const usualMinutes = [5, 15, 30, 60, 120, 240, 480];

/** The usual one first, then shorter and longer ones, never over the longest. */
export function durationChoices({ duration }: Pick<Template, 'duration'>): DurationChoice[] {
  const usual = secondsOf(duration.default);
  const longest = secondsOf(duration.longest);
  const others = usualMinutes
    .map((minutes) => minutes * 60)
    .filter(
      (seconds) => seconds < longest && seconds !== usual && seconds * 2 >= usual && seconds <= usual * 2,
    );
  const all = [...new Set([usual, ...others, longest])];
  return all.map((seconds) => {
    const spoken = spokenDuration(durationOf(seconds));
    const word = seconds === usual ? ' (usual)' : seconds === longest ? ' (longest)' : '';
    return { label: `${spoken}${word}`, duration: durationOf(seconds) };
  });
}

/** What was typed as a choice: `45`, `45 min`, `1 h 30`, `1:30`. Nothing for what is no duration. */
export function typedDuration(text: string, { duration }: Pick<Template, 'duration'>): DurationChoice[] {
  const seconds = secondsTyped(text);
  if (seconds === undefined || seconds < 60) return [];
  if (seconds > secondsOf(duration.longest))
    return [{ label: `Longest for this template: ${spokenDuration(duration.longest)}.` }];
  const iso = durationOf(seconds);
  return [{ label: spokenDuration(iso), duration: iso }];
}

function secondsTyped(text: string): number | undefined {
  const typed = text.trim().toLowerCase();
  const minutes = /^(\d{1,4})\s*(m|min|mins|minutes?)?$/.exec(typed);
  if (minutes) return Number(minutes[1]) * 60;
  const hours = /^(\d{1,3})\s*(?:h|hours?|:)\s*(?:(\d{1,2})\s*(?:m|min|minutes?)?)?$/.exec(typed);
  return hours ? Number(hours[1]) * 3600 + Number(hours[2] ?? 0) * 60 : undefined;
}
