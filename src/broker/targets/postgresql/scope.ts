import * as z from 'zod';
import { digestOf } from '../../templates/digest.ts';
import { parsePrivilegeLine, PrivilegeError, type Privilege } from './privileges.ts';

/** Neither PostgreSQL nor the store holds NUL or half a character. */
const Text = z
  .string()
  .refine((text) => !/[\0\p{Cs}]/u.test(text), 'A text holds no NUL and no half characters.');

const Name = Text.min(1).refine(
  (name) => Buffer.byteLength(name) <= 63,
  'A name in PostgreSQL has at most 63 bytes.',
);

// It is named in scripts and files that have lines.
// `.` and `..` mean something else in the address of a connection.
const DatabaseName = Name.refine(
  (name) => !/^\.\.?$/.test(name),
  'A database called by dots cannot be reached.',
).refine((name) => !/\p{Cc}/u.test(name), 'A database’s name has one line here.');

const Setting = z.union([Text.max(1000), z.number(), z.boolean()]);
const mostSettings = 100;
const mostPrivileges = 500;

/** A template's scope at a PostgreSQL server, as it stands in the file. */
export const ScopeSchema = z
  .strictObject({
    database: DatabaseName.optional().meta({
      description: 'The database that it is for; usually the target’s own.',
    }),
    privileges: z
      .array(Text.min(1).max(1000))
      .min(1)
      .max(mostPrivileges)
      .optional()
      .meta({
        description: 'What may be done, a line each, as GRANT has it, without "to".',
        examples: [['select on sales.orders', 'update (status, updated_at) on sales.orders']],
      }),
    roles: z
      .array(Name)
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'Existing roles whose privileges come with it.', examples: [['pg_monitor']] }),
    owner: Name.optional().meta({
      description:
        'For a migration: the role, one that cannot log in, whose rights as an owner come with it and which owns what is created.',
    }),
    schema: Name.optional().meta({ description: 'With "owner": the schema that it is about.' }),
    settings: z
      .record(z.string(), Setting)
      .refine((settings) => Object.keys(settings).length <= mostSettings, `At most ${mostSettings} settings.`)
      .optional()
      .meta({
        description: 'Server settings that a session begins with. The holder can change them: no limits.',
        examples: [{ statement_timeout: '30s' }],
      }),
    connections: z
      .int()
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'How many connections a terminal may have at once; 10 unless told.' }),
  })
  .meta({ id: 'PostgresScope', description: 'What a template allows at a PostgreSQL server.' });

/** A scope that was read and found right. */
export interface PostgresScope {
  /** Absent: the target's own database. */
  readonly database: string | undefined;
  readonly privileges: readonly Privilege[];
  readonly roles: readonly string[];
  readonly owner: { readonly role: string; readonly schema: string } | undefined;
  /** By name, as text. */
  readonly settings: ReadonlyMap<string, string>;
  readonly connections: number;
  /** SHA-256 over what it allows, in hexadecimal; settings and connections are none of it. */
  readonly digest: string;
}

/** As much of a template as a server is concerned with. */
export interface ScopedTemplate {
  readonly id: string;
  readonly scope: PostgresScope;
}

/** What is wrong at which place of a scope: `['privileges', 2]` is its third line. */
export interface ScopeIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const shell = 'It opens files or a shell on the server’s machine, which no deadline ends.';
const catalogues =
  'Its holder could lock the catalogue of roles, so that nobody gets in any more and the broker cannot end anything.';
const refusedRoles: Readonly<Record<string, string>> = {
  pg_execute_server_program: shell,
  pg_read_server_files: shell,
  pg_write_server_files: shell,
  pg_signal_backend:
    'Its holder could end the broker’s own connections and so hold off the end. Offer a function that ends one query instead.',
  pg_maintain: `${catalogues} Offer "maintain on all tables in schema …" instead.`,
  pg_write_all_data: `${catalogues} Offer "insert, update, delete on all tables in schema …" instead.`,
  pg_create_subscription: 'A subscription goes on after the end.',
  pg_database_owner: 'Nobody can be made a member of it.',
};

