import assert from 'node:assert/strict';
import pg from 'pg';
import { connectionOf } from '../../src/broker/store/connect.ts';
import { migrate } from '../../src/broker/store/migrate.ts';
import { startStore, startStoreServer, type StoreWorld } from './support/store.ts';

const tables = ['audit_event', 'audit_number'] as const;
const event = '00000000-0000-4000-8000-000000000001';

/** What each of the two tables says about itself: owner, privileges, rows, columns. */
async function stateOf(world: StoreWorld, table: string): Promise<unknown> {
  return world.postgres.run(
    `select c.relowner::regrole::text, c.relacl::text, c.relrowsecurity,
            (select json_agg(a.attname || coalesce(a.attacl::text, '') order by a.attnum)::text
               from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as columns,
            (select json_agg(p order by p::text)::text from information_schema.table_privileges p
              where p.table_schema = 'daypass' and p.table_name = c.relname) as privileges,
            (select json_agg(t order by t::text)::text from daypass.${table} t) as rows
       from pg_class c where c.oid = 'daypass.${table}'::regclass`,
    'state',
  );
}

describe('The role that the broker works as', () => {
  let world: Awaited<ReturnType<typeof startStore>>;
  let client: pg.Client;

  before(async () => {
    world = await startStore();
    client = new pg.Client(connectionOf(world.server, world.server.runtime!, 'test'));
    await client.connect();
    await client.query(
      `insert into audit_event (id, action, resource) values ('${event}', 'test', 'broker')`,
    );
    await client.query(`insert into audit_number (number, event_id) values (1, '${event}')`);
  });
  after(async () => {
    await client.end();
    await world.stop();
  });

  it('is told apart from the owner, so the log is protected', () => {
    assert.equal(world.migrated.logProtected, true);
  });

  const refused = (table: string): Record<string, string> => ({
    UPDATE: `update ${table} set ${table === 'audit_event' ? `action = 'other'` : 'number = 2'}`,
    'UPDATE of one column only': `update ${table} set ${table === 'audit_event' ? `detail = '{}'` : 'event_id = event_id'}`,
    DELETE: `delete from ${table}`,
    TRUNCATE: `truncate ${table} cascade`,
    'ALTER: column': `alter table ${table} add column more text`,
    'ALTER: owner': `alter table ${table} owner to current_user`,
    'ALTER: rename': `alter table ${table} rename to elsewhere`,
    'ALTER: triggers': `alter table ${table} disable trigger all`,
    DROP: `drop table ${table} cascade`,
    'DROP of the schema': 'drop schema daypass cascade',
    'SET ROLE': 'set role own',
    'SET SESSION AUTHORIZATION': 'set session authorization own',
    'a row lock': `select * from ${table} for update`,
    'a trigger': `create trigger t before insert on ${table} execute function suppress_redundant_updates_trigger()`,
    'a rule': `create rule r as on insert to ${table} do instead nothing`,
    'a policy': `create policy p on ${table} using (false)`,
    'a table in its place': `create table daypass.${table}_2 (like ${table})`,
    'a lock against others': `do 'begin lock table ${table} in access exclusive mode; end'`,
    'a role of its own': 'create role helper superuser',
    'membership in the owner': 'grant own to current_user',
    'a program': `copy ${table} from program 'true'`,
    'the database': 'drop database state',
    'the migrations': 'delete from migration',
  });

  for (const table of tables) {
    for (const [what, statement] of Object.entries(refused(table))) {
      it(`is refused on ${table}: ${what}`, async () => {
        const before = await stateOf(world, table);
        await assert.rejects(client.query(statement), (error: pg.DatabaseError) => {
          assert.equal(error.code, '42501', `${error.code} ${error.message}`);
          return true;
        });
        await client.query('reset role; reset session authorization');
        assert.deepEqual(await stateOf(world, table), before);
      });
    }

    it(`grants nothing on ${table} by GRANT, which only warns, nor by REVOKE`, async () => {
      const before = await stateOf(world, table);
      for (const statement of [
        `grant all on ${table} to public`,
        `grant all on ${table} to current_user with grant option`,
        `grant update, delete, truncate on ${table} to current_user`,
        `revoke select on ${table} from own`,
        `revoke insert on ${table} from current_user`,
      ]) {
        await client
          .query(statement)
          .catch((error: unknown) => assert.equal((error as pg.DatabaseError).code, '42501'));
      }
      assert.deepEqual(await stateOf(world, table), before);
    });

    it(`can read ${table}, so that what was refused was not refused for being nobody`, async () => {
      const { rows } = await client.query(`select * from ${table}`);
      assert.equal(rows.length, 1);
    });
  }

  it('is given its privileges anew at each start, whatever somebody changed in between', async () => {
    const before = await stateOf(world, 'audit_event');
    await world.postgres.run(
      `grant update, delete on daypass.audit_event to "Run ""time"""; revoke insert on daypass.audit_event from "Run ""time"""`,
      'state',
    );
    assert.notDeepEqual(await stateOf(world, 'audit_event'), before);
    assert.equal((await migrate(world.server)).logProtected, true);
    assert.deepEqual(await stateOf(world, 'audit_event'), before);
    await assert.rejects(client.query('delete from audit_event'), { code: '42501' });
    await client.query(
      `insert into audit_event (id, action, resource) values (gen_random_uuid(), 'test', 'broker')`,
    );
  });
});

describe('An audit log that is not protected from the broker', () => {
  let world: StoreWorld;
  beforeEach(async () => {
    world = await startStoreServer();
  });
  afterEach(() => world.stop());

  it('is reported where only one role is configured, and the broker works all the same', async () => {
    assert.equal((await migrate(world.oneRole)).logProtected, false);
  });

  for (const [how, sql] of Object.entries({
    'a superuser': 'alter role "Run ""time""" superuser',
    'a member of the owner': 'grant own to "Run ""time""" with inherit false',
    'a member of a role that writes everything': 'grant pg_write_all_data to "Run ""time"""',
    'allowed to run programs at the server': 'grant pg_execute_server_program to "Run ""time"""',
    'owner of the database':
      'alter database state owner to "Run ""time"""; grant create on database state to own',
  })) {
    it(`is reported where the runtime role is ${how}`, async () => {
      for (const statement of sql.split('; ')) await world.postgres.run(statement);
      assert.equal((await migrate(world.server)).logProtected, false);
    });
  }
});
