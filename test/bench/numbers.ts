/** The smallest value that at least this share of the values does not exceed (nearest rank); NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? Number.NaN;
}

export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), max: percentile(values, 1) };
}

/** To three significant digits, without an exponent. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

export function spoken(spread: Spread, unit = 'ms'): string {
  return `p50 ${rounded(spread.p50)}, p99 ${rounded(spread.p99)}, at most ${rounded(spread.max)} ${unit}`;
}

/** Milliseconds since 1970 on this machine's clock, with fractions. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
