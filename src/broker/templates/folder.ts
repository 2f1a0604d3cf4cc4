import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failureOf } from '../config/files.ts';
import type { References } from '../config/load.ts';
import { besides, inReadingOrder, type Problem } from '../config/problem.ts';
import { examine, isExamples, type Examined, type ExaminedFile } from './examples.ts';
import { noPolicy } from './policy.ts';
import { longestTemplate, parseTemplates, type ParsedTemplates, type TemplateText } from './parse.ts';

/** Where none could be read. */
export const noTemplates: ParsedTemplates = {
  templates: new Map(),
  files: new Map(),
  policy: noPolicy,
  problems: [],
  warnings: [],
};

const deepest = 8;
const mostFiles = 2000;

/** The template files of a folder as they are at one moment. */
export interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  /** Another one whenever a file came, went or was written. */
  readonly signature: string;
  readonly problems: readonly Problem[];
}

/**
 * Files that end in `.yaml` or `.yml`, in all folders below, but for hidden ones and those that editors leave beside
 * what they save. Links are followed, as Kubernetes mounts its files.
 */
export async function listTemplates(folder: string): Promise<Listing> {
  const files: string[] = [];
  const folders: string[] = [];
  const signature: string[] = [];
  const problems: Problem[] = [];
  const walk = async (here: string, depth: number): Promise<void> => {
    folders.push(here);
    const names = (await readdir(here)).filter((name) => !/^[.#~]/.test(name)).sort();
    for (const name of names) {
      const path = join(here, name);
      const found = await stat(path, { bigint: true }).catch(() => undefined);
      if (found?.isDirectory() && depth < deepest) await walk(path, depth + 1);
      if (!found?.isFile() || !/\.ya?ml$/i.test(name)) continue;
      files.push(path);
      signature.push(`${path} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`);
    }
  };
  try {
    await walk(folder, 0);
  } catch (error) {
    problems.push(whole(folder, `the folder with the templates ${failureOf(error)}`));
  }
  if (files.length > mostFiles) problems.push(whole(folder, `holds more than ${mostFiles} templates.`));
  return { files, folders, signature: [...signature, ...problems.map((p) => p.words)].join('\n'), problems };
}

/** Reads and checks what was listed. Never throws: what is wrong is in the result. */
export async function readTemplates(listing: Listing, references: References): Promise<ParsedTemplates> {
  if (listing.problems.length > 0) return { ...noTemplates, problems: listing.problems };
  const texts: TemplateText[] = [];
  const unread: Problem[] = [];
  for (const file of listing.files.filter((one) => !isExamples(one))) {
    try {
      const { size } = await stat(file);
      // A character takes up to four bytes; the text itself is measured again when it is parsed.
      if (size > longestTemplate * 4)
        unread.push(whole(file, `the file is larger than ${longestTemplate / 1024} KB.`));
      else texts.push({ file, text: await readFile(file, 'utf8') });
    } catch (error) {
      unread.push(whole(file, `the file ${failureOf(error)}`));
    }
  }
  const parsed = parseTemplates(texts, references);
  return { ...parsed, problems: [...unread, ...parsed.problems] };
}

/** All templates of a folder, or what is wrong with them. */
export async function loadTemplates(folder: string, references: References): Promise<ParsedTemplates> {
  return readTemplates(await listTemplates(folder), references);
}

/** Holds all examples of a folder against its policy. */
export async function loadExamples(
  folder: string,
  rules: Pick<ParsedTemplates, 'templates' | 'policy'>,
  references: References,
  now: Date,
): Promise<Examined> {
  const { files } = await listTemplates(folder);
  const all = await Promise.all(
    files
      .filter(isExamples)
      .map(async (file) => examine({ file, text: await readFile(file, 'utf8') }, rules, references, now)),
  );
  return {
    problems: inReadingOrder([...all.flatMap(({ problems }) => problems), ...putIntoOtherGroups(all)]),
    proven: all.reduce((sum, { proven }) => sum + proven, 0),
    people: new Map(all.flatMap(({ people }) => [...people])),
  };
}

/** Somebody of whom two files say different things: an example would be proved of a person who is another one elsewhere. */
function putIntoOtherGroups(files: readonly ExaminedFile[]): Problem[] {
  const first = new Map<string, { readonly groups: string; readonly at: Problem }>();
  return files.flatMap(({ document, people }) =>
    [...people].flatMap(([who, theirs]) => {
      const groups = JSON.stringify([...new Set(theirs)].sort());
      const at = document.atKey(['people', who], '');
      const known = first.get(who);
      if (!known) first.set(who, { groups, at });
      if (!known || known.groups === groups) return [];
      const words = `${besides(at, known.at)} says other groups of "${who}". Let both say the same, or choose another name.`;
      return [{ ...at, words }];
    }),
  );
}

function whole(file: string, words: string): Problem {
  return { file, line: 0, column: 0, path: [], words };
}
