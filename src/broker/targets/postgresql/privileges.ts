import { folded } from './names.ts';

/** What a privilege line is about, names as PostgreSQL has them (unquoted ones folded to lower case). */
export type PrivilegeObject =
  | { readonly kind: 'table' | 'sequence'; readonly schema: string; readonly name: string }
  /** A procedure too. `arguments` is the text between the parentheses; it can hold type names only. */
  | { readonly kind: 'function'; readonly schema: string; readonly name: string; readonly arguments: string }
  | { readonly kind: 'all tables' | 'all sequences' | 'all functions'; readonly schema: string }
  | { readonly kind: 'schema'; readonly schema: string };

/** One privilege on one object; `columns` empty means the whole of it. */
export interface Privilege {
  readonly action: Action;
  readonly columns: readonly string[];
  readonly on: PrivilegeObject;
}

const forTables = ['select', 'insert', 'update', 'delete', 'truncate', 'maintain'] as const;
const forSequences = ['usage', 'select', 'update'] as const;
const actions = [...new Set([...forTables, ...forSequences, 'execute'] as const)];
export type Action = (typeof actions)[number];

const allowedOn: Readonly<Record<PrivilegeObject['kind'], readonly Action[]>> = {
  table: forTables,
  'all tables': forTables,
  sequence: forSequences,
  'all sequences': forSequences,
  function: ['execute'],
  'all functions': ['execute'],
  schema: ['usage'],
};
const withColumns: readonly Action[] = ['select', 'insert', 'update'];

const refused: Readonly<Record<string, string>> = {
  all: 'Name each privilege that the task needs, e.g. "select, update on sales.orders".',
  'all privileges': 'Name each privilege that the task needs, e.g. "select, update on sales.orders".',
  create: 'What a lease creates is removed at its end. For a migration, use "owner" and "schema" instead.',
  trigger: 'A trigger would run in other people’s sessions, after the end too.',
  references: 'A foreign key would outlive the lease. For a migration, use "owner" and "schema" instead.',
};

/** Thrown with what is wrong with a privilege line and what would be right. */
export class PrivilegeError extends Error {}

const token = /\s*(?:("(?:[^"]|"")+")|([\p{L}_][\p{L}\p{N}_$]*)|(.))/suy;

interface Token {
  readonly text: string;
  readonly is: 'quoted' | 'word' | 'sign';
}

function tokensOf(line: string): Token[] {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  const text = line.trim();
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (!match) break;
    if (match[1] !== undefined)
      tokens.push({ text: match[1].slice(1, -1).replaceAll('""', '"'), is: 'quoted' });
    else if (match[2] !== undefined) tokens.push({ text: folded(match[2]), is: 'word' });
    else tokens.push({ text: match[3] ?? '', is: 'sign' });
  }
  return tokens;
}

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(line: string) {
    this.#tokens = tokensOf(line);
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** Whether the next words are these; if so they are passed over. */
  takes(...words: readonly string[]): boolean {
    const here = this.#tokens.slice(this.#at, this.#at + words.length);
    const same = words.every((word, i) => here[i]?.text === word && here[i].is !== 'quoted');
    if (same) this.#at += words.length;
    return same;
  }

  word(): string | undefined {
    const next = this.#tokens[this.#at];
    if (next?.is !== 'word') return undefined;
    this.#at += 1;
    return next.text;
  }

  name(what: string): string {
    const next = this.#tokens[this.#at];
    if (!next || next.is === 'sign')
      throw new PrivilegeError(`Here ${what} is expected${next ? `, not "${next.text}"` : ''}.`);
    this.#at += 1;
    return possible(next.text);
  }

  qualified(what: string): { schema: string; name: string } {
    const schema = this.name(`the schema of ${what}`);
    if (!this.takes('.'))
      throw new PrivilegeError(
        `Name the schema too, as in "sales.${schema}": the search path is not relied on.`,
      );
    return { schema, name: this.name(`the name of ${what}`) };
  }

  /** The types between parentheses, as SQL that can hold nothing else. */
  types(): string {
    if (!this.takes('('))
      throw new PrivilegeError(
        'Name the types of its arguments too, as in "sales.refund(integer)" or "sales.tidy()".',
      );
    let sql = '';
    let depth = 1;
    let afterName = false;
    for (;;) {
      const next = this.#tokens[this.#at++];
      if (!next) throw new PrivilegeError('The closing parenthesis is missing.');
      if (next.is === 'sign') {
        if (next.text === '(') depth += 1;
        else if (next.text === ')') depth -= 1;
        else if (!'.,[]0123456789'.includes(next.text))
          throw new PrivilegeError(`"${next.text}" does not belong to a type.`);
        if (depth === 0) return sql;
        sql += next.text === ',' ? ', ' : next.text;
      } else {
        const name = possible(next.text);
        sql += `${afterName ? ' ' : ''}${next.is === 'quoted' ? `"${name.replaceAll('"', '""')}"` : name}`;
      }
      afterName = next.is !== 'sign';
    }
  }
}

