import fc from 'fast-check';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { templateRole } from '../../src/broker/targets/postgresql/names.ts';
import { setupSql } from '../../src/broker/targets/postgresql/setup.ts';
import { openShop, readScope, secretHalf, type Shop, type TestLease } from '../broker/support/shop.ts';
import { asSqlName, sqlName, wellFormed } from './alphabet.ts';
import { fingerprint } from './sql.ts';
import { check, nothingFed, property, type Opened, type Surface } from './surface.ts';

/** Issue, cut, clean, verify: every statement that a broker sends in the life of a lease, among names like these. */
export const lives: Surface = { name: 'whole lives of leases on hostile names', share: 1, open: openLives };

interface Life {
  /** What the scope names. */
  readonly kind: 'privileges' | 'owner' | 'roles';
  readonly database: string;
  readonly role: string;
  readonly other: string;
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  /** What the holder calls what it leaves. */
  readonly left: string;
  readonly gid: string;
  readonly lends: boolean;
  /** Others depend on what it leaves. */
  readonly relied: boolean;
  /** It leaves more than one transaction can drop. */
  readonly crowd: boolean;
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literally = (text: string) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
/** A name that the server itself writes in quotes: plain and hostile ones then differ in nothing outside of them. */
const inQuotes = (name: string) => (/^[a-z_][a-z0-9_]*$/.test(name) ? asSqlName(`A${name}`) : name);
// No role or schema can be called so, however it is quoted; and names of the installation's own are left alone.
const free = (name: string) => (/^(pg_|public$|none$|daypass_)/.test(name) ? asSqlName(`A${name}`) : name);
const name = sqlName.map(inQuotes).map(free);
// A scope's database has one line; `.` and `..` cannot be reached.
const database = name.map((one) => asSqlName(`A${one.replace(/\p{Cc}/gu, '')}`));

const life: fc.Arbitrary<Life> = fc.record({
  kind: fc.constantFrom('privileges', 'owner', 'roles'),
  database,
  role: name,
  other: name,
  schema: name,
  table: name,
  column: name,
  left: name,
  gid: wellFormed.map((text) => cutTo(text.replaceAll('\0', ''), 199) || 'x'),
  lends: fc.boolean(),
  relied: fc.boolean(),
  crowd: fc.nat(19).map((dice) => dice === 0),
});

function cutTo(text: string, bytes: number): string {
  let kept = '';
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > bytes) break;
    kept += character;
  }
  return kept;
}

/** More objects than the server of this surface has places for locks. */
const crowd = 4_000;
/** Lives that end together: half a second of quiet is waited for once. */
const together = 8;

/** The statements of one text, each with its quoted pieces, and how many there are of them in a list, left out. */
function skeletons(text: string): string[] {
  return fingerprint(text)
    .replace(/\s+/g, ' ')
    .replace(/""(?:, "")+/g, '""')
    .split(/; ?/)
    .filter((statement) => statement !== '');
}

/** Notes every statement that a login sends from this process. */
function listen(user: string) {
  const said = new Map<string, string>();
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its client below
  const original = pg.Client.prototype.query;
  const noting = function (this: pg.Client, ...given: unknown[]): unknown {
    const [what] = given;
    const text = typeof what === 'string' ? what : (what as { text?: string } | undefined)?.text;
    if (this.user === user && text !== undefined)
      for (const skeleton of skeletons(text)) said.set(skeleton, text);
    return (original as (...all: unknown[]) => unknown).apply(this, given);
  };
  pg.Client.prototype.query = noting as typeof original;
  return {
    /** By what is left of it without its quoted pieces. */
    said,
    stop: () => void (pg.Client.prototype.query = original),
  };
}

async function openLives(): Promise<Opened> {
  const shop = await openShop({
    settings: { max_prepared_transactions: '40', max_locks_per_transaction: '10', max_connections: '80' },
  });
  const root = await shop.server.connect({ database: 'shop' });
  const heard = listen(shop.config.login.user);
  const catalogue = async () =>
    (
      await root.query<{ line: string }>(
        `select 'role ' || rolname as line from pg_roles union all select 'database ' || datname from pg_database
         union all select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_temp'
         union all select 'relation ' || oid::regclass || coalesce(relacl::text, '') from pg_class where oid >= 16384
         union all select 'prepared ' || gid from pg_prepared_xacts order by 1`,
      )
    ).rows.map(({ line }) => line);
  const before = await catalogue();

  const plain = await plainStatements(shop, root, heard.said);
  const all = property(
    'no statement differs by what is quoted in it, and nothing is touched that is not the lease’s',
    fc.array(life, { minLength: 1, maxLength: together }),
    async (some) => {
      heard.said.clear();
      await live(shop, root, distinct(some));
      const strange = [...heard.said].filter(([skeleton]) => !plain.has(skeleton));
      assert.deepEqual(strange, []);
      assert.deepEqual(await catalogue(), before);
    },
  );

  return {
    async feed(inputs, seed) {
      const fed = nothingFed();
      const batches = Math.max(1, Math.round(inputs / ((together + 1) / 2)));
      let count = 0;
      const counting = {
        ...all,
        slow: true,
        holds: (some: unknown) => ((count += (some as Life[]).length), all.holds(some)),
      };
      const { failure } = await check(lives.name, counting, batches, seed);
      fed.inputs = fed.reachedSql = count;
      if (failure !== undefined) fed.failures.push(failure);
      return fed;
    },
    async close() {
      heard.stop();
      const after = await catalogue();
      await root.end();
      await shop.stop();
      return after.filter((line) => !before.includes(line)).map((line) => `new at the target: ${line}`);
    },
  };
}