const settingName = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/;
const refusedSettings = [
  'role',
  'session_authorization',
  'session_preload_libraries',
  'local_preload_libraries',
];

/** Reads a template's scope: what it allows, or everything that is wrong with it and where. */
export function parseScope(
  scope: unknown,
): { readonly scope: PostgresScope } | { readonly issues: readonly ScopeIssue[] } {
  const read = ScopeSchema.safeParse(scope);
  if (!read.success) return { issues: read.error.issues.flatMap(issuesOf) };
  const raw = read.data;
  const issues: ScopeIssue[] = [];
  const privileges: Privilege[] = [];
  for (const [i, line] of (raw.privileges ?? []).entries()) {
    try {
      privileges.push(...parsePrivilegeLine(line));
    } catch (error) {
      if (!(error instanceof PrivilegeError)) throw error;
      issues.push({ path: ['privileges', i], message: error.message });
    }
  }
  for (const [i, role] of (raw.roles ?? []).entries()) {
    const reason =
      (Object.hasOwn(refusedRoles, role) ? refusedRoles[role] : undefined) ??
      (/^daypass_/.test(role) ? 'Roles with this name are Daypass’s own.' : undefined);
    if (reason !== undefined)
      issues.push({
        path: ['roles', i],
        message: `The role "${role}" cannot be part of a template. ${reason}`,
      });
  }
  for (const name of Object.keys(raw.settings ?? {}))
    if (!settingName.test(name) || refusedSettings.includes(name))
      issues.push({ path: ['settings', name], message: `"${name}" is no setting that a template can give.` });
  if (raw.owner !== undefined && raw.schema === undefined)
    issues.push({
      path: ['owner'],
      message: 'With "owner" comes "schema": the one that the migration is about.',
    });
  if (raw.schema !== undefined && raw.owner === undefined)
    issues.push({ path: ['schema'], message: '"schema" belongs to "owner": name the role that owns it.' });
  if (raw.owner !== undefined && (raw.owner.startsWith('pg_') || raw.owner.startsWith('daypass_')))
    issues.push({
      path: ['owner'],
      message: `"${raw.owner}" cannot be an owner for migrations: use a role of your own that cannot log in.`,
    });
  if (!raw.privileges && !raw.roles && raw.owner === undefined)
    issues.push({
      path: [],
      message: 'A scope says what it allows: "privileges", "roles", or "owner" with "schema".',
    });
  if (issues.length) return { issues };
  return {
    scope: {
      database: raw.database,
      privileges,
      roles: raw.roles ?? [],
      owner:
        raw.owner !== undefined && raw.schema !== undefined
          ? { role: raw.owner, schema: raw.schema }
          : undefined,
      settings: new Map(
        Object.entries(raw.settings ?? {}).map(([name, value]) => [name, settingText(value)]),
      ),
      connections: raw.connections ?? 10,
      digest: digestOf({
        database: raw.database,
        privileges: raw.privileges,
        roles: raw.roles,
        owner: raw.owner,
        schema: raw.schema,
      }),
    },
  };
}

function issuesOf(issue: z.core.$ZodIssue): ScopeIssue[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
  const known = Object.keys(ScopeSchema.shape).join(', ');
  return issue.keys.map((key) => ({
    path: [...path, key],
    message: `A scope has no "${key}"; it has ${known}.`,
  }));
}

function settingText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

/** The scope that was stored with a request. Throws if it is none, which a right broker never stores. */
export function storedScope(scope: unknown): PostgresScope {
  const read = parseScope(scope);
  if ('issues' in read)
    throw new Error(
      `The stored scope cannot be used: ${read.issues.map((issue) => issue.message).join(' ')}`,
    );
  return read.scope;
}
