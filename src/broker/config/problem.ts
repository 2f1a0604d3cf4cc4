import { dirname, relative, sep } from 'node:path';
import { spelledOut } from '../../contract/plain-text.ts';

export type Path = readonly (string | number)[];

/** Something wrong in a file that a person wrote: where, and in `words` what is wrong and what would be right. */
export interface Problem {
  /** As it was opened. */
  readonly file: string;
  /** From 1; 0: the whole file. */
  readonly line: number;
  readonly column: number;
  /** Keys from the top of the file; empty: the file itself. */
  readonly path: Path;
  readonly words: string;
}

/** `approve.by`, `targets.shop.login`, `scope.tables[2].name`; an index at the end is left to line and column. */
export function spokenPath(path: Path): string {
  let end = path.length;
  while (end > 0 && typeof path[end - 1] === 'number') end--;
  return path
    .slice(0, end)
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`))
    .join('');
}

/** `templates/shop/fix.yaml:12:5  approve.by: nobody is in "payments-lead". Did you mean "payments-leads"?` */
export function spokenProblem(problem: Problem, directory: string = process.cwd()): string {
  const { file, line, column, path, words } = problem;
  const near = relative(directory, file);
  const name = near === '' || near === '..' || near.startsWith(`..${sep}`) ? file : near;
  const place = line > 0 ? `${name}:${line}:${column}` : name;
  const key = spokenPath(path);
  // It is read in terminals, which would obey what a file's keys, texts and names hold.
  return spelledOut(`${place}  ${key === '' ? '' : `${key}: `}${words}`);
}

/** `../policy.yaml:3`: another place, as it is found from the file of a problem. */
export function besides(here: Problem, there: Problem): string {
  return `${relative(dirname(here.file), there.file)}:${there.line}`;
}

/** In the order in which a person reads files. */
export function inReadingOrder(problems: readonly Problem[]): Problem[] {
  const byPlace = (a: Problem, b: Problem) =>
    (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column;
  return [...problems].sort(byPlace);
}

/** Thrown where nothing can go on without the file. Its message is the problems, a line each. */
export class ProblemsFound extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const ordered = inReadingOrder(problems);
    super(ordered.map((problem) => spokenProblem(problem)).join('\n'));
    this.name = 'ProblemsFound';
    this.problems = ordered;
  }
}