/** What is said among names that nobody would think of twice, for every kind of life. */
async function plainStatements(shop: Shop, root: pg.Client, said: Map<string, string>): Promise<Set<string>> {
  const choices = [true, false];
  const every = (['privileges', 'owner', 'roles'] as const).flatMap((kind) =>
    choices.flatMap((lends) =>
      choices.flatMap((relied) =>
        choices.map((many): Life => ({
          kind,
          lends,
          relied,
          crowd: many,
          database: 'Plain Database',
          role: 'Plain Role',
          other: 'Plain Other',
          schema: 'Plain Schema',
          table: 'Plain Table',
          column: 'Plain Column',
          left: 'Plain Left',
          gid: 'plain',
        })),
      ),
    ),
  );
  said.clear();
  for (let at = 0; at < every.length; at += together)
    await live(shop, root, distinct(every.slice(at, at + together)));
  // A login that is just on its way is looked into; whether one is depends on the moment.
  return new Set([...said.keys(), 'select pg_terminate_backend($1) as told']);
}

/** With no two databases or roles of one name. */
function distinct(some: readonly Life[]): Life[] {
  const seen = new Set<string>();
  const fresh = (one: string) => {
    let made = one;
    for (let n = 2; seen.has(made); n += 1) made = asSqlName(`${String(n)} ${one}`);
    seen.add(made);
    return made;
  };
  return some.map((one) => ({
    ...one,
    database: fresh(one.database),
    role: fresh(one.role),
    other: fresh(one.other),
    gid: fresh(one.gid),
  }));
}

/** Lives these, ends them together, and looks at what is there; afterwards nothing of them is. */
async function live(shop: Shop, root: pg.Client, some: readonly Life[]): Promise<void> {
  const begun: { life: Life; lease: TestLease; there: pg.Client }[] = [];
  try {
    for (const one of some) begun.push(await begin(shop, root, one));
    for (const { life: one, lease } of begun) await hold(shop, one, lease);
    for (const { life: one, there } of begun)
      if (one.relied)
        await there.query(`create view public.relies as select x from public.${quoted(one.left)}`);
    const ended = await shop.finish(begun.map(({ lease }) => lease));
    for (const [at, closed] of ended.entries()) {
      assert.equal(closed.outcome, 'confirmed', JSON.stringify(closed));
      await untouched(root, begun[at]!.there, begun[at]!.life);
    }
  } finally {
    for (const { there } of begun) await there.end();
    for (const one of some) await remove(shop, root, one);
    const { rows } = await root.query<{ role: string }>(
      `select rolname as role from pg_roles where rolname ~ '^daypass_(tpl_fuzzed_|${shop.installation}_)'`,
    );
    for (const { role } of rows) await root.query(`drop role ${quoted(role)}`);
  }
}

/** However far it came. */
async function remove(shop: Shop, root: pg.Client, one: Life): Promise<void> {
  const { rows } = await root.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = $1',
    [one.database],
  );
  if (rows.length > 0) {
    const there = await shop.server.connect({ database: one.database });
    for (const { gid } of rows) await there.query(`rollback prepared ${literally(gid)}`);
    await there.end();
  }
  await root.query(`drop database if exists ${quoted(one.database)} with (force)`);
  for (const role of [one.role, one.other]) await root.query(`drop role if exists ${quoted(role)}`);
}

