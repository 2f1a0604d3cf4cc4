import * as z from 'zod';
import { inReadingOrder, type Path, type Problem } from './problem.ts';
import { suggestion } from './suggest.ts';
import type { YamlFile } from './yaml.ts';

/** What the schema says about a place, for hints: the parts of its JSON Schema that are read here. */
interface Described {
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Described>>;
  readonly additionalProperties?: Described | boolean;
  readonly items?: Described;
  readonly anyOf?: readonly Described[];
  readonly oneOf?: readonly Described[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Described>>;
}

export type Checked<T> =
  | { readonly value: T; readonly problems: readonly [] }
  | { readonly value: undefined; readonly problems: readonly Problem[] };

/** A file's value by a schema, or everything that is wrong with it in words, each with its place. */
export function check<S extends z.ZodType>(file: YamlFile, schema: S): Checked<z.output<S>> {
  if (file.problems.length > 0) return { value: undefined, problems: file.problems };
  const result = schema.safeParse(file.value);
  if (result.success) return { value: result.data, problems: [] };
  const problems = result.error.issues
    .slice(0, mostTold)
    .flatMap((issue) => inWords(file, issue, describe(schema)));
  return { value: undefined, problems: firstAtEachPlace(inReadingOrder(problems)) };
}

/** Nobody reads more, and a file of nothing but mistakes must not keep a broker busy. */
const mostTold = 100;

const described = new WeakMap<z.ZodType, Described>();

function describe(schema: z.ZodType): Described {
  const known = described.get(schema);
  if (known) return known;
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Described;
  described.set(schema, made);
  return made;
}

function inWords(file: YamlFile, issue: z.core.$ZodIssue, schema: Described): Problem[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const written = valueAt(file.value, path);
  if (issue.code === 'invalid_type' || issue.code === 'invalid_union' || issue.code === 'invalid_value') {
    if (written === undefined) return [file.at(path, `is missing. ${hint(schema, path)}`.trim())];
    if (written === null) return [file.at(path, `is empty. ${hint(schema, path)}`.trim())];
  }
  switch (issue.code) {
    case 'unrecognized_keys': {
      const place = describedAt(schema, path);
      const known = [place, ...optionsOf(place)].flatMap((option) => Object.keys(option?.properties ?? {}));
      return issue.keys
        .slice(0, mostTold)
        .map((key) =>
          file.atKey(
            [...path, key],
            `there is no such key. ${suggestion(key, known.filter(isFree(written)))}`.trim(),
          ),
        );
    }
    case 'invalid_key':
      return [file.atKey(path, issue.issues[0]?.message ?? 'this key is not possible here.')];
    case 'invalid_type':
      if (isOurs(issue.message)) return [file.at(path, issue.message)];
      return [
        file.at(
          path,
          `should be ${kinds[issue.expected] ?? issue.expected}, not ${issue.expected === 'int' ? String(written) : kindOf(written)}. ${hint(schema, path)}`.trim(),
        ),
      ];
    case 'invalid_value': {
      return [file.at(path, oneOf(written, issue.values.map(String)))];
    }
    case 'too_small':
      return [
        file.at(
          path,
          `${sizeWords(issue.origin, 'at least', Number(issue.minimum))} ${hint(schema, path)}`.trim(),
        ),
      ];
    case 'too_big':
      return [file.at(path, sizeWords(issue.origin, 'at most', Number(issue.maximum)))];
    case 'invalid_union': {
      if ('options' in issue && Array.isArray(issue.options) && issue.errors.length === 0)
        return [file.at(path, oneOf(written, issue.options.map(String)))];
      // What fails deeper inside is what was meant.
      const meant = issue.errors.find((branch) =>
        branch.every((inner) => inner.path.length > 0 || isAboutKeys(inner)),
      );
      if (!meant || meant.length === 0)
        return [file.at(path, `is not possible here. ${hint(schema, path)}`.trim())];
      return meant.flatMap((inner) =>
        inWords(file, { ...inner, path: [...issue.path, ...inner.path] }, schema),
      );
    }
    default:
      return [file.at(path, issue.message)];
  }
}

function oneOf(written: unknown, known: readonly string[]): string {
  const said =
    typeof written === 'string' && written.length <= 60 ? `"${written}" is not possible here. ` : '';
  return `${said}${suggestion(String(written), known, 'Possible')}`;
}

/** What several rules say about one value, the first of them says enough. */
function firstAtEachPlace(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ line, column, path }) => {
    const place = JSON.stringify([line, column, path]);
    return !seen.has(place) && seen.add(place);
  });
}

const isAboutKeys = (issue: z.core.$ZodIssue) => issue.code === 'unrecognized_keys';

// zod's own messages begin like this; what the schema says itself goes to people as it is.
const isOurs = (message: string) => !message.startsWith('Invalid input');

const isFree = (written: unknown) => (key: string) =>
  typeof written !== 'object' || written === null || !(key in written);

const kinds: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return kinds[typeof value] ?? typeof value;
}

function sizeWords(origin: string, bound: string, size: number): string {
  if (origin === 'string')
    return size === 1 && bound === 'at least' ? 'is empty.' : `should have ${bound} ${size} characters.`;
  if (origin === 'array')
    return size === 1 && bound === 'at least' ? 'is an empty list.' : `should list ${bound} ${size}.`;
  return `should be ${bound} ${size}.`;
}

/** What the key is for, and an example. */
function hint(schema: Described, path: Path): string {
  const place = describedAt(schema, path);
  const key = path.at(-1);
  const example = place?.examples?.[0];
  const shown = example === undefined || typeof key !== 'string' ? undefined : `${key}: ${inFlow(example)}`;
  return [place?.description, shown === undefined ? undefined : `For example: ${shown}`]
    .filter(Boolean)
    .join(' ');
}

/** YAML in flow style, as short as it can be written. */
export function inFlow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inFlow).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, part]) => `${key}: ${inFlow(part)}`)
      .join(', ')} }`;
  const text = String(value);
  return /[,[\]{}]|: | #|^[&*!|>'"%@`#?-]/.test(text) ? `'${text.replaceAll("'", "''")}'` : text;
}

function describedAt(schema: Described, path: Path): Described | undefined {
  const followed = (here: Described | undefined): Described | undefined =>
    here?.$ref === undefined ? here : { ...schema.$defs?.[here.$ref.replace('#/$defs/', '')], ...here };
  let here: Described | undefined = schema;
  for (const part of path) {
    const several = optionsOf(here);
    const options = several.length > 0 ? several : here ? [here] : [];
    const next: (Described | undefined)[] = options.map(followed).map((option) => {
      if (typeof part === 'number') return option?.items;
      const more = option?.additionalProperties;
      return option?.properties?.[part] ?? (typeof more === 'object' ? more : undefined);
    });
    here = followed(next.find((one) => one !== undefined));
  }
  return here;
}

/** What a place may be, where that is one of several things; `oneOf` of bare conditions says nothing of that. */
function optionsOf(place: Described | undefined): readonly Described[] {
  return place?.anyOf ?? (place?.properties ? [] : (place?.oneOf ?? []));
}

function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const part of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = Object.getOwnPropertyDescriptor(here, part)?.value as unknown;
  }
  return here;
}
