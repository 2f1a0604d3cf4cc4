import { uptime } from 'node:os';

/** Where a clock gets its time from; tests hand in their own. All in ms. */
export interface TimeSource {
  /** This machine's clock, since the epoch; people and NTP set it. */
  wall(): number;
  /** Never set, never standing still, sleep of the machine included; its zero means nothing. */
  steady(): number;
}

/** Smaller differences are the coarse grain of the uptime (10 ms), not sleep. */
const noticeableMs = 100;

/** On Linux the monotonic clock stands still while the machine sleeps; the uptime does not. */
export function machineTime(
  monotonic: () => number = () => performance.now(),
  uptimeMs: () => number = process.platform === 'linux' ? () => uptime() * 1000 : monotonic,
  wall: () => number = () => Date.now(),
): TimeSource {
  let ahead = uptimeMs() - monotonic();
  return {
    wall,
    steady: () => {
      const now = monotonic();
      const aheadNow = uptimeMs() - now;
      if (Math.abs(aheadNow - ahead) > noticeableMs) ahead = aheadNow;
      return now + ahead;
    },
  };
}