/** Makes what the scope is about, and issues. */
async function begin(shop: Shop, root: pg.Client, one: Life) {
  const { kind, role, other, schema, table, column } = one;
  await root.query(`create database ${quoted(one.database)}`);
  await root.query(`create role ${quoted(role)} nologin; create role ${quoted(other)} nologin`);
  const there = await shop.server.connect({ database: one.database });
  await there.query(`create schema ${quoted(schema)} authorization ${quoted(role)};
    create table ${quoted(schema)}.${quoted(table)} (${quoted(column)} int);
    alter table ${quoted(schema)}.${quoted(table)} owner to ${quoted(role)};
    grant select on ${quoted(schema)}.${quoted(table)} to ${quoted(other)};
    grant create on schema public, ${quoted(schema)} to public`);
  const settings = { search_path: [schema, one.left].map(quoted).join(', ') };
  const scope = {
    privileges: {
      database: one.database,
      privileges: [`select (${quoted(column)}) on ${quoted(schema)}.${quoted(table)}`],
      settings,
    },
    owner: { database: one.database, owner: role, schema, settings },
    roles: { database: one.database, roles: [role, 'pg_read_all_data'], settings },
  }[kind];
  const read = readScope(scope);
  // psql’s lines end with \n alone; a name may hold what is an end of a line elsewhere (U+2028).
  const [here = '', elsewhere = ''] = setupSql(shop.config, [{ id: 'fuzzed', scope: read }]).split(
    /^\\connect [^\n]*$/m,
  );
  await root.query(here);
  await there.query(elsewhere);
  const leaseId = randomUUID();
  const { password, verifier } = secretHalf();
  const intent = {
    leaseId,
    role: shop.target.roleOf(leaseId),
    templateId: 'fuzzed',
    scope,
    verifier,
    expiresAt: new Date(Date.now() + 1_800_000),
  };
  await shop.target.issue(intent, shop.keep);
  const lease: TestLease = {
    leaseId,
    role: intent.role,
    templateId: 'fuzzed',
    scope,
    intent,
    password,
    get evidence() {
      return shop.kept.get(leaseId);
    },
  };
  return { life: one, lease, there };
}

/** Leaves as much as can be left, under names that the holder chooses. */
async function hold(shop: Shop, one: Life, lease: TestLease): Promise<void> {
  const carrier = quoted(templateRole({ id: 'fuzzed', scope: readScope(lease.scope) }));
  const [left, schema, table, other] = [one.left, one.schema, one.table, one.other].map(quoted) as [
    string,
    string,
    string,
    string,
  ];
  const client = await shop.server.connect({
    user: lease.role,
    password: lease.password,
    database: one.database,
  });
  try {
    for (const statement of [
      `create table public.${left} (x int, ${left} int)`,
      `grant select on public.${left} to ${other} with grant option`,
      `create view public.${quoted(asSqlName(`V${one.left}`))} as select x as ${left} from public.${left}`,
      // Tables and views only: functions and types cannot be given away.
      ...(one.lends && one.kind !== 'owner'
        ? [`reassign owned by current_user to ${one.kind === 'roles' ? 'pg_read_all_data' : carrier}`]
        : []),
      `create function public.${left}() returns int language sql security definer as 'select 1'`,
      `create type public.${quoted(asSqlName(`T${one.left}`))} as enum (${literally(cutTo(one.left, 60))})`,
      'select lo_create(0)',
      `create table ${schema}.${quoted(asSqlName(`N${one.left}`))} (x int)`,
      `alter default privileges in schema ${schema} grant select on tables to ${other}`,
      `alter default privileges for role ${carrier} grant select on tables to ${other}`,
      `alter default privileges for role ${carrier} in schema ${schema} grant execute on functions to ${other}`,
      ...(one.kind === 'owner'
        ? [
            `create function ${schema}.${left}() returns trigger language plpgsql as 'begin return new; end'`,
            `create trigger ${left} before insert on ${schema}.${table} execute function ${schema}.${left}()`,
            `create policy ${left} on ${schema}.${table} using (true)`,
            `grant delete on ${schema}.${table} to ${other}`,
          ]
        : []),
      ...(one.crowd
        ? [
            `do $$ begin for i in 1..${String(crowd)} loop perform lo_create(0); if i % 500 = 0 then commit; end if; end loop; end $$`,
          ]
        : []),
      `begin; select lo_create(0); prepare transaction ${literally(one.gid)}`,
    ])
      await client.query(statement);
  } catch (error) {
    throw new Error(`The holder could not: ${String(error)}`, { cause: error });
  } finally {
    await client.end();
  }
}

/** What others own and may do is as it was made, and nothing of the lease's is left in its database. */
async function untouched(root: pg.Client, there: pg.Client, one: Life): Promise<void> {
  const { rows } = await there.query<Record<string, unknown>>(
    `select n.nspname as schema, c.relname as "table", r.rolname as owner, a.attname as "column",
            has_table_privilege($1, c.oid, 'select') as other
       from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
       join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
      where n.nspname = $2 and c.relname = $3`,
    [one.other, one.schema, one.table],
  );
  assert.deepEqual(rows, [
    { schema: one.schema, table: one.table, owner: one.role, column: one.column, other: true },
  ]);
  const { rows: prepared } = await root.query('select gid from pg_prepared_xacts where gid = $1', [one.gid]);
  assert.deepEqual(prepared, []);
  const { rows: left } = await there.query<{ owner: string }>(
    `select distinct relowner::regrole::text as owner from pg_class c where relnamespace = 'public'::regnamespace or relname = $1`,
    [asSqlName(`N${one.left}`)],
  );
  const heirs = left.filter(({ owner }) => !/^postgres$|_kept$/.test(owner));
  assert.deepEqual(one.kind === 'owner' ? heirs.filter(({ owner }) => /^daypass_/.test(owner)) : heirs, []);
}
