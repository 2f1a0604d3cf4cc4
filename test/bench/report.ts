import type { Result } from './benchmark.ts';
import { rounded } from './numbers.ts';

/** How many times the bare figure it is, rounded; null where one of them is missing. */
export const ratioOf = ({ value, bare }: Result) =>
  value === null || bare === null ? null : rounded(value / bare);

/** What machines read: value and bare in `unit`, `ratio` of the two. */
export function json(results: readonly Result[]): string {
  const rows = results.map((result) => {
    const { name, value, unit, bare, aim, met } = result;
    const round = (number: number | null) => (number === null ? null : rounded(number));
    return { name, value: round(value), unit, bare: round(bare), ratio: ratioOf(result), aim, met };
  });
  return JSON.stringify(rows, undefined, 2);
}

/** What people read: a row each, and below it what else was measured and what stands in the way of a missed aim. */
export function table(results: readonly Result[]): string {
  const figure = (number: number | null, unit = '') => (number === null ? '–' : `${rounded(number)}${unit}`);
  const rows = results.map((result) => [
    result.name,
    figure(result.value, ` ${result.unit}`),
    figure(result.bare, ` ${result.unit}`),
    figure(ratioOf(result), ' ×'),
    result.aim,
    result.met ? 'met' : 'missed',
  ]);
  const head = ['benchmark', 'Daypass', 'bare', 'ratio', 'aim', ''];
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const more = results.flatMap(({ name, details, obstacles }) => [
    ...(details.length + obstacles.length > 0 ? ['', name] : []),
    ...details.map((detail) => `  ${detail}`),
    ...obstacles.map((obstacle) => `  in the way: ${obstacle}`),
  ]);
  return ['', line(head), ...rows.map(line), ...more].join('\n');
}
