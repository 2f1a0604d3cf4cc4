import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { codeOf, stepAt } from './totp.ts';

/** A code is taken one step early or late: clocks differ, and typing takes time (RFC 6238 section 5.2). */
const slackSteps = 1;
/** So many wrong codes in a row are looked at (RFC 4226 section 7.3). */
const mostWrong = 5;
const lockedMs = 60_000;

export type CodeVerdict = 'right' | 'wrong' | 'used already' | 'too many wrong ones';

interface Device {
  readonly key: Buffer;
  /** The step of the last code that was taken: it and all before it are of no use any more. */
  lastStep: number;
  wrong: number;
  lockedUntil: number;
}

/** An authenticator for each person, and the check of its codes. Keys are made anew with each start of the sandbox. */
export class SecondFactor {
  readonly #seed = randomBytes(32);
  readonly #devices = new Map<string, Device>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Looks at a code that was typed; a right one counts once. */
  check(personId: string, typed: string): CodeVerdict {
    const device = this.#device(personId);
    const now = this.#now();
    if (now.getTime() < device.lockedUntil) return 'too many wrong ones';
    const code = typed.replace(/\s/g, '');
    const here = stepAt(now);
    for (let step = here - slackSteps; step <= here + slackSteps; step++)
      if (isSame(code, codeOf(device.key, step))) {
        if (step <= device.lastStep) return this.#failed(device, 'used already');
        device.lastStep = step;
        device.wrong = 0;
        return 'right';
      }
    return this.#failed(device, 'wrong');
  }

  /** What the person's authenticator shows; the next code already where this one was used. */
  shown(personId: string): string {
    const { key, lastStep } = this.#device(personId);
    const here = stepAt(this.#now());
    return codeOf(key, Math.min(Math.max(here, lastStep + 1), here + slackSteps));
  }

  #failed(device: Device, verdict: CodeVerdict): CodeVerdict {
    device.wrong += 1;
    if (device.wrong >= mostWrong) {
      device.wrong = 0;
      device.lockedUntil = this.#now().getTime() + lockedMs;
    }
    return verdict;
  }

  #device(personId: string): Device {
    const known = this.#devices.get(personId);
    if (known) return known;
    const key = createHmac('sha1', this.#seed).update(personId).digest();
    const made = { key, lastStep: -1, wrong: 0, lockedUntil: 0 };
    this.#devices.set(personId, made);
    return made;
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
