import type { Privilege, PrivilegeObject } from './privileges.ts';
import type { PostgresScope } from './scope.ts';

/** Roles that come with a well-known one (PostgreSQL, "Predefined Roles"). */
const within: Readonly<Record<string, readonly string[]>> = {
  pg_monitor: ['pg_read_all_stats', 'pg_read_all_settings', 'pg_stat_scan_tables'],
};

/**
 * Whether somebody with the one scope can do all that the other allows, as far as the two say: what a server's roles
 * may do besides is not known here, and an owner's schema is taken for theirs alone. Both are for the same database.
 */
export function includes(more: PostgresScope, less: PostgresScope): boolean {
  return (
    less.privileges.every((one) => allows(more, one)) &&
    less.roles.every((role) => isMember(more, role)) &&
    (less.owner === undefined ||
      (more.owner?.role === less.owner.role && more.owner.schema === less.owner.schema))
  );
}

function isMember({ roles, owner }: PostgresScope, role: string): boolean {
  return [...roles, ...roles.flatMap((one) => within[one] ?? []), owner?.role].includes(role);
}

function allows(scope: PostgresScope, { action, columns, on }: Privilege): boolean {
  if (scope.owner?.schema === on.schema) return true;
  // A privilege on something brings the usage of its schema along.
  if (on.kind === 'schema' && scope.privileges.some((one) => one.on.schema === on.schema)) return true;
  if (scope.roles.includes('pg_read_all_data') && isReading(action, on)) return true;
  const there = scope.privileges.filter((one) => one.action === action && covers(one.on, on));
  if (there.some((one) => one.columns.length === 0)) return true;
  return columns.length > 0 && columns.every((column) => there.some((one) => one.columns.includes(column)));
}

function isReading(action: Privilege['action'], { kind }: PrivilegeObject): boolean {
  return kind === 'schema' || (action === 'select' && kind !== 'function' && kind !== 'all functions');
}

function covers(wide: PrivilegeObject, narrow: PrivilegeObject): boolean {
  if (wide.schema !== narrow.schema) return false;
  if (wide.kind === `all ${narrow.kind}s`) return true;
  return (
    wide.kind === narrow.kind &&
    ('name' in wide ? wide.name : '') === ('name' in narrow ? narrow.name : '') &&
    ('arguments' in wide ? wide.arguments : '') === ('arguments' in narrow ? narrow.arguments : '')
  );
}

const changing: readonly Privilege['action'][] = ['insert', 'update', 'delete', 'truncate'];

/**
 * How much of the data a scope lets somebody change: `everything` in a schema, `something`, or `nothing` that it says.
 * A function is not counted, what it does is its own affair; nor is a role, whose privileges stand at the server.
 */
export function changesOf({ privileges, owner }: PostgresScope): 'nothing' | 'something' | 'everything' {
  const changes = privileges.filter(({ action }) => changing.includes(action));
  if (owner || changes.some(({ on }) => on.kind === 'all tables')) return 'everything';
  return changes.length > 0 ? 'something' : 'nothing';
}
