import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { sql } from 'kysely';
import { openStore } from '../../src/broker/store/connect.ts';
import type { Db } from '../../src/broker/store/schema.ts';
import { isAway } from '../../src/broker/store/unusable.ts';
import { Secret } from '../../src/contract/secret.ts';
import { selfMadeCertificates } from './support/certificates.ts';
import { eventually } from './support/eventually.ts';
import { startPostgres } from './support/postgres.ts';
import { quiet, startStore } from './support/store.ts';

const backends = `from pg_stat_activity where application_name like 'daypass %'`;

describe('The store as the broker uses it', () => {
  let world: Awaited<ReturnType<typeof startStore>>;
  before(async () => {
    world = await startStore();
  });
  after(() => world.stop());

  it('works as the runtime role, in its schema, in UTC, and gives times as dates and numbers as numbers', async () => {
    const { db } = world.open();
    const { rows } = await sql<Record<string, unknown>>`
      select current_user as who, current_schema as schema, current_setting('timezone') as zone,
             '2026-03-01T02:14:00.123+02'::timestamptz as at, 9007199254740991::bigint as most`.execute(db);
    assert.deepEqual(rows[0], {
      who: 'Run "time"',
      schema: 'daypass',
      zone: 'UTC',
      at: new Date('2026-03-01T00:14:00.123Z'),
      most: 9007199254740991,
    });
    await assert.rejects(sql`select 9007199254740993::bigint`.execute(db), RangeError);
  });

  it('writes under the name of a step and in no other way: the database refuses it', async () => {
    const { db, write, transaction } = world.open();
    const forget = sql`delete from idempotency_key`;
    await assert.rejects(forget.execute(db), { code: '25006' });
    const told: unknown[] = [];
    const listen = (message: unknown) => void told.push(message);
    subscribe('daypass:step', listen);
    try {
      await write('keys forgotten', (writer) => forget.execute(writer));
      await transaction('request made', (trx) => forget.execute(trx));
      await assert.rejects(write('person known', (writer) => sql`select nonsense`.execute(writer)));
    } finally {
      unsubscribe('daypass:step', listen);
    }
    assert.deepEqual(told, [
      { name: 'keys forgotten', is: 'begun' },
      { name: 'keys forgotten', is: 'done' },
      { name: 'request made', is: 'begun' },
      { name: 'request made', is: 'done' },
      { name: 'person known', is: 'begun' },
      { name: 'person known', is: 'failed' },
    ]);
  });

  it('hears notifications, also those sent after its connections were cut, and says that it may have missed some', async () => {
    const store = world.open();
    const heard: string[] = [];
    await store.listen('daypass_test', (payload) => heard.push(payload));
    await sql`select pg_notify('daypass_test', 'first')`.execute(store.db);
    await eventually(() => (heard.includes('first') ? true : undefined));
    await world.postgres.run(`select pg_terminate_backend(pid) ${backends}`);
    await eventually(() => (heard.includes('') ? true : undefined));
    await sql`select pg_notify('daypass_test', 'second')`.execute(store.db);
    await eventually(() => (heard.includes('second') ? true : undefined));
    assert.deepEqual(heard, ['first', '', 'second']);
  });

  it('gives up a connection that does not answer, and works on over another', async () => {
    const store = openStore(world.server, quiet, { connections: 1, timeoutMs: 500 });
    const pidOf = (db: Db) => sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
    let stopped: number | undefined;
    try {
      await assert.rejects(
        store.transaction('request made', async (trx) => {
          stopped = (await pidOf(trx)).rows[0]?.pid;
          process.kill(stopped!, 'SIGSTOP');
          await pidOf(trx);
        }),
        /Query read timeout/,
      );
      const { rows } = await store.transaction('request made', (trx) => pidOf(trx));
      assert.notEqual(rows[0]?.pid, stopped);
    } finally {
      if (stopped !== undefined) process.kill(stopped, 'SIGCONT');
      await store.close();
    }
  });

  it('survives the loss of a connection in the middle of a transaction: that call fails, the next one works', async () => {
    const store = world.open();
    await assert.rejects(
      store.transaction('request made', async (trx) => {
        await sql`select 1`.execute(trx);
        await world.postgres.run(`select pg_terminate_backend(pid) ${backends}`);
        await sql`select 1`.execute(trx);
      }),
      isAway,
    );
    assert.equal((await sql`select 1 as one`.execute(store.db)).rows.length, 1);
  });

  it('lets nobody write outside of a step: neither where it is read, nor on a connection of one’s own', async () => {
    const store = world.open();
    const session = await store.session('looking');
    for (const db of [store.db, session.db])
      await assert.rejects(sql`delete from idempotency_key`.execute(db), { code: '25006' });
    const writing = await store.writingSession('writing');
    await writing.write('keys forgotten', (db) => sql`delete from idempotency_key`.execute(db));
  });

  it('gives a lock to one session, and to the next when the first is gone', async () => {
    const first = await world.open().session('first');
    const second = await world.open().session('second');
    assert.equal(await first.tryLock('something'), true);
    assert.equal(await first.tryLock('something'), true);
    assert.equal(await second.tryLock('something'), false);
    const lost = once(first.lost, 'abort');
    await world.postgres.run(
      `select pg_terminate_backend(pid) ${backends} and application_name = 'daypass first'`,
    );
    await lost;
    await eventually(async () => ((await second.tryLock('something')) ? true : undefined));
    await assert.rejects(first.tryLock('another'));
  });

  it('tells a database that is away from one that refuses', async () => {
    const { port } = world.server;
    const nobody = openStore({ ...world.server, port: 1 }, quiet);
    await assert.rejects(sql`select 1`.execute(nobody.db), isAway);
    await nobody.close();
    const store = openStore({ ...world.server, port }, quiet);
    await assert.rejects(sql`select nonsense`.execute(store.db), (error) => !isAway(error));
    await store.close();
  });
});

describe('The way to the store, encrypted', () => {
  it('verifies the certificate in the measure that the configuration asks for', async () => {
    const postgres = await startPostgres({ tls: true });
    try {
      await postgres.run(`create role own login password 'own-password'`);
      const attempt = async (host: string, tls: Parameters<typeof openStore>[0]['tls']) => {
        const owner = { user: 'own', password: new Secret('own-password') };
        const store = openStore(
          { kind: 'server', host, port: postgres.port, database: 'postgres', tls, owner },
          quiet,
        );
        try {
          await sql`select 1`.execute(store.db);
          return 'in';
        } catch {
          return 'refused';
        } finally {
          await store.close();
        }
      };
      const certificateAuthority = postgres.certificateAuthority!;
      const foreign = selfMadeCertificates(['localhost'], ['127.0.0.1']).certificateAuthority;
      assert.equal(await attempt('localhost', { mode: 'verify-full', certificateAuthority }), 'in');
      assert.equal(
        await attempt('localhost', { mode: 'verify-full', certificateAuthority: foreign }),
        'refused',
      );
      assert.equal(await attempt('localhost', { mode: 'verify-full' }), 'refused');
      assert.equal(
        await attempt('localhost', { mode: 'verify-ca', certificateAuthority: foreign }),
        'refused',
      );
      assert.equal(await attempt('localhost', { mode: 'verify-ca', certificateAuthority }), 'in');
      assert.equal(await attempt('localhost', { mode: 'require' }), 'in');
      assert.equal(await attempt('localhost', { mode: 'off' }), 'refused');
    } finally {
      await postgres.stop();
    }
  });
});
