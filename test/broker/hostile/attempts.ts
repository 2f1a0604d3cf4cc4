import assert from 'node:assert/strict';
import type pg from 'pg';
import { issuerRoles } from '../../../src/broker/targets/postgresql/names.ts';
import { eventually } from '../support/eventually.ts';
import { answer } from '../support/shop.ts';
import type { PostgresServer } from '../support/postgres.ts';

/** Who has a lease and wants to stay. */
export interface Holder {
  readonly role: string;
  readonly password: string;
  /** The role that carries the template's privileges. */
  readonly carrier: string;
  readonly server: PostgresServer;
  /** A login with the lease, in the database `shop` unless told. */
  login(more?: pg.ClientConfig): Promise<pg.Client>;
  /** The same, not waited for. */
  client(more?: pg.ClientConfig): pg.Client;
  /** A second lease under the same grant. */
  second(): Promise<Holder>;
  /** What must not live on is put here; each is looked at after the receipt. */
  readonly sessions: pg.Client[];
}

/** A row of the table: what a holder tries, what comes of it, and what the receipt says. */
export interface Attempt {
  readonly attempt: string;
  /** What prevents it or removes what came of it. */
  readonly outcome: string;
  /** Of the template, in YAML; reading and writing orders unless told. */
  readonly scope?: string;
  readonly end?: 'expired' | 'revoked';
  /** What the holder does while the lease is good. */
  does(holder: Holder): Promise<void>;
  /** What the receipt says that was left and what was done about it: `database: what: done`. */
  readonly cleaned?: readonly string[];
  /** What the receipt says that remains. */
  readonly remains?: readonly (string | RegExp)[];
  /** What must hold once the receipt is there. */
  after?(holder: Holder): Promise<void>;
}

const refused = async (client: pg.Client, statements: readonly string[], code = '42501') => {
  for (const sql of statements) assert.equal(await answer(client, sql), code, sql);
};
const allowed = async (client: pg.Client, statements: readonly string[]) => {
  for (const sql of statements) {
    const said = await answer(client, sql);
    assert.notEqual(typeof said, 'string', `${String(said)}: ${sql}`);
  }
};
const turnedAway = (login: Promise<unknown>) => assert.rejects(login);

const late = new WeakMap<Holder, { release: () => void; login: Promise<unknown> }>();
// Others are on their way for a few milliseconds only; the server's own workers never were.
const isOnItsWay = (server: PostgresServer) => {
  const since = new Map<unknown, number>();
  return eventually(async () => {
    const inside = await server.run(
      `select pid from pg_locks where locktype = 'object' and classid = 'pg_database'::regclass
          and pid not in (select pid from pg_stat_activity where usesysid is not null or backend_type <> 'client backend')`,
    );
    for (const { pid } of inside) since.set(pid, since.get(pid) ?? Date.now());
    return inside.some(({ pid }) => Date.now() - (since.get(pid) ?? Infinity) > 500) || undefined;
  });
};

/** More objects than the server has places for locks, which is what ends a transaction that drops them all. */
const crowd = 9_000;

const misleading = 'safe\u202ereversed\nline';

const own = (holder: Holder) => `"${holder.role}"`;

