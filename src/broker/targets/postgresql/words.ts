import { spelledOut } from '../../../contract/plain-text.ts';
import type { Limit, Right } from '../../templates/rights.ts';
import { identifier } from './names.ts';
import type { Privilege, PrivilegeObject } from './privileges.ts';
import type { PostgresScope } from './scope.ts';

const wellKnownRoles: Readonly<
  Record<string, { readonly access: 'read' | 'write'; readonly words: string }>
> = {
  pg_monitor: {
    access: 'read',
    words: 'see what the server is doing: running queries, statistics, settings',
  },
  pg_read_all_stats: { access: 'read', words: 'see statistics and everybody’s running queries' },
  pg_read_all_settings: { access: 'read', words: 'see every setting of the server' },
  pg_stat_scan_tables: { access: 'read', words: 'run monitoring functions that scan tables' },
  pg_read_all_data: { access: 'read', words: 'read every table' },
  pg_checkpoint: { access: 'write', words: 'start a checkpoint' },
  pg_use_reserved_connections: { access: 'read', words: 'connect when nearly all connections are taken' },
  pg_signal_autovacuum_worker: { access: 'write', words: 'stop automatic vacuum workers' },
};

const knownRole = (role: string) => (Object.hasOwn(wellKnownRoles, role) ? wellKnownRoles[role] : undefined);

const list = (items: readonly string[]): string =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;

function thing(on: PrivilegeObject): string {
  switch (on.kind) {
    case 'table':
      return `${on.schema}.${on.name}`;
    case 'sequence':
      return `the sequence ${on.schema}.${on.name}`;
    case 'function':
      return `${on.schema}.${on.name}(${on.arguments})`;
    case 'schema':
      return `the schema ${on.schema}`;
    default:
      return `${on.kind} in ${on.schema}`;
  }
}

function said({ action, columns, on }: Privilege): string {
  const what = thing(on);
  const isSequence = on.kind === 'sequence' || on.kind === 'all sequences';
  switch (action) {
    case 'select':
      return columns.length ? `read ${list(columns)} of ${what}` : `read ${what}`;
    case 'insert':
      return columns.length ? `add rows to ${what}, giving ${list(columns)}` : `add rows to ${what}`;
    case 'update':
      if (isSequence) return `set ${what}`;
      return columns.length ? `update ${list(columns)} of ${what}` : `update ${what}`;
    case 'delete':
      return `delete rows from ${what}`;
    case 'truncate':
      return `empty ${what} at once`;
    case 'maintain':
      return `vacuum, analyze, reindex and lock ${what}`;
    case 'execute':
      return `run ${what}`;
    case 'usage':
      return isSequence ? `draw numbers from ${what}` : `see what is in ${what}`;
  }
}

/** What a scope allows, a line each, in words that a tired person understands. It claims no limit that PostgreSQL does not hold. */
export function allowsOf(scope: PostgresScope): string[] {
  const lines = scope.privileges
    .filter(
      ({ on }) =>
        on.kind !== 'schema' ||
        !scope.privileges.some((other) => other.on.kind !== 'schema' && other.on.schema === on.schema),
    )
    .map(said);
  for (const role of scope.roles) lines.push(roleWords(role));
  if (scope.owner) lines.push(ownerWords(scope.owner), 'read, change and delete all data in it');
  return [...new Set(lines.map(spelledOut))];
}

const roleWords = (role: string) => knownRole(role)?.words ?? `everything that the role ${role} may do`;
const ownerWords = ({ role, schema }: NonNullable<PostgresScope['owner']>) =>
  `change, create and drop anything of ${role}’s in the schema ${schema}`;

/** As people write it: quoted only where it has to be. */
function quotedName(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : identifier(name);
}

function named(on: PrivilegeObject): string {
  switch (on.kind) {
    case 'table':
      return `${quotedName(on.schema)}.${quotedName(on.name)}`;
    case 'sequence':
      return `SEQUENCE ${quotedName(on.schema)}.${quotedName(on.name)}`;
    case 'function':
      return `FUNCTION ${quotedName(on.schema)}.${quotedName(on.name)}(${on.arguments})`;
    case 'schema':
      return `SCHEMA ${quotedName(on.schema)}`;
    default:
      return `${on.kind.toUpperCase()} IN SCHEMA ${quotedName(on.schema)}`;
  }
}

/** A scope in PostgreSQL's own terms, a line each: privileges as GRANT has them, roles, settings. */
export function termsOf(scope: PostgresScope): string[] {
  const lines = [
    ...(scope.database === undefined ? [] : [connectTerm(scope.database)]),
    ...scope.privileges.map(privilegeTerm),
    ...scope.roles.map(roleTerm),
    ...(scope.owner ? [ownerTerm(scope.owner)] : []),
    ...[...scope.settings].map(([name, value]) => `SET ${name} = '${value.replaceAll("'", "''")}'`),
    `CONNECTION LIMIT ${scope.connections}`,
  ];
  return lines.map(spelledOut);
}

const connectTerm = (database: string) => `CONNECT ON DATABASE ${quotedName(database)}`;
const roleTerm = (role: string) => `MEMBER OF ${quotedName(role)}`;
const ownerTerm = ({ role, schema }: NonNullable<PostgresScope['owner']>) =>
  `OWNER AS ${quotedName(role)} IN SCHEMA ${quotedName(schema)}`;

function privilegeTerm({ action, columns, on }: Privilege): string {
  const of = columns.length ? ` (${columns.map(quotedName).join(', ')})` : '';
  return `${action.toUpperCase()}${of} ON ${named(on)}`;
}

/** Each thing that a scope allows, in PostgreSQL's own terms and in words. */
export function rightsOf({ database, privileges, roles, owner }: PostgresScope): Right[] {
  const rights: Right[] = [
    database === undefined
      ? { term: 'CONNECT', words: 'connect to the target’s own database' }
      : { term: connectTerm(database), words: `connect to the database ${database}` },
    ...privileges.map((one) => ({ term: privilegeTerm(one), words: said(one) })),
    ...roles.map((role) => ({ term: roleTerm(role), words: roleWords(role) })),
    ...(owner ? [{ term: ownerTerm(owner), words: ownerWords(owner) }] : []),
  ];
  return rights.map(({ term, words }) => ({ term: spelledOut(term), words: spelledOut(words) }));
}

/** What bounds or sets how it is used. */
export function limitsOf({ connections, settings }: PostgresScope): Limit[] {
  return [
    { what: 'Connections at once', is: connections },
    ...[...settings].map(([name, value]) => ({ what: `Setting ${name}`, is: spelledOut(value) })),
  ];
}

/** How much harm a scope could do at most. A function counts as writing: what it does is its own affair. */
export function accessOf(scope: PostgresScope): 'read' | 'write' | 'owner' {
  if (scope.owner) return 'owner';
  const onlyReads =
    scope.privileges.every(
      ({ action, on }) => action === 'select' || (action === 'usage' && on.kind === 'schema'),
    ) && scope.roles.every((role) => knownRole(role)?.access === 'read');
  return onlyReads ? 'read' : 'write';
}
