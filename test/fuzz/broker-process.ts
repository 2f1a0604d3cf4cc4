/**
 * A real broker with everything around it, in a process of its own, so that a hang of it is seen. It tells its address
 * and everybody's token, and at `look` stops the broker and tells what is there: in its store and at its target.
 */
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { startEmbedded } from '../../src/broker/store/embedded.ts';
import { startWorld } from '../broker/support/world.ts';

export interface Begun {
  readonly url: string;
  readonly tokens: Readonly<Record<string, string>>;
}

/** Everything that a valid call can make, by id. */
export interface Found {
  readonly requests: readonly string[];
  readonly decisions: readonly string[];
  readonly grants: readonly string[];
  readonly leases: readonly string[];
  readonly people: number;
  /** Leases that are not at their end. */
  readonly open: number;
  /** What the target's catalogues hold that they did not hold before, and the other way round. */
  readonly differences: readonly string[];
  /** Lines of the log that tell of an error that the broker was not made for. */
  readonly unforeseen: readonly string[];
}

const catalogues = `
select 'role ' || rolname || ' ' || rolcanlogin || rolsuper || rolcreaterole as line from pg_roles
union all select 'member ' || member::regrole || ' of ' || roleid::regrole from pg_auth_members
union all select 'relation ' || c.oid::regclass || ' ' || coalesce(relacl::text, '') from pg_class c where c.oid >= 16384 and relnamespace <> 'pg_toast'::regnamespace
union all select 'function ' || oid::regprocedure from pg_proc where oid >= 16384
union all select 'schema ' || nspname || coalesce(nspacl::text, '') from pg_namespace where nspname !~ '^pg_(temp|toast)'
order by 1`;

const world = await startWorld({ accessTokenTtl: 3 * 3600, mostOpen: 40 });
const lines = async () => (await world.shop.run(catalogues, 'shop')).map(({ line }) => String(line));
const before = await lines();
const tokens = Object.fromEntries(
  await Promise.all(
    ['ana', 'ben', 'carol', 'dan'].map(async (name) => [name, await world.token(name)] as const),
  ),
);
// What the broker logged is kept only where it could matter: there are many lines.
const unforeseen: string[] = [];
const watching = setInterval(() => {
  for (const line of world.log.splice(0))
    if (/"level":(50|60)/.test(line) && unforeseen.length < 20) unforeseen.push(line);
}, 200);

process.on('message', (asked) => void (asked === 'look' ? look() : undefined));
process.on('disconnect', () => void world.stop().finally(() => process.exit(0)));
process.send?.({ url: world.url, tokens } satisfies Begun);

async function look(): Promise<void> {
  clearInterval(watching);
  // Whatever is due at the target is done before the broker stops.
  for (let tries = 0; tries < 200; tries += 1) {
    const roles = await world.shop.run("select from pg_roles where rolname ~ '^daypass_[0-9a-f]{8}_'");
    if (roles.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  const after = await lines();
  await world.broker.close();
  const embedded = await startEmbedded(join(world.folder, 'state'), pino({ enabled: false }));
  const { server } = embedded;
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    database: server.database,
    user: server.owner.user,
    password: server.owner.password.reveal(),
  });
  await client.connect();
  await client.query('set search_path to daypass');
  const idsOf = async (table: string) =>
    (await client.query<{ id: string }>(`select id from ${table}`)).rows.map(({ id }) => id);
  const found: Found = {
    requests: await idsOf('request'),
    decisions: await idsOf('decision'),
    grants: await idsOf('"grant"'),
    leases: await idsOf('lease'),
    people: (await idsOf('person')).length,
    open: (await client.query("select from lease where state not in ('closed', 'failed')")).rowCount ?? 0,
    differences: [
      ...after.filter((line) => !before.includes(line)).map((line) => `new: ${line}`),
      ...before.filter((line) => !after.includes(line)).map((line) => `gone: ${line}`),
    ],
    unforeseen,
  };
  await client.end();
  await embedded.close();
  process.send?.(found);
}
