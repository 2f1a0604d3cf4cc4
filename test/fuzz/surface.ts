import fc from 'fast-check';

/** What came of feeding a surface. */
export interface Fed {
  inputs: number;
  /** Of these, sent to a broker over HTTP and answered by it (or refused by closing the connection). */
  overHttp: number;
  /** Of these, part of a statement that a real PostgreSQL was sent. */
  reachedSql: number;
  readonly failures: string[];
}

export const nothingFed = (): Fed => ({ inputs: 0, overHttp: 0, reachedSql: 0, failures: [] });

/** A place where inputs come in. */
export interface Surface {
  readonly name: string;
  /** How many of a thousand inputs it gets. */
  readonly share: number;
  open(): Promise<Opened>;
}

export interface Opened {
  /** Feeds about so many inputs; the same seed makes the same ones. */
  feed(inputs: number, seed: number): Promise<Fed>;
  /** Looks at what is there afterwards; what should not be comes back in words. */
  close(): Promise<string[]>;
}

export interface Property<T = unknown> {
  readonly name: string;
  readonly of: fc.Arbitrary<T>;
  /** Throws where the input did harm. */
  readonly holds: (input: T) => void | Promise<void>;
  /** How many of the surface's inputs it gets, beside the others; 1 unless said. */
  readonly weight?: number;
  /** A run takes so long that a failure is told as it was found: looking for a smaller one would take hours. */
  readonly slow?: boolean;
}

export function property<T>(
  name: string,
  of: fc.Arbitrary<T>,
  holds: Property<T>['holds'],
  weight = 1,
): Property {
  return { name, of, holds, weight } as Property;
}

const longestMs = 1_000;

/** Fails where the work takes more than a second of this process's own time, thrice in a row: others' load is no hang. */
async function inTime(work: () => void | Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const began = performance.now();
    const before = process.cpuUsage();
    const pending = work();
    if (pending) await pending;
    if (performance.now() - began <= longestMs) return;
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 <= longestMs) return;
    if (attempt === 3) throw new Error(`It took ${Math.round((user + system) / 1000)} ms of processor time.`);
  }
}

/** A surface of functions in this process. */
export function surface(
  name: string,
  share: number,
  properties:
    readonly Property[] | (() => Promise<{ properties: readonly Property[]; close: () => Promise<void> }>),
): Surface {
  return {
    name,
    share,
    async open() {
      const opened =
        typeof properties === 'function'
          ? await properties()
          : { properties, close: () => Promise.resolve() };
      return {
        async feed(inputs, seed) {
          const fed = nothingFed();
          const weights = opened.properties.reduce((sum, { weight = 1 }) => sum + weight, 0);
          for (const [at, one] of opened.properties.entries()) {
            const numRuns = Math.max(1, Math.round((inputs * (one.weight ?? 1)) / weights));
            const found = await check(name, one, numRuns, seed + at);
            fed.inputs += found.runs;
            if (found.failure !== undefined) fed.failures.push(found.failure);
          }
          return fed;
        },
        close: async () => {
          await opened.close();
          return [];
        },
      };
    },
  };
}

/** Runs one property; a failure comes back shrunk, with what replays it. */
export async function check(
  surfaceName: string,
  { name, of, holds, slow = false }: Property,
  numRuns: number,
  seed: number,
): Promise<{ runs: number; failure?: string }> {
  const result = await fc.check(
    fc.asyncProperty(of, async (input) => inTime(() => holds(input))),
    { numRuns, seed, endOnFailure: slow },
  );
  if (!result.failed) return { runs: result.numRuns };
  const error =
    result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance);
  const input = fc.stringify(result.counterexample?.[0]);
  return {
    runs: result.numRuns,
    failure: `${surfaceName}: ${name}\n  seed ${seed}, path ${result.counterexamplePath ?? ''}\n  input ${input.slice(0, 4000)}\n  ${error.slice(0, 2000)}`,
  };
}
