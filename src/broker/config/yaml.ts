import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type ErrorCode,
  type Node,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { Path, Problem } from './problem.ts';

/** Longest file that is read, in characters. */
export const longestFile = 256 * 1024;

/** A YAML file: its value, and where in the text each part of it stands. */
export interface YamlFile {
  readonly file: string;
  /** undefined if there are problems. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** A problem at the value under `path`; where it is missing, at the nearest thing around it. */
  at(path: Path, words: string): Problem;
  /** A problem at the last key of `path` instead of its value. */
  atKey(path: Path, words: string): Problem;
}

const nesting = 'this is nested too deeply.';

// The library's own messages quote the text, which may hold a password.
const syntaxWords: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'a tab is used to indent. Use spaces.',
  DUPLICATE_KEY: 'this key stands here twice. Keep one.',
  BAD_INDENT: 'the indentation does not fit the lines around it.',
  BAD_ALIAS: 'aliases (*name) are not read here. Write the value out.',
  NON_STRING_KEY: 'a key must be a plain word.',
  MULTIPLE_DOCS: 'a file holds one document. Remove everything from the second "---" on.',
  MISSING_CHAR: 'a quote, bracket, comma or colon is missing.',
  BLOCK_AS_IMPLICIT_KEY:
    'this does not fit here. Is a colon missing or one too many, or the indentation wrong?',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines. Is a colon missing?',
  BAD_SCALAR_START: 'a text cannot start with this character. Put the text in quotes.',
  BAD_DQ_ESCAPE: 'this \\ means nothing inside "…". Use single quotes, where \\ is just a \\.',
  TAG_RESOLVE_FAILED: 'tags (!name) are not read here. Write the plain value.',
  RESOURCE_EXHAUSTION: nesting,
};
const otherSyntax = 'this is not valid YAML. Look at quotes, colons and indentation around here.';

/** Reads one YAML 1.2 document without aliases, anchors, tags and directives. Never throws. */
export function readYaml(file: string, text: string, longest = longestFile): YamlFile {
  const lines = new LineCounter();
  const problem = (offset: number | undefined, path: Path, words: string): Problem => {
    const { line, col } = offset === undefined ? { line: 0, col: 0 } : lines.linePos(offset);
    return { file, line, column: col, path, words };
  };
  const broken = (problems: Problem[]): YamlFile => {
    const at = (path: Path, words: string) => problem(undefined, path, words);
    return { file, value: undefined, problems, at, atKey: at };
  };

  if (text.length > longest)
    return broken([problem(undefined, [], `the file is larger than ${longest / 1024} KB.`)]);
  const tooDeep = deepestLine(text);
  if (tooDeep > 0) return broken([{ ...problem(undefined, [], nesting), line: tooDeep, column: 1 }]);
  let document: Document.Parsed | undefined;
  const problems: Problem[] = [];
  try {
    const documents = parseAllDocuments(text.replace(/^\ufeff/, ''), {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
      // Found below: the library compares each key with each.
      uniqueKeys: false,
      resolveKnownTags: false,
      logLevel: 'silent',
    });
    if (!Array.isArray(documents)) return broken([problem(undefined, [], 'the file is empty.')]);
    document = documents[0];
    if (documents[1]) problems.push(problem(documents[1].range[0], [], syntaxWords.MULTIPLE_DOCS ?? ''));
    if (document) problems.push(...unwanted(document).map(([offset, words]) => problem(offset, [], words)));
  } catch {
    return broken([problem(undefined, [], nesting)]);
  }
  if (!document) return broken([problem(undefined, [], 'the file is empty.')]);
  if (problems.length > 0) return broken(oneALine(problems));

  const root = document.contents;
  const find = (path: Path, wanted: 'key' | 'value'): number | undefined => {
    let node: Node | null = root;
    let offset = root?.range[0];
    for (const [depth, part] of path.entries()) {
      const last = depth === path.length - 1;
      const next: Step | undefined = stepInto(node, part);
      if (!next) return offset;
      offset = (last && wanted === 'key') || next.value === undefined ? next.key : next.value;
      node = next.node;
    }
    return offset;
  };
  return {
    file,
    value: root === null ? null : (document.toJS() as unknown),
    problems: [],
    at: (path, words) => problem(find(path, 'value') ?? 0, path, words),
    atKey: (path, words) => problem(find(path, 'key') ?? 0, path, words),
  };
}

/**
 * The first line that nests deeper than anybody has reason to, 0 if none does. Looked at before the library parses:
 * 100,000 brackets end the process (out of memory). Brackets in texts count too, which no real file notices.
 */
function deepestLine(text: string): number {
  let open = 0;
  for (const [at, line] of text.split('\n').entries()) {
    for (const char of line) {
      if (char === '[' || char === '{') open++;
      if ((char === ']' || char === '}') && open > 0) open--;
      if (open > 64) return at + 1;
    }
    if ((/^[\s\-?:]*/.exec(line)?.[0].length ?? 0) > 256) return at + 1;
  }
  return 0;
}

interface Step {
  readonly node: Node | null;
  readonly key: number | undefined;
  /** undefined where nothing is written. */
  readonly value: number | undefined;
}

function stepInto(node: Node | null, part: string | number): Step | undefined {
  if (isSeq<Node>(node) && typeof part === 'number') {
    const item = node.items[part];
    return item && { node: item, key: item.range?.[0], value: item.range?.[0] };
  }
  if (!isMap<Node, Node | null>(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
  if (!pair) return undefined;
  const empty = !pair.value || (isScalar(pair.value) && pair.value.value === null);
  return { node: pair.value, key: pair.key.range?.[0], value: empty ? undefined : pair.value?.range?.[0] };
}

function unwanted(document: Document.Parsed): [offset: number, words: string][] {
  const found: [number, string][] = [...document.errors, ...document.warnings].map((error: YAMLError) => [
    error.pos[0],
    syntaxWords[error.code] ?? otherSyntax,
  ]);
  if (document.directives.yaml.explicit === true) found.push([0, 'directives (%YAML) are not read here.']);
  visit(document, {
    Node: (_key, node) => {
      const offset = node.range?.[0] ?? 0;
      if (isMap<Node>(node)) found.push(...twice(node));
      if (isAlias(node)) found.push([offset, syntaxWords.BAD_ALIAS ?? '']);
      else if (node.anchor !== undefined)
        found.push([offset, 'anchors (&name) are not read here. Write the value out where it is needed.']);
      if (isTagged(node) && !isPlain(node.tag)) found.push([offset, syntaxWords.TAG_RESOLVE_FAILED ?? '']);
    },
  });
  return found;
}

function twice({ items }: YAMLMap<Node>): [offset: number, words: string][] {
  const known = new Set<unknown>();
  return items.flatMap(({ key }) => {
    const name = isScalar(key) ? key.value : key;
    if (known.has(name)) return [[key.range?.[0] ?? 0, syntaxWords.DUPLICATE_KEY ?? '']];
    known.add(name);
    return [];
  });
}

const isTagged = (node: object): node is { tag: string } => 'tag' in node && typeof node.tag === 'string';
const isPlain = (tag: string) => /^tag:yaml\.org,2002:(map|seq|str|null|bool|int|float)$/.test(tag);

/** One mistake in the syntax makes several errors; the first one on a line says enough. */
function oneALine(problems: readonly Problem[]): Problem[] {
  const seen = new Set<number>();
  return [...problems]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .filter(({ line }) => !seen.has(line) && seen.add(line));
}
