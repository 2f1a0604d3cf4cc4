import type { FaultKind } from './schedule.ts';
import type { Outcome } from './seed.ts';

/** Faults of all seeds by kind, the most frequent first. */
export function byKind(outcomes: readonly Outcome[]): [FaultKind, number][] {
  const all = new Map<FaultKind, number>();
  for (const { counts } of outcomes)
    for (const [kind, count] of counts) all.set(kind, (all.get(kind) ?? 0) + count);
  return [...all].sort(([, one], [, another]) => another - one);
}

/** `N faults, N violations`. */
export function totalLine(outcomes: readonly Outcome[]): string {
  const faults = byKind(outcomes).reduce((sum, [, count]) => sum + count, 0);
  const violations = outcomes.reduce((sum, one) => sum + one.violations.length, 0);
  return `${faults} faults, ${violations} violations`;
}
