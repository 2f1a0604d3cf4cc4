import { nothingFed, type Fed, type Surface } from './surface.ts';

export interface Total extends Fed {
  readonly surface: string;
  readonly seconds: number;
}

/**
 * Feeds these surfaces so many inputs in all, each its share of them.
 * @param tell called with a line about each surface as it is done
 */
export async function fuzz(
  surfaces: readonly Surface[],
  inputs: number,
  seed: number,
  tell: (line: string) => void = () => undefined,
): Promise<Total[]> {
  const shares = surfaces.reduce((sum, { share }) => sum + share, 0);
  const totals: Total[] = [];
  for (const surface of surfaces) {
    const began = performance.now();
    const fed = nothingFed();
    try {
      const opened = await surface.open();
      try {
        Object.assign(fed, await opened.feed(Math.ceil((inputs * surface.share) / shares), seed));
      } finally {
        fed.failures.push(...(await opened.close()).map((words) => `${surface.name}, afterwards: ${words}`));
      }
    } catch (error) {
      fed.failures.push(`${surface.name}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    }
    const total = { ...fed, surface: surface.name, seconds: (performance.now() - began) / 1000 };
    totals.push(total);
    tell(row(total));
  }
  return totals;
}

const counted = new Intl.NumberFormat('en-US');

export const heading =
  '| surface | inputs | over HTTP | reached SQL at a target | seconds | failures |\n|---|--:|--:|--:|--:|--:|';

export function row({ surface, inputs, overHttp, reachedSql, seconds, failures }: Total): string {
  const figures = [inputs, overHttp, reachedSql, Math.round(seconds), failures.length];
  return `| ${surface} | ${figures.map((figure) => counted.format(figure)).join(' | ')} |`;
}

/** `1,000,000 inputs: 120,000 over HTTP, 10,400 reached SQL at a target, 0 failures (seed 1)` */
export function totalLine(totals: readonly Total[], seed: number): string {
  const sum = (of: (total: Total) => number) =>
    counted.format(totals.reduce((all, total) => all + of(total), 0));
  return `${sum(({ inputs }) => inputs)} inputs: ${sum(({ overHttp }) => overHttp)} over HTTP, ${sum(({ reachedSql }) => reachedSql)} reached SQL at a target, ${sum(({ failures }) => failures.length)} failures (seed ${seed})`;
}
