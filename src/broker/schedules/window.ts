/** What of a schedule is looked at. Moments in milliseconds are those of `Date`. */
export interface Window {
  readonly from: Date;
  readonly until: Date;
}

/** How far ahead. A broker that was away for less finds what it saw before, and nobody waits another 24 hours. */
const aheadDays = 30;

export function windowFrom(at: Date): Window {
  return { from: at, until: new Date(at.getTime() + aheadDays * 24 * 3600_000) };
}
