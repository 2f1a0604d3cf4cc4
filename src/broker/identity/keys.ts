import { createLocalJWKSet, errors, type CryptoKey, type JWSHeaderParameters } from 'jose';
import { ProviderUnavailable } from './failures.ts';
import { fetchKeys } from './discovery.ts';

/** How old keys may be before they are fetched again in the background, in milliseconds. */
const fresh = 10 * 60_000;
/** How long keys go on being used while the provider cannot be reached. */
const usable = 24 * 3600_000;
/** At most so many fetches in a minute, however many unknown keys are asked for. */
const fetchesPerMinute = 4;
/** Pause between fetches while there are no keys at all. */
const pause = 1_000;

export interface KeysOptions {
  readonly issuer: string;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds since anything, on a clock that is never set. */
  readonly elapsed: () => number;
  readonly log: (message: string, error?: unknown) => void;
}

type Lookup = ReturnType<typeof createLocalJWKSet>;

/**
 * The issuer's public keys, fetched when they are needed and never by several calls at once. A provider that is down
 * at the start is tried again at later calls; keys once fetched are used for a day while it is down.
 */
export class Keys {
  readonly #options: KeysOptions;
  #lookup: Lookup | undefined;
  #fetchedAt = -Infinity;
  #tries: number[] = [];
  #trouble: unknown;
  #fetching: Promise<void> | undefined;

  constructor(options: KeysOptions) {
    this.#options = options;
  }

  get present(): boolean {
    return this.#lookup !== undefined && this.#options.elapsed() - this.#fetchedAt <= usable;
  }

  /** Fetches keys if there are none. Never rejects. */
  async prepare(): Promise<void> {
    if (!this.present) await this.#refresh();
  }

  /**
   * The keys that a token with this header may be signed with; usually one, several where it names none.
   * Empty: no such key.
   * @throws ProviderUnavailable
   */
  async matching(header: JWSHeaderParameters): Promise<CryptoKey[]> {
    if (!this.present) await this.#refresh();
    else if (this.#options.elapsed() - this.#fetchedAt > fresh) void this.#refresh();
    const lookup = this.#lookup;
    if (!lookup || !this.present)
      throw new ProviderUnavailable('The identity provider gave no keys yet.', { cause: this.#trouble });
    const found = await lookUp(lookup, header);
    if (found.length > 0) return found;
    await this.#refresh();
    // Perhaps a new key that cannot be fetched now: whoever is told to sign in again would be none the wiser.
    if (this.#trouble !== undefined)
      throw new ProviderUnavailable('The key is unknown and the identity provider gives no newer ones.', {
        cause: this.#trouble,
      });
    return this.#lookup === undefined || this.#lookup === lookup ? [] : lookUp(this.#lookup, header);
  }

  /** Fetches unless that was tried enough. Never rejects. */
  #refresh(): Promise<void> {
    if (this.#fetching) return this.#fetching;
    const now = this.#options.elapsed();
    this.#tries = this.#tries.filter((at) => now - at < 60_000);
    const enough = this.present
      ? this.#tries.length >= fetchesPerMinute
      : now - (this.#tries.at(-1) ?? -Infinity) < pause;
    if (enough) return Promise.resolve();
    this.#tries.push(now);
    this.#fetching = this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { issuer, fetch, elapsed, log } = this.#options;
    try {
      this.#lookup = createLocalJWKSet(await fetchKeys(issuer, fetch));
      this.#fetchedAt = elapsed();
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = error;
      log('The identity provider’s keys could not be fetched.', error);
    }
  }
}

async function lookUp(lookup: Lookup, header: JWSHeaderParameters): Promise<CryptoKey[]> {
  try {
    return [await lookup(header)];
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      const several: CryptoKey[] = [];
      for await (const key of error) several.push(key);
      return several.slice(0, 8);
    }
    // A key that is there and cannot be used (its form, its algorithm) is none.
    return [];
  }
}
