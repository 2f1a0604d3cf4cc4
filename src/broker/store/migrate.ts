import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { step, type StoreStep } from '../step.ts';
import { connectionOf, onlyLooking, type StoreServer } from './connect.ts';
import * as begin from './migrations/001-begin.ts';
import * as demands from './migrations/002-demands.ts';
import * as talk from './migrations/003-talk.ts';
import * as pages from './migrations/004-pages.ts';
import * as shifts from './migrations/005-shifts.ts';
import * as deliveries from './migrations/006-deliveries.ts';
import * as onCall from './migrations/007-on-call.ts';
import * as glass from './migrations/008-glass.ts';
import * as answers from './migrations/009-answers.ts';
import { StoreUnusable } from './unusable.ts';

/** In order; number 1 is the first. The last one's `privileges` hold for the whole schema. */
const migrations: readonly { sql: string; privileges: (runtime: string) => string }[] = [
  begin,
  demands,
  talk,
  pages,
  shifts,
  deliveries,
  onCall,
  glass,
  answers,
];

export interface Migrated {
  /** Names this installation at targets: 8 hexadecimal digits, the same for as long as the database lives. */
  readonly installation: string;
  /** False where what the broker works as could change or remove what the audit log says. */
  readonly logProtected: boolean;
}

const oldestVersion = 14;

/**
 * Brings the schema to what this broker knows and gives the runtime role its privileges anew, as the owner. Brokers
 * that start together wait for one another. Throws `StoreUnusable`; a database that cannot be reached throws what
 * `pg` says.
 */
export async function migrate(server: StoreServer): Promise<Migrated> {
  const connection = connectionOf(server, server.owner, 'migrate', 0, {
    ...onlyLooking,
    lock_timeout: '60s',
  });
  const client = new pg.Client({ ...connection, query_timeout: 0 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await checkVersion(client);
    await one(client, `select pg_advisory_lock(hashtextextended('daypass migrate', 0))`);
    await change(client, 'schema begun', (run) => beginSchema(client, run));
    await applyMissing(client);
    await change(client, 'installation named', nameInstallation);
    const runtime = server.runtime?.user;
    if (runtime !== undefined)
      await change(client, 'privileges given', (run) => givePrivileges(client, run, server, runtime));
    const installation = await installationOf(client);
    return { installation, logProtected: runtime !== undefined && (await isProtected(client, runtime)) };
  } finally {
    await client.end();
  }
}

type Run = (query: string, values?: unknown[]) => Promise<unknown>;

/** A transaction under its name. The server refuses changes outside of one. */
async function change(client: pg.Client, name: StoreStep, work: (run: Run) => Promise<void>): Promise<void> {
  await step(name, async () => {
    const run: Run = (query, values) => client.query(query, values);
    await run('begin read write');
    try {
      await work(run);
      await run('commit');
    } catch (error) {
      await run('rollback');
      throw error;
    }
  });
}

async function one<Row extends pg.QueryResultRow>(
  client: pg.Client,
  query: string,
  values: unknown[] = [],
): Promise<Row> {
  // eslint-disable-next-line no-restricted-syntax -- a look; the server refuses anything else here
  const { rows } = await client.query<Row>(query, values);
  const row = rows[0];
  if (!row) throw new Error(`No row from: ${query}`);
  return row;
}

async function checkVersion(client: pg.Client): Promise<void> {
  const { version } = await one<{ version: string }>(
    client,
    `select current_setting('server_version_num') as version`,
  );
  if (Number(version) < oldestVersion * 10_000)
    throw new StoreUnusable(
      `The database runs a PostgreSQL older than ${oldestVersion}. Use ${oldestVersion} or newer.`,
    );
}

async function beginSchema(client: pg.Client, run: Run): Promise<void> {
  const { exists } = await one<{ exists: boolean }>(
    client,
    `select to_regnamespace('daypass') is not null as exists`,
  );
  if (!exists) {
    await run('create schema daypass').catch((error: unknown) => {
      throw new StoreUnusable(
        'The owner role may not create the schema "daypass" in its database. As a superuser there: grant create on database … to the owner role.',
        { cause: error },
      );
    });
  }
  await run(`
    revoke all on schema daypass from public;
    create table if not exists migration (number integer primary key, at timestamptz not null default now())
  `);
}

async function applyMissing(client: pg.Client): Promise<void> {
  const { last } = await one<{ last: number }>(
    client,
    'select coalesce(max(number), 0) as last from migration',
  );
  if (last > migrations.length)
    throw new StoreUnusable(
      `The database was brought to schema ${last} by a newer broker; this one knows ${migrations.length}. Nothing was changed. Start a broker at least as new.`,
    );
  for (const [index, { sql }] of migrations.entries()) {
    if (index < last) continue;
    await change(client, 'schema migrated', async (run) => {
      await run(sql);
      await run('insert into migration (number) values ($1)', [index + 1]);
    });
  }
}

async function nameInstallation(run: Run): Promise<void> {
  await run('insert into installation (id) values ($1) on conflict do nothing', [
    randomBytes(4).toString('hex'),
  ]);
}

async function givePrivileges(
  client: pg.Client,
  run: Run,
  server: StoreServer,
  runtime: string,
): Promise<void> {
  const { known } = await one<{ known: boolean }>(
    client,
    'select to_regrole(quote_ident($1)) is not null as known',
    [runtime],
  );
  if (!known)
    throw new StoreUnusable(
      `The database server knows no role "${runtime}", which the broker is to work as. As a superuser there: create role "${runtime}" login password '…'.`,
    );
  const role = client.escapeIdentifier(runtime);
  await run(
    `revoke all on schema daypass from ${role}; revoke all on all tables in schema daypass from public, ${role}`,
  );
  await run(migrations.at(-1)?.privileges(role) ?? '');
  const { connects } = await one<{ connects: boolean }>(
    client,
    `select has_database_privilege($1, $2, 'connect') as connects`,
    [runtime, server.database],
  );
  if (!connects)
    throw new StoreUnusable(
      `The role "${runtime}" may not connect to the database "${server.database}". As its owner: grant connect on database "${server.database}" to "${runtime}".`,
    );
}

async function installationOf(client: pg.Client): Promise<string> {
  return (await one<{ id: string }>(client, 'select id from installation')).id;
}

/** Everything by which a role could come to change or remove events or their numbers, as far as the catalogues tell. */
async function isProtected(client: pg.Client, runtime: string): Promise<boolean> {
  const { unsafe } = await one<{ unsafe: boolean }>(
    client,
    `select r.rolsuper
         or (r.rolcreaterole and current_setting('server_version_num')::int < 160000)
         or exists (
              select from pg_roles p
              where pg_has_role(r.oid, p.oid, 'member')
                and (p.rolsuper
                  or p.rolname in ('pg_execute_server_program', 'pg_write_server_files')
                  or p.oid in (select nspowner from pg_namespace where nspname = 'daypass')
                  or p.oid in (select datdba from pg_database where datname = current_database())
                  or has_schema_privilege(p.oid, 'daypass', 'create')
                  or exists (
                       select from pg_class c
                       where c.relname in ('audit_event', 'audit_number') and c.relnamespace = 'daypass'::regnamespace
                         and (c.relowner = p.oid
                           or has_table_privilege(p.oid, c.oid, 'update, delete, truncate, references, trigger')
                           or has_any_column_privilege(p.oid, c.oid, 'update')))))
       as unsafe
     from pg_roles r where r.rolname = $1`,
    [runtime],
  );
  return !unsafe;
}
