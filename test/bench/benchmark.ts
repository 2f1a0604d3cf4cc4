/** What one benchmark found. Without `value` it could not be measured. */
export interface Result {
  readonly name: string;
  readonly value: number | null;
  readonly unit: string;
  /** The same done by a bare script, in the same run and unit; null where there is nothing to compare with. */
  readonly bare: number | null;
  readonly aim: string;
  readonly met: boolean;
  /** More that was measured, a line each. */
  readonly details: readonly string[];
  /** What stands in the way of a missed aim, as measured; a line each. */
  readonly obstacles: readonly string[];
}

export interface Surroundings {
  /** Says how far it is; never on standard output. */
  readonly progress: (line: string) => void;
  /** Aborted when the run is to end early. */
  readonly signal: AbortSignal;
  /** Called when the benchmark is over, whatever ended it; the last one first. */
  readonly atEnd: (end: () => Promise<unknown>) => void;
}

export interface Benchmark {
  readonly name: string;
  /** What is measured, in a few words. */
  readonly what: string;
  readonly run: (surroundings: Surroundings) => Promise<Omit<Result, 'name'>>;
}
