import fc from 'fast-check';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { issueStatements } from '../../src/broker/targets/postgresql/issue.ts';
import { identifier, literal, qualified } from '../../src/broker/targets/postgresql/names.ts';
import { parsePrivilegeLine } from '../../src/broker/targets/postgresql/privileges.ts';
import { parseScope } from '../../src/broker/targets/postgresql/scope.ts';
import { setupSql } from '../../src/broker/targets/postgresql/setup.ts';
import { openShop, secretHalf } from '../broker/support/shop.ts';
import { sqlName, wellFormed } from './alphabet.ts';
import { check, nothingFed, property, type Opened, type Surface } from './surface.ts';

/** Names and texts inside statements that a real PostgreSQL runs: what it then holds is what was named. */
export const sql: Surface = { name: 'names and texts in SQL at a target', share: 15, open: openTarget };

/** A statement with each quoted piece taken out, as PostgreSQL's own lexer would find it. */
export function fingerprint(statement: string): string {
  return statement.replace(/\bE'(?:[^'\\]|''|\\[^])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"/g, (piece) =>
    piece.startsWith('"') ? '""' : "''",
  );
}

async function openTarget(): Promise<Opened> {
  const shop = await openShop();
  const client = await shop.server.connect({ database: 'shop' });
  const folder = await mkdtemp(join(tmpdir(), 'daypass-fuzz-psql-'));
  const catalogue = async () =>
    (
      await client.query<{ line: string }>(
        `select 'role ' || rolname as line from pg_roles union all select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_temp'
         union all select 'relation ' || oid::regclass from pg_class where oid >= 16384 union all select 'database ' || datname from pg_database order by 1`,
      )
    ).rows.map(({ line }) => line);
  const before = await catalogue();
  const rolledBack = async (work: () => Promise<void>) => {
    await client.query('begin');
    try {
      await work();
    } finally {
      await client.query('rollback');
    }
  };

  const roundTrip = property('what is named is what exists', fc.tuple(sqlName, wellFormed), ([name, words]) =>
    rolledBack(async () => {
      const text = words.replaceAll('\0', '');
      // `public`, `none` and what begins with pg_ are no names for roles in PostgreSQL, however they are quoted.
      const role = /^(pg_|public$|none$)/.test(name) ? `x${name}`.slice(0, 15) : name;
      const statements = [
        `create role ${identifier(role)}`,
        `comment on role ${identifier(role)} is ${literal(text)}`,
      ];
      assert.deepEqual(
        statements.map(fingerprint),
        ['create role ""', `comment on role "" is ''`].map((line, at) =>
          at === 1 && text.includes('\\') ? line.replace(" ''", "  ''") : line,
        ),
      );
      await client.query(statements.join(';\n'));
      const { rows } = await client.query<{ rolname: string; said: string | null }>(
        `select rolname, shobj_description(oid, 'pg_authid') as said from pg_authid where xmin::text = pg_current_xact_id()::xid::text`,
      );
      assert.deepEqual(rows, [{ rolname: role, said: text === '' ? null : text }]);
    }),
  );

  const privileges = property(
    'a privilege goes to the object that the line names, and to no other',
    fc.tuple(sqlName, sqlName, sqlName),
    ([schema, table, column]) =>
      rolledBack(async () => {
        const inSchema = schema.startsWith('pg_') ? `x${schema}`.slice(0, 15) : schema;
        // Made by PostgreSQL's own quoting, so that ours is held against something.
        const { rows: made } = await client.query<{ make: string; line: string }>(
          `select format('create schema if not exists %I; create table %I.%I (%I int, "another one" int)', $1::text, $1, $2::text, $3::text) as make,
                  format('select (%I) on %I.%I', $3, $1, $2) as line`,
          [inSchema, table, column],
        );
        const [first] = made;
        assert.ok(first);
        await client.query(first.make);
        // quote_ident leaves out quotes where they change nothing: both ways of writing are read.
        const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
        for (const line of [
          first.line,
          `select (${quoted(column)}) on ${quoted(inSchema)}.${quoted(table)}`,
        ]) {
          const [privilege] = parsePrivilegeLine(line);
          assert.ok(privilege?.on.kind === 'table');
          assert.deepEqual(
            [privilege.on.schema, privilege.on.name, privilege.columns],
            [inSchema, table, [column]],
          );
          const statement = `grant select (${privilege.columns.map(identifier).join(', ')}) on table ${qualified(privilege.on)} to shop_app`;
          assert.equal(fingerprint(statement), 'grant select ("") on table ""."" to shop_app');
          await client.query(statement);
        }
        const { rows } = await client.query<{ schema: string; name: string; column: string }>(
          `select n.nspname as schema, c.relname as name, attname as column from pg_attribute a join pg_class c on c.oid = attrelid
             join pg_namespace n on n.oid = relnamespace where attacl is not null and a.attrelid >= 16384 and a.xmin::text = pg_current_xact_id()::xid::text`,
        );
        assert.deepEqual(rows, [{ schema: inSchema, name: table, column }]);
      }),
  );

  const leases = property(
    'a lease begins with the settings that its template names',
    fc.array(sqlName, { minLength: 1, maxLength: 3 }),
    (path) =>
      rolledBack(async () => {
        const read = parseScope({
          privileges: ['select on sales.orders'],
          settings: { search_path: path.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ') },
        });
        assert.ok('scope' in read);
        const { leaseId, role } = shop.intend('read-orders');
        const statements = issueStatements(
          {
            leaseId,
            role,
            templateId: 'x',
            scope: {},
            verifier: secretHalf().verifier,
            expiresAt: new Date(),
          },
          read.scope,
        );
        await client.query(statements.filter((statement) => !statement.startsWith('grant')).join(';\n'));
        const { rows } = await client.query<{ path: string[] }>(
          `select array(select r from unnest(rolconfig) r where r like 'search_path=%') as path from pg_roles where rolname = $1`,
          [role],
        );
        const { rows: expected } = await client.query<{ list: string }>(
          `select string_agg(quote_ident(name), ', ' order by at) as list from unnest($1::text[]) with ordinality u(name, at)`,
          [path],
        );
        assert.deepEqual(rows[0]?.path, [`search_path=${expected[0]?.list ?? ''}`]);
      }),
  );

  const psql = property(
    'the preparation of a server runs in psql and prepares what it names',
    fc.tuple(sqlName, sqlName),
    async ([name, other]) => {
      const database = `d${name.replace(/\p{Cc}/gu, '')}`.slice(0, 15);
      const table = other;
      await client.query(`create database ${quotedBy(database)}`);
      try {
        const there = await shop.server.connect({ database });
        try {
          await there.query(`create schema s; create table s.${quotedBy(table)} (id int)`);
          const read = parseScope({ database, privileges: [`select on s.${quotedBy(table)}`] });
          assert.ok('scope' in read, JSON.stringify(read));
          const file = join(folder, 'setup.sql');
          await writeFile(file, setupSql(shop.config, [{ id: 'fuzzed', scope: read.scope }]));
          await promisify(execFile)('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'shop', '-f', file], {
            env: {
              PATH: process.env['PATH'],
              PGHOST: '127.0.0.1',
              PGPORT: String(shop.server.port),
              PGUSER: shop.server.user,
              PGPASSWORD: shop.server.password,
            },
            timeout: 20_000,
          });
          const { rows } = await there.query<{ name: string }>(
            `select relname as name from pg_class, aclexplode(relacl) where grantee::regrole::text like '%daypass\\_tpl\\_fuzzed%'`,
          );
          assert.deepEqual(rows, [{ name: table }]);
          await there.query(
            `do $$ declare r text; begin for r in select rolname from pg_roles where rolname like 'daypass\\_tpl\\_fuzzed%' loop execute format('drop owned by %I', r); end loop; end $$`,
          );
        } finally {
          await there.end();
        }
      } finally {
        await client.query(`drop database ${quotedBy(database)} with (force)`);
        await client.query(
          `do $$ declare r text; begin for r in select rolname from pg_roles where rolname like 'daypass\\_tpl\\_fuzzed%' loop execute format('drop owned by %I', r); execute format('drop role %I', r); end loop; end $$`,
        );
      }
    },
  );

  return {
    async feed(inputs, seed) {
      const fed = nothingFed();
      for (const [one, part] of [
        [roundTrip, 0.6],
        [privileges, 0.25],
        [leases, 0.145],
        [psql, 0.005],
      ] as const) {
        const { runs, failure } = await check(sql.name, one, Math.max(2, Math.round(inputs * part)), seed);
        fed.inputs += runs;
        fed.reachedSql += runs;
        if (failure !== undefined) fed.failures.push(failure);
      }
      return fed;
    },
    async close() {
      const after = await catalogue();
      await client.end();
      await shop.stop();
      await rm(folder, { recursive: true, force: true });
      return [
        ...after.filter((line) => !before.includes(line)).map((line) => `new at the target: ${line}`),
        ...before.filter((line) => !after.includes(line)).map((line) => `gone from the target: ${line}`),
      ];
    },
  };
}

/** Apart from the product's own. */
const quotedBy = (name: string) => `"${name.replaceAll('"', '""')}"`;