/** A name that PostgreSQL can hold as it is. */
function possible(name: string): string {
  if (Buffer.byteLength(name) > 63) throw new PrivilegeError('A name in PostgreSQL has at most 63 bytes.');
  return name;
}

function actionAt(reader: Reader): { action: Action; columns: string[] } {
  let word = reader.word();
  if (word === 'all' && reader.takes('privileges')) word = 'all privileges';
  const reason = word !== undefined && Object.hasOwn(refused, word) ? refused[word] : undefined;
  if (reason !== undefined)
    throw new PrivilegeError(`"${word ?? ''}" cannot be part of a template. ${reason}`);
  const action = actions.find((known) => known === word);
  if (!action)
    throw new PrivilegeError(
      `A line begins with a privilege: ${actions.join(', ')}${word ? `; "${word}" is none` : ''}.`,
    );
  const columns: string[] = [];
  if (reader.takes('(')) {
    do columns.push(reader.name('a column'));
    while (reader.takes(','));
    if (!reader.takes(')')) throw new PrivilegeError('The closing parenthesis after the columns is missing.');
    if (!withColumns.includes(action)) throw new PrivilegeError(`"${action}" cannot be limited to columns.`);
  }
  return { action, columns };
}

function objectAt(reader: Reader): PrivilegeObject {
  for (const kind of ['all tables', 'all sequences', 'all functions'] as const)
    if (reader.takes(...kind.split(' '), 'in', 'schema')) return { kind, schema: reader.name('a schema') };
  if (reader.takes('all'))
    throw new PrivilegeError('Write "all tables in schema sales", with tables, sequences or functions.');
  if (reader.takes('schema')) return { kind: 'schema', schema: reader.name('a schema') };
  if (reader.takes('sequence')) return { kind: 'sequence', ...reader.qualified('a sequence') };
  if (reader.takes('function') || reader.takes('procedure') || reader.takes('routine'))
    return { kind: 'function', ...reader.qualified('a function'), arguments: reader.types() };
  reader.takes('table');
  return { kind: 'table', ...reader.qualified('a table') };
}

/**
 * Reads a line like `update (status, updated_at) on sales.orders`: privileges with their columns, `on`, one object.
 * The grammar is GRANT's, as far as a template may use it. Throws `PrivilegeError`.
 */
export function parsePrivilegeLine(line: string): Privilege[] {
  const reader = new Reader(line);
  const wanted = [actionAt(reader)];
  while (reader.takes(',')) wanted.push(actionAt(reader));
  if (!reader.takes('on'))
    throw new PrivilegeError(
      'After the privileges comes "on" and what they are for, as in "select on sales.orders".',
    );
  const on = objectAt(reader);
  if (reader.takes('with', 'grant'))
    throw new PrivilegeError(
      'A lease must not be able to pass privileges on: leave "with grant option" out.',
    );
  if (reader.takes('to'))
    throw new PrivilegeError('Leave out "to …": the privileges go to the template’s own role.');
  if (reader.takes(',')) throw new PrivilegeError('One object a line, please.');
  if (!reader.done) throw new PrivilegeError('After the object nothing more is expected.');
  for (const { action, columns } of wanted) {
    if (!allowedOn[on.kind].includes(action))
      throw new PrivilegeError(
        `"${action}" does not exist for a ${on.kind}; there is ${allowedOn[on.kind].join(', ')}.`,
      );
    if (columns.length && on.kind !== 'table')
      throw new PrivilegeError(`Columns can be named for one table, not for ${on.kind}.`);
  }
  return wanted.map((each) => ({ ...each, on }));
}