export const attempts: readonly Attempt[] = [
  {
    attempt: 'waits past the deadline, with an open session and with a login that it began before',
    outcome: 'VALID UNTIL stops neither; the session is terminated, the login finds itself closed',
    end: 'expired',
    async does(holder) {
      holder.sessions.push(await holder.login());
      let release = () => {};
      const password = new Promise<string>((resolve) => (release = () => resolve(holder.password)));
      const login = holder.client({ password: () => password }).connect();
      login.catch(() => undefined);
      late.set(holder, { release, login });
    },
    async after(holder) {
      late.get(holder)?.release();
      await turnedAway(late.get(holder)?.login ?? Promise.resolve());
    },
  },
  {
    attempt: 'is let in and stays on the way, unseen (post_auth_delay), to become a session when all is over',
    outcome: 'found by its first lock, told apart as the lease’s own role, terminated before the receipt',
    async does(holder) {
      const hidden = holder.client({ options: '-c post_auth_delay=120' });
      hidden.connect().catch(() => undefined);
      holder.sessions.push(hidden);
      await isOnItsWay(holder.server);
    },
  },
  {
    attempt: 'gives itself a password of its own, in the clear and as a hash',
    outcome: 'cannot be prevented; NOLOGIN and a verifier that nobody has the password of',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, [
        `alter role ${own(holder)} password 'md5${'0'.repeat(32)}'`,
        `alter role ${own(holder)} password null`,
        `alter role ${own(holder)} password 'mine'`,
      ]);
      holder.sessions.push(await holder.login({ password: 'mine' }));
    },
    async after(holder) {
      await turnedAway(holder.login({ password: 'mine' }));
    },
  },
  {
    attempt: 'locks its own login by a transaction that it leaves open',
    outcome: 'connections end before the login is closed, and again after',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, ['begin', `alter role ${own(holder)} password 'later'`]);
      holder.sessions.push(client);
    },
  },
  {
    attempt: 'prepares transactions in two databases, one of which locks its own login',
    outcome: 'rolled back as the lease’s role, and then the login is closed',
    async does(holder) {
      for (const [database, change] of [
        ['shop', `alter role ${own(holder)} password 'x'`],
        ['warehouse', 'select lo_create(0)'],
      ] as const) {
        const client = await holder.login({ database });
        await allowed(client, ['begin', change, `prepare transaction 'stay "${database}" ''now'''`]);
        holder.sessions.push(client);
      }
    },
    cleaned: [
      `shop: prepared transaction stay "shop" 'now': rolled back`,
      `warehouse: prepared transaction stay "warehouse" 'now': rolled back`,
    ],
  },
  {
    attempt: 'lifts its limits: expiry, connection limit, attributes, name',
    outcome: 'refused',
    async does(holder) {
      await refused(await holder.login(), [
        `alter role ${own(holder)} valid until 'infinity'`,
        `alter role ${own(holder)} connection limit -1`,
        `alter role ${own(holder)} superuser`,
        `alter role ${own(holder)} createrole`,
        `alter role ${own(holder)} replication`,
        `alter role ${own(holder)} bypassrls`,
        `comment on role ${own(holder)} is 'mine'`,
        `drop role ${own(holder)}`,
      ]);
    },
  },
  {
    attempt: 'sets every setting that it may, for itself and for its next sessions',
    outcome: 'settings are defaults and no limits; they go with the login',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, [
        `alter role ${own(holder)} set statement_timeout = 0`,
        `alter role ${own(holder)} in database shop set search_path = public`,
        `alter role ${own(holder)} set application_name = '${'x'.repeat(5_000)}'`,
        'set statement_timeout = 0',
        'set default_transaction_read_only = off',
        `set application_name = 'daypass'`,
      ]);
      await refused(client, [
        'set session_replication_role = replica',
        `alter role ${own(holder)} set session_preload_libraries = 'x'`,
        'set log_statement = none',
        'alter system set max_connections = 1',
        'alter database shop set search_path = public',
      ]);
      holder.sessions.push(await holder.login());
    },
    async after(holder) {
      assert.deepEqual(
        await holder.server.run(
          'select from pg_db_role_setting where setrole not in (select oid from pg_roles) and setrole <> 0',
        ),
        [],
      );
    },
  },
  {
    attempt: 'becomes its template’s role, or somebody else',
    outcome: 'refused: membership WITH SET FALSE',
    async does(holder) {
      const client = await holder.login();
      await refused(client, [
        `set role "${holder.carrier}"`,
        'set session authorization postgres',
        'set role daypass_broker',
        `set role ${issuerRoles('daypass_broker')[0]}`,
        `create table public.t (x int); alter table public.t owner to "${holder.carrier}"`,
      ]);
    },
  },
  {
    attempt: 'lends views and tables to its template’s role, which would show them to anybody for ever',
    outcome: 'REASSIGN OWNED cannot be prevented; called in and dropped',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, [
        'create view public.lent as select id, status from sales.orders; grant select on public.lent to public',
        'create table public.lent_table (id serial)',
        `reassign owned by current_user to "${holder.carrier}"`,
      ]);
      await allowed(client, ['create function public.f() returns int language sql as $$ select 1 $$']);
      await refused(client, [`reassign owned by current_user to "${holder.carrier}"`]);
    },
    cleaned: [
      'shop: function public.f(): dropped',
      'shop: sequence public.lent_table_id_seq: dropped',
      'shop: table public.lent_table: dropped',
      'shop: view public.lent: dropped',
    ],
    async after(holder) {
      assert.deepEqual(await holder.server.run(`select from pg_class where relname ~ '^lent'`, 'shop'), []);
    },
  },
  {
    attempt: 'lends a view to a role of the server’s own, which no list of dependencies shows',
    outcome: 'looked for in every database that it could get into, called in and dropped',
    scope: '{ roles: [pg_read_all_data] }',
    async does(holder) {
      const client = await holder.login({ database: 'postgres' });
      await allowed(client, [
        'create view public.lent as select rolname from pg_roles; grant select on public.lent to public',
        'reassign owned by current_user to pg_read_all_data',
      ]);
    },
    cleaned: ['postgres: view public.lent: dropped'],
    async after(holder) {
      assert.deepEqual(
        await holder.server.run(`select from pg_class where relname ~ '^lent'`, 'postgres'),
        [],
      );
    },
  },
  {
    attempt: 'gives default privileges, its own',
    outcome: 'DROP OWNED',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, ['alter default privileges grant select on tables to public']);
    },
    cleaned: ['shop: default privileges on new relations belonging to role it: dropped'],
  },
  {
    attempt: 'gives default privileges of its template’s role',
    outcome: 'set back to what they are for any role',
    async does(holder) {
      const client = await holder.login({ database: 'warehouse' });
      await allowed(client, [
        `drop owned by "${holder.carrier}"`,
        `reassign owned by "${holder.carrier}" to ${own(holder)}`,
        `alter default privileges for role "${holder.carrier}" grant all on tables to public`,
        `alter default privileges for role "${holder.carrier}" revoke execute on functions from public`,
        `alter default privileges for role "${holder.carrier}" revoke all on sequences from "${holder.carrier}"`,
        `alter default privileges for role "${holder.carrier}" grant usage on types to shop_app`,
      ]);
      const still = await holder.login();
      await allowed(still, ['select from sales.orders']);
    },
    cleaned: ['warehouse: default privileges of its template’s role: set back'],
    async after(holder) {
      assert.deepEqual(await holder.server.run('select from pg_default_acl', 'warehouse'), []);
      const [row] = await holder.server.run(
        `select has_table_privilege('${holder.carrier}', 'sales.orders', 'select') as still`,
        'shop',
      );
      assert.deepEqual(row, { still: true }, 'what others of the template may do is as before');
    },
  },
  {
    attempt: 'passes on what it may do',
    outcome: 'without the option nothing is granted',
    async does(holder) {
      await allowed(await holder.login(), ['grant select on sales.orders to public']);
    },
    async after(holder) {
      const [row] = await holder.server.run(
        `select count(*)::int as public from pg_class, aclexplode(relacl) where oid = 'sales.orders'::regclass and grantee = 0`,
        'shop',
      );
      assert.deepEqual(row, { public: 0 });
    },
  },
  {
    attempt: 'with an owner’s rights, gives itself privileges with the option, and passes them on',
    outcome: 'taken back from it, with the owner’s rights, and so from others',
    scope: '{ owner: shop_stock_owner, schema: stock }',
    async does(holder) {
      await allowed(await holder.login(), [
        'grant select, insert on stock.items to current_user with grant option',
        'grant select on stock.items to public',
      ]);
    },
    cleaned: ['shop: privileges on table stock.items: taken back'],
  },
  {
    attempt: 'leaves one thing of every kind',
    outcome: 'DROP OWNED; functions with their owner’s rights are named',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, [
        'create table public.k (x int); comment on table public.k is $$mine$$; grant all on public.k to public',
        'create view public.k_view as select * from public.k',
        'create materialized view public.k_seen as select * from public.k',
        'create sequence public.k_number',
        'create statistics public.k_statistics on x, (x + 1) from public.k',
        `create type public.k_colour as enum ('red')`,
        'create domain public.k_domain as int check (value > 0)',
        'create function public.k_door() returns int language sql security definer as $$ select 1 $$',
        'create procedure public.k_do() language sql as $$ select 1 $$',
        'create aggregate public.k_sum(int) (sfunc = int4pl, stype = int)',
        'create operator public.=== (leftarg = int, rightarg = int, function = int4eq)',
        'create collation public.k_order from "C"',
        'create text search configuration public.k_words (copy = simple)',
        'create text search dictionary public.k_dictionary (template = simple)',
        'create rule k_rule as on delete to public.k do instead nothing',
        'create policy k_policy on public.k to public',
        'select lo_create(0)',
      ]);
    },
    cleaned: [
      'shop: collation public.k_order: dropped',
      'shop: function public.k_do(): dropped',
      'shop: function public.k_door(), which runs with its owner’s rights: dropped',
      'shop: function public.k_sum(integer): dropped',
      'shop: large object N: dropped',
      'shop: materialized view public.k_seen: dropped',
      'shop: operator public.===(integer,integer): dropped',
      'shop: sequence public.k_number: dropped',
      'shop: statistics object public.k_statistics: dropped',
      'shop: table public.k: dropped',
      'shop: text search configuration public.k_words: dropped',
      'shop: text search dictionary public.k_dictionary: dropped',
      'shop: type public.k_colour: dropped',
      'shop: type public.k_domain: dropped',
      'shop: view public.k_view: dropped',
    ],
    async after(holder) {
      assert.deepEqual(await holder.server.run(`select from pg_class where relname ~ '^k_'`, 'shop'), []);
    },
  },
  {
    attempt: 'leaves things in other databases, postgres and template1 among them',
    outcome: 'every database is cleaned',
    async does(holder) {
      for (const database of ['warehouse', 'postgres', 'template1']) {
        const client = await holder.login({ database });
        await allowed(client, [
          'create table public.left_here (x int); grant all on public.left_here to public',
          'create function public.door() returns int language sql security definer as $$ select 1 $$',
          'alter default privileges grant select on tables to public',
          'select lo_create(0)',
        ]);
        await client.end();
      }
    },
    cleaned: ['postgres', 'template1', 'warehouse'].flatMap((database) => [
      `${database}: default privileges on new relations belonging to role it: dropped`,
      `${database}: function public.door(), which runs with its owner’s rights: dropped`,
      `${database}: large object N: dropped`,
      `${database}: table public.left_here: dropped`,
    ]),
    async after(holder) {
      for (const database of ['warehouse', 'postgres', 'template1'])
        assert.deepEqual(
          await holder.server.run(`select from pg_class where relname = 'left_here'`, database),
          [],
          database,
        );
    },
  },
  {
    attempt: 'leaves more than one transaction can drop',
    outcome: 'dropped a part at a time',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, [
        `do $$ begin for i in 1..${crowd} loop perform lo_create(0); if i % 1000 = 0 then commit; end if; end loop; end $$`,
      ]);
      await refused(
        client,
        [
          'do $$ begin perform lo_unlink(oid) from pg_largeobject_metadata where lomowner::regrole = current_user::regrole; end $$',
        ],
        '53200',
      );
    },
    cleaned: [
      ...Array<string>(100).fill('shop: large object N: dropped'),
      `shop: ${crowd - 100} more objects: dropped`,
    ],
  },
  {
    attempt: 'makes others depend on what it leaves, under a name that would mislead who reads it',
    outcome:
      'nothing of others is dropped: set aside to a role that nobody can be, listed in letters that show',
    async does(holder) {
      await allowed(await holder.login(), [
        `create table public."${misleading}" (x int); grant all on public."${misleading}" to public`,
        'create table public.alone (x int)',
        'create function public.one() returns int language sql security definer as $$ select 1 $$',
      ]);
      await holder.server.run(
        `create view public.theirs as select x, public.one() from public."${misleading}"`,
        'shop',
      );
    },
    cleaned: [
      'shop: function public.one(), which runs with its owner’s rights: given to kept',
      'shop: table public."safe\\u{202e}reversed\\u{a}line": given to kept',
      'shop: table public.alone: given to kept',
    ],
    remains: [
      'function public.one(), which runs with its owner’s rights in shop belongs to kept now.',
      'table public."safe\\u{202e}reversed\\u{a}line" in shop belongs to kept now.',
      'table public.alone in shop belongs to kept now.',
    ],
    async after(holder) {
      assert.deepEqual(await holder.server.run('select * from public.theirs', 'shop'), []);
      assert.deepEqual(
        await holder.server.run(
          `select distinct r.rolcanlogin as login, exists (select from pg_auth_members where member = r.oid) as member
             from pg_class c join pg_roles r on r.oid = c.relowner where c.relname = 'alone'`,
          'shop',
        ),
        [{ login: false, member: false }],
      );
    },
  },
  {
    attempt: 'makes a cast, which belongs to nobody and depends on what it leaves',
    outcome: 'what nobody can be asked about is not dropped: set aside, listed',
    async does(holder) {
      await allowed(await holder.login(), [
        `create type public.size as enum ('small')`,
        'create function public.as_number(public.size) returns int language sql as $$ select 1 $$',
        'create cast (public.size as int) with function public.as_number(public.size) as implicit',
      ]);
    },
    cleaned: [
      'shop: function public.as_number(public.size): given to kept',
      'shop: type public.size: given to kept',
    ],
    remains: [
      'function public.as_number(public.size) in shop belongs to kept now.',
      'type public.size in shop belongs to kept now.',
    ],
  },
  {
    attempt: 'with an owner’s rights, changes what runs on others’ behalf and who may do what',
    outcome: 'what it made goes to the owner; every difference is listed',
    scope: '{ owner: shop_catalog_owner, schema: catalog }',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, [
        'create table catalog.made (id int primary key)',
        'alter table catalog.prices add column cheap boolean default false',
        'create index on catalog.prices (price)',
        'grant select on catalog.prices to public',
        'revoke delete on catalog.prices from shop_app',
        'create function catalog.door() returns int language sql security definer as $$ select 1 $$',
        'alter table catalog.labels owner to session_user',
        'create or replace function catalog.discount() returns int language sql security definer as $$ select 99 $$',
        'create or replace view catalog.cheap as select id from catalog.prices where true',
        'alter table catalog.prices alter column price set default catalog.discount()',
        'create function catalog.watch() returns trigger language plpgsql as $$ begin return new; end $$',
        'create trigger watching before insert on catalog.prices execute function catalog.watch()',
        'alter default privileges for role shop_catalog_owner grant insert on tables to public',
        'alter policy shown on catalog.prices using (true)',
      ]);
      await refused(client, [
        `alter role shop_catalog_owner login password 'x'`,
        'set role shop_catalog_owner',
        'alter table catalog.prices owner to daypass_broker',
        'alter table catalog.prices owner to shop_app',
      ]);
    },
    cleaned: [
      'shop: function catalog.door(), which runs with its owner’s rights: given to shop_catalog_owner',
      'shop: function catalog.watch(): given to shop_catalog_owner',
      'shop: table catalog.labels: given to shop_catalog_owner',
      'shop: table catalog.made: given to shop_catalog_owner',
    ],
    remains: [
      'function catalog.door(), which runs with its owner’s rights in shop belongs to shop_catalog_owner now.',
      'table catalog.labels in shop belongs to shop_catalog_owner now.',
      'Since it began, new: everybody may execute on function catalog.door().',
      'Since it began, new: function catalog.door() runs with the rights of shop_catalog_owner.',
      'Since it began, no longer: shop_app may delete on table catalog.prices.',
      'function catalog.watch() in shop belongs to shop_catalog_owner now.',
      'table catalog.made in shop belongs to shop_catalog_owner now.',
      'Since it began, new: everybody may select on table catalog.prices.',
      'Since it began, new: everybody may insert on future tables of shop_catalog_owner.',
      'Since it began, new: everybody may execute on function catalog.watch().',
      'Since it began, new: trigger watching on catalog.prices.',
      'Since it began, changed: function catalog.discount().',
      'Since it began, changed: view catalog.cheap.',
      'Since it began, new: the value of cheap unless given, in catalog.prices.',
      'Since it began, new: the value of price unless given, in catalog.prices.',
      'Since it began, changed: row security policy shown on catalog.prices.',
    ],
    async after(holder) {
      const owners = await holder.server.run(
        `select distinct relowner::regrole::text as owner from pg_class where relname in ('made', 'labels', 'prices')`,
        'shop',
      );
      assert.deepEqual(owners, [{ owner: 'shop_catalog_owner' }]);
    },
  },
  {
    attempt:
      'has sessions that are busy: sleeping, in a loop that catches everything, sorting, waiting for a lock',
    outcome: 'terminated; no locks remain',
    end: 'revoked',
    async does(holder) {
      for (const sql of [
        'select pg_sleep(600)',
        'do $$ begin loop begin perform 1/0; exception when others then null; end; end loop; end $$',
        'do $$ begin loop begin perform pg_sleep(600); exception when query_canceled then null; end; end loop; end $$',
        'begin; update sales.orders set status = status where id = 1; select pg_sleep(600)',
        'select count(*) from generate_series(1, 1e12)',
        'select pg_advisory_lock(4711); select pg_sleep(600)',
      ]) {
        const client = await holder.login();
        client.query(sql).catch(() => undefined);
        holder.sessions.push(client);
      }
      await eventually(async () => {
        const busy = await holder.server.run(
          `select from pg_stat_activity where usename = '${holder.role}' and state = 'active'`,
        );
        return busy.length === 6 || undefined;
      });
    },
    async after(holder) {
      assert.deepEqual(await holder.server.run(`select from pg_locks where locktype = 'advisory'`), []);
    },
  },
  {
    attempt: 'listens, notifies, holds cursors, statements and temporary tables',
    outcome: 'gone with the session',
    async does(holder) {
      const client = await holder.login();
      await allowed(client, [
        'create temp table t (x int); insert into t values (1)',
        'declare c cursor with hold for select * from sales.orders',
        'prepare p as select 1',
        'listen everything',
        `select pg_notify('everything', repeat('x', 7000)) from generate_series(1, 500)`,
      ]);
      holder.sessions.push(client);
    },
  },
  {
    attempt: 'has the server connect to itself (dblink)',
    outcome: 'that session is the lease’s too, and is terminated',
    async does(holder) {
      const client = await holder.login();
      const way = `host=127.0.0.1 port=${holder.server.port} dbname=shop user=${holder.role} password=${holder.password} sslcert=/none sslkey=/none sslrootcert=/none`;
      await allowed(client, [
        `select dblink_connect('back', '${way}')`,
        `select dblink_send_query('back', 'select pg_sleep(600)')`,
      ]);
      holder.sessions.push(client);
      await eventually(async () => {
        const both = await holder.server.run(`select from pg_stat_activity where usename = '${holder.role}'`);
        return both.length === 2 || undefined;
      });
    },
  },
  {
    attempt: 'makes two leases lean on each other',
    outcome:
      'a lease cannot be given to another; what one may do with the other’s goes with whichever goes first',
    async does(holder) {
      const other = await holder.second();
      const [mine, theirs] = [await holder.login(), await other.login()];
      for (const [one, client, another] of [
        [holder, mine, other],
        [other, theirs, holder],
      ] as const) {
        await refused(client, [
          `grant ${own(one)} to ${own(another)}`,
          `set role ${own(another)}`,
          `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${another.role}'`,
        ]);
        await allowed(client, [
          `create table public.${own(one)} (x int); grant all on public.${own(one)} to ${own(another)}`,
          `alter default privileges grant all on tables to ${own(another)}`,
        ]);
      }
    },
    cleaned: [
      'shop: default privileges on new relations belonging to role it: dropped',
      'shop: privileges on default privileges on new relations belonging to role it: taken back',
      'shop: privileges on table public.it: taken back',
      'shop: table public.it: dropped',
      'shop: table public.it: dropped',
    ],
  },
  {
    attempt: 'ends or cancels the broker’s own sessions, or locks what they need',
    outcome: 'refused; roles that could are not possible in a template',
    async does(holder) {
      const client = await holder.login();
      const [broker] = await holder.server.run(
        `select pid from pg_stat_activity where usename = 'daypass_broker' limit 1`,
      );
      await refused(client, [
        `select pg_terminate_backend(${String(broker?.['pid'])})`,
        `select pg_cancel_backend(${String(broker?.['pid'])})`,
        'do $$ begin lock table pg_authid in access exclusive mode; end $$',
        'do $$ begin lock table pg_roles in share mode; end $$',
        'do $$ begin lock table pg_database in row exclusive mode; end $$',
        'do $$ begin lock table pg_auth_members in share mode; end $$',
      ]);
    },
  },
  {
    attempt: 'leaves something running at the server: slots, subscriptions, programs, extensions, triggers',
    outcome: 'refused',
    async does(holder) {
      const client = await holder.login();
      await refused(client, [
        `select pg_create_physical_replication_slot('mine')`,
        `select pg_create_logical_replication_slot('mine', 'pgoutput')`,
        `create subscription mine connection 'host=127.0.0.1' publication p with (connect = false)`,
        'create publication mine for all tables',
        'create publication mine',
        `copy (select 1) to program 'true'`,
        `copy (select 1) to '/tmp/mine'`,
        `select lo_export(0, '/tmp/mine')`,
        'create extension postgres_fdw',
        'create event trigger mine on ddl_command_start execute function suppress_redundant_updates_trigger()',
        'create trigger mine before insert on sales.customers execute function suppress_redundant_updates_trigger()',
        'create rule mine as on insert to sales.customers do instead nothing',
        'create policy mine on sales.customers',
        'create role mine',
        'create database mine',
        'create schema mine',
        `create tablespace mine location '/tmp'`,
        'select pg_reload_conf()',
        `create foreign data wrapper mine`,
        'alter table sales.customers add column mine int',
      ]);
    },
  },
];
