import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { NotSignedIn } from '../identity/failures.ts';
import { namedIn } from '../identity/named.ts';
import { Buckets } from './buckets.ts';
import type { Caller } from './caller.ts';
import { Refusal } from './problem.ts';

export interface CallLimits {
  /** Calls a minute of one person. */
  readonly person: number;
  /** Calls a minute from one address that no person can be held to. */
  readonly address: number;
}

/** One call, as far as whether it is let in depends on it. */
export interface Knock {
  readonly authorization: string | undefined;
  /** IP address that it comes from. */
  readonly address: string;
  /** It takes access away: it is looked at after many more came before. */
  readonly ends: boolean;
  /** Whose the credential is. Throws `NotSignedIn` or `ProviderUnavailable`. */
  readonly verify: (credential: string | undefined) => Promise<Caller>;
}

export interface AdmissionParts {
  readonly limits: CallLimits;
  /** Milliseconds on a clock that is never set. */
  readonly elapsed?: () => number;
  /** How long whoever calls too often waits for that answer. */
  readonly refuseAfterMs?: number;
}

/** What ends access is let in so many times more often; no hand ends that much, and no flood is without bound. */
const moreToEnd = 10;

/** Calls a minute, to end access, with new sign-ins that name one person and come from one address, beyond all others. */
const endsOfOneName = 60;

/** A client that repeats a refused call at once does so four times a second over each of its connections, not thousands. */
const refuseAfterMs = 250;

const mostRemembered = 50_000;

/**
 * Who is let in. A person pays for their calls, wherever they come from; an address pays only for calls whose sign-in
 * does not count, so that a thousand people behind one address are a thousand people. Whose sign-in counted before is
 * known without verifying it, which is what a flood is refused by; it is verified all the same before it is let in.
 *
 * A flood of false sign-ins from an address keeps those waiting there that this broker has not seen: whoever signs in,
 * and whoever is at work as soon as their sign-in is renewed. To end access, so many more of them are looked at. Beyond
 * those, one that names a person whose sign-in counted lately is looked at too: to keep that person from ending access,
 * a flood must know whom to name, and come from that person's address. Who has not signed in at this broker lately, as
 * nobody has after its start, is not spared that.
 */
export class Admission {
  readonly #people: Buckets;
  readonly #addresses: Buckets;
  readonly #endings: Buckets;
  readonly #endingsByName: Buckets;
  readonly #refuseAfterMs: number;
  /** By the hash of what they signed in with. */
  readonly #remembered = new Map<string, Remembered>();
  /** Whom sign-ins that counted lately name. */
  readonly #lately = new Map<string, true>();

  constructor(parts: AdmissionParts) {
    const { limits, elapsed } = parts;
    this.#refuseAfterMs = parts.refuseAfterMs ?? refuseAfterMs;
    this.#people = new Buckets(limits.person, elapsed);
    this.#addresses = new Buckets(limits.address, elapsed);
    this.#endings = new Buckets(Math.max(limits.person, limits.address) * moreToEnd, elapsed);
    this.#endingsByName = new Buckets(endsOfOneName, elapsed);
  }

  /** @throws NotSignedIn, ProviderUnavailable, Refusal `too-many-calls` */
  async admit({ authorization, address, ends, verify }: Knock): Promise<Caller> {
    const hash = createHash('sha256')
      .update(authorization ?? '')
      .digest('base64');
    const known = this.#remembered.get(hash)?.personId;
    if (known !== undefined) {
      const wait = this.#waitOf(known, ends);
      if (wait !== undefined) throw await this.#late(tooMany(yours, wait, known));
      return this.#verified(hash, authorization, verify);
    }
    const payer = network(address);
    const seconds = this.#addresses.take(payer);
    if (seconds !== undefined) {
      const wait = ends ? this.#waitToEnd(payer, authorization) : seconds;
      if (wait !== undefined) throw await this.#late(tooMany(fromHere, wait));
    }
    const caller = await this.#verified(hash, authorization, verify).catch((error: unknown) => {
      // Where nobody can be recognised, the caller is not to blame.
      if (!(error instanceof NotSignedIn) && seconds === undefined) this.#addresses.giveBack(payer);
      throw error;
    });
    if (seconds === undefined) this.#addresses.giveBack(payer);
    const wait = this.#waitOf(caller.id, ends);
    if (wait !== undefined) throw await this.#late(tooMany(yours, wait, caller.id));
    return caller;
  }

  /** In how many seconds a person may call again; undefined where they may now. */
  #waitOf(personId: string, ends: boolean): number | undefined {
    const seconds = this.#people.take(personId);
    return seconds !== undefined && ends ? this.#endings.take(personId) : seconds;
  }

  /** In how many seconds a sign-in that is not known yet, and may be false, is looked at to end access. */
  #waitToEnd(payer: string, authorization: string | undefined): number | undefined {
    const seconds = this.#endings.take(payer);
    if (seconds === undefined) return undefined;
    const named = namedIn(authorization);
    if (named === undefined || !this.#lately.has(named)) return seconds;
    return this.#endingsByName.take(`${payer} ${named}`);
  }

  async #late(refusal: Refusal): Promise<Refusal> {
    await pause(this.#refuseAfterMs);
    return refusal;
  }

  async #verified(hash: string, authorization: string | undefined, verify: Knock['verify']): Promise<Caller> {
    try {
      const caller = await verify(authorization);
      const before = this.#remembered.get(hash);
      const named = before ? before.named : namedIn(authorization);
      remember(this.#remembered, hash, { personId: caller.id, named });
      if (named !== undefined) remember(this.#lately, named, true);
      return caller;
    } catch (error) {
      if (error instanceof NotSignedIn) this.#remembered.delete(hash);
      throw error;
    }
  }
}

interface Remembered {
  readonly personId: string;
  /** Whom the sign-in names. */
  readonly named: string | undefined;
}

/** The last one remembered stands last, so that the first is the one to forget. */
function remember<T>(all: Map<string, T>, key: string, value: T): void {
  all.delete(key);
  all.set(key, value);
  for (const oldest of all.keys()) {
    if (all.size <= mostRemembered) break;
    all.delete(oldest);
  }
}

/** One household, one host: of an IPv6 address only the network counts, since each host there has any number of them. */
export function network(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

const yours =
  'More calls came from you in this minute than the broker takes from one person. What ends access still works.';
const fromHere =
  'More calls whose sign-in does not count came from your address than the broker looks at. Until they are fewer, sign-ins from there that are new or renewed wait; to end access, some are looked at all the same.';

function tooMany(what: string, seconds: number, personId?: string): Refusal {
  const words = `${what} Try again in ${seconds} s.`;
  return new Refusal('too-many-calls', words, { retryAfterSeconds: seconds, personId });
}
