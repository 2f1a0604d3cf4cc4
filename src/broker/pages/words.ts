import { markup, type Html } from './html.ts';

/** `just now`, `2 min ago`, `in 3 h`: a page without a script does not know what clock its reader has. */
export function fromNow(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const ahead = seconds > 0;
  const minutes = Math.round(Math.abs(seconds) / 60);
  if (minutes === 0) return ahead ? 'in less than a minute' : 'just now';
  const hours = Math.round(minutes / 60);
  const span = minutes < 90 ? `${minutes} min` : hours < 36 ? `${hours} h` : `${Math.round(hours / 24)} days`;
  return ahead ? `in ${span}` : `${span} ago`;
}

/** The same with the exact time, in UTC, for whoever points at it and for programs. */
export function moment(instant: string, now: Date): Html {
  const at = new Date(instant);
  const exact = `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
  return markup`<time datetime="${instant}" title="${exact}">${fromNow(at, now)}</time>`;
}

/** Another person's words or name: whatever its direction, it does not reorder what stands around it. */
export const theirs = (text: string): Html => markup`<bdi dir="auto">${text}</bdi>`;
