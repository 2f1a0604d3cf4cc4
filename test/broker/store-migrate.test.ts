import assert from 'node:assert/strict';
import { Secret } from '../../src/contract/secret.ts';
import { migrate } from '../../src/broker/store/migrate.ts';
import { StoreUnusable } from '../../src/broker/store/unusable.ts';
import { startStoreServer, type StoreWorld } from './support/store.ts';

describe('Migrating the store', () => {
  let world: StoreWorld;
  beforeEach(async () => {
    world = await startStoreServer();
  });
  afterEach(() => world.stop());

  it('gives an installation its id once, whoever starts and however many at a time', async () => {
    const together = await Promise.all([1, 2, 3, 4].map(() => migrate(world.server)));
    const later = await migrate(world.server);
    assert.match(later.installation, /^[0-9a-f]{8}$/);
    assert.deepEqual(
      new Set([...together, later].map((one) => one.installation)),
      new Set([later.installation]),
    );
  });

  it('refuses the schema of a newer broker and changes nothing', async () => {
    await migrate(world.server);
    await world.postgres.run('insert into daypass.migration (number) values (99)', 'state');
    await world.postgres.run('revoke insert on daypass.audit_event from "Run ""time"""', 'state');
    await assert.rejects(migrate(world.server), (error: unknown) => {
      assert.ok(error instanceof StoreUnusable);
      assert.match(error.message, /schema 99 .*newer broker/);
      return true;
    });
    const [row] = await world.postgres.run(
      `select has_table_privilege('Run "time"', 'daypass.audit_event', 'insert') as may`,
      'state',
    );
    assert.equal(row?.['may'], false);
  });

  it('says which role is missing and how to make it', async () => {
    const server = { ...world.server, runtime: { user: 'nobody_here', password: new Secret('x') } };
    await assert.rejects(migrate(server), /no role "nobody_here".*create role "nobody_here" login/);
  });

  it('says what the owner lacks to make its schema', async () => {
    await world.postgres.run('alter database state owner to postgres');
    await assert.rejects(
      migrate(world.server),
      /may not create the schema "daypass".*grant create on database/,
    );
  });

  it('uses a schema that an administrator has made for the owner', async () => {
    await world.postgres.run('alter database state owner to postgres');
    await world.postgres.run('create schema daypass authorization own', 'state');
    assert.equal((await migrate(world.server)).logProtected, true);
  });

  it('says that the runtime role may not connect', async () => {
    await world.postgres.run('revoke connect on database state from public');
    await assert.rejects(migrate(world.server), /may not connect to the database "state".*grant connect/);
  });

  it('closes the schema to everybody else', async () => {
    await migrate(world.server);
    await world.postgres.run(`create role stranger; grant all on schema daypass to public`, 'state');
    await migrate(world.server);
    const [row] = await world.postgres.run(
      `select has_schema_privilege('stranger', 'daypass', 'usage') as may`,
      'state',
    );
    assert.equal(row?.['may'], false);
  });
});
