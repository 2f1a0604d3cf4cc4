import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { sql } from 'kysely';
import { append } from '../../src/broker/audit/append.ts';
import { startSequencer } from '../../src/broker/audit/sequence.ts';
import {
  eventsAfter,
  everything,
  numberEvents,
  type NumberedEvent,
} from '../../src/broker/store/audit-number.ts';
import type { Store } from '../../src/broker/store/connect.ts';
import type { Trx } from '../../src/broker/store/schema.ts';
import { eventually } from './support/eventually.ts';
import { quiet, startStore } from './support/store.ts';

const record = (trx: Trx, requestId: string, version: number) =>
  append(trx, {
    action: 'request created',
    actor: null,
    resource: 'request',
    resourceId: requestId,
    version,
    requestId,
    target: 'shop',
    detail: {},
  });

describe('The sequencer', () => {
  let world: Awaited<ReturnType<typeof startStore>>;
  let store: Store;
  let stops: (() => Promise<void>)[];

  beforeEach(async () => {
    world = await startStore();
    store = world.open();
    stops = [];
  });
  afterEach(async () => {
    for (const stop of stops.reverse()) await stop();
    await world.stop();
  });

  const sequencer = async (on = store) => {
    const one = await startSequencer(on, quiet);
    stops.push(() => one.stop());
    return one;
  };
  const all = () => eventsAfter(store.db, 0, 100_000);
  const numbered = (count: number) =>
    eventually(async () => {
      const events = await all();
      return events.length >= count ? events : undefined;
    }, 30_000);
  const assertWhole = async (events: readonly NumberedEvent[]) => {
    assert.deepEqual(
      events.map(({ number }) => number),
      events.map((_, index) => index + 1),
      'no gap, none twice',
    );
    const { rows } = await sql<{ count: number }>`select count(*) as count from audit_event`.execute(
      store.db,
    );
    assert.equal(new Set(events.map(({ id }) => id)).size, rows[0]?.count, 'none lost');
    const versions = new Map<string, number>();
    for (const { resourceId, version } of events) {
      assert.equal(
        version,
        (versions.get(resourceId!) ?? 0) + 1,
        'a thing changes in the order of its versions',
      );
      versions.set(resourceId!, version);
    }
  };

  /** Changes things as the broker does: locks the row, then records; some transactions are long, some fail. */
  const write = async (on: Store, things: readonly string[], changes: number) => {
    for (let change = 0; change < changes; change++) {
      const thing = things[Math.floor(Math.random() * things.length)]!;
      await on
        .transaction('request made', async (trx) => {
          await sql`select pg_advisory_xact_lock(hashtextextended(${thing}, 0))`.execute(trx);
          const { rows } = await sql<{ version: number }>`
            select coalesce(max(version), 0) as version from audit_event where resource_id = ${thing}`.execute(
            trx,
          );
          await record(trx, thing, rows[0]!.version + 1);
          if (change % 7 === 0) await sql`select pg_sleep(${Math.random() * 0.05})`.execute(trx);
          if (change % 11 === 0) throw new Error('rolled back');
        })
        .catch((error: unknown) => assert.equal((error as Error).message, 'rolled back'));
    }
  };

  it('numbers what many write at once, two of it at work: no gap, none twice, none lost, each thing in order', async () => {
    const other = world.open();
    await sequencer();
    await sequencer(other);
    const things = Array.from({ length: 6 }, () => randomUUID());
    await Promise.all(Array.from({ length: 12 }, (_, index) => write(index % 2 ? store : other, things, 40)));
    const { rows } = await sql<{ count: number }>`select count(*) as count from audit_event`.execute(
      store.db,
    );
    await assertWhole(await numbered(rows[0]!.count));
  });

  it('keeps the numbers right when nobody holds the lock and several number at the same moment', async () => {
    const things = Array.from({ length: 4 }, () => randomUUID());
    let writing = true;
    const writers = Promise.all(Array.from({ length: 6 }, () => write(store, things, 30))).finally(
      () => (writing = false),
    );
    let clashes = 0;
    const numberer = async () => {
      let settled = '0';
      const once_ = async () => {
        try {
          ({ settled } = await store.write('events numbered', (db) => numberEvents(db, settled)));
        } catch (error) {
          assert.equal((error as { code?: string }).code, '23505');
          clashes++;
        }
      };
      while (writing) await once_();
      await once_();
    };
    await Promise.all([writers, numberer(), numberer(), numberer()]);
    await store.write('events numbered', (db) => numberEvents(db, everything));
    assert.ok(clashes > 0, 'they met');
    await assertWhole(await all());
  });

  it('numbers an event whose transaction began long before others that are numbered already', async () => {
    await sequencer();
    const slow = randomUUID();
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    let recorded: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (recorded = resolve));
    const long = store.transaction('request made', async (trx) => {
      await record(trx, slow, 1);
      recorded();
      await finished;
    });
    await begun;
    for (let index = 0; index < 5; index++)
      await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
    await numbered(5);
    finish();
    await long;
    const events = await numbered(6);
    assert.equal(events.at(-1)?.resourceId, slow);
    await assertWhole(events);
  });

  it('keeps a thing in the order of its versions when the clock was set back in between', async () => {
    const thing = randomUUID();
    for (const [version, at] of [
      [1, '2026-03-01T02:00:00Z'],
      [2, '2026-03-01T01:00:00Z'],
      [3, '2026-03-01T01:30:00Z'],
    ] as const) {
      await store.write('request made', (db) =>
        sql`insert into audit_event (id, at, action, resource, resource_id, version)
                values (${randomUUID()}, ${at}, 'request created', 'request', ${thing}, ${version})`.execute(
          db,
        ),
      );
    }
    await store.write('events numbered', (db) => numberEvents(db, everything));
    await assertWhole(await all());
  });

  it('goes on where another stopped, and is taken over when its connection is lost', async () => {
    await sequencer();
    await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
    await numbered(1);
    await sequencer(world.open());
    await world.postgres.run(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'daypass sequencer'`,
    );
    await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
    await assertWhole(await numbered(2));
  });

  it('leaves nothing without a number when a broker is killed, wherever it stood', async () => {
    const { server } = world;
    const broker = `
      import { pino } from 'pino';
      import { openStore } from './src/broker/store/connect.ts';
      import { startSequencer } from './src/broker/audit/sequence.ts';
      import { Secret } from './src/contract/secret.ts';
      const [host, port, database, user, password] = process.argv.slice(1);
      const login = { user, password: new Secret(password) };
      const store = openStore({ kind: 'server', host, port: Number(port), database, tls: { mode: 'off' }, owner: login }, pino({ enabled: false }));
      await startSequencer(store, pino({ enabled: false }));
      console.log('numbers');
    `;
    const { user, password } = server.runtime!;
    const start = async () => {
      const options = ['--import', 'tsx', '--input-type=module', '-e', broker];
      const where = [server.host, String(server.port), server.database, user, password.reveal()];
      const child = spawn(process.execPath, [...options, ...where], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      return child;
    };
    const things = Array.from({ length: 3 }, () => randomUUID());
    const writers = Promise.all([1, 2, 3].map(() => write(store, things, 60)));
    for (let round = 0; round < 3; round++) {
      const child = await start();
      try {
        const before = (await all()).length;
        await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
        await numbered(before + 1);
      } finally {
        child.kill('SIGKILL');
      }
      await once(child, 'close');
      await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
    }
    await writers;
    await sequencer();
    const { rows } = await sql<{ count: number }>`select count(*) as count from audit_event`.execute(
      store.db,
    );
    await assertWhole(await numbered(rows[0]!.count));
  });

  it('numbers what came in a dump of another server, whose transactions have higher ids, and what happens after', async () => {
    const restored = randomUUID();
    for (const [version, transaction] of [
      [1, '900000000'],
      [2, '900000007'],
    ] as const) {
      await store.write('request made', (db) =>
        sql`insert into audit_event (id, action, resource, resource_id, version, transaction)
                values (${randomUUID()}, 'request created', 'request', ${restored}, ${version}, ${transaction}::xid8)`.execute(
          db,
        ),
      );
    }
    const first = await sequencer();
    await numbered(2);
    await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
    await assertWhole(await numbered(3));
    await first.stop();
    await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
    await sequencer();
    await assertWhole(await numbered(4));
  });

  it('begins beside a long log, and numbers what comes then', async () => {
    await world.postgres.run(
      `
      with added as (
        insert into daypass.audit_event (id, action, resource, resource_id, version, request_id, target)
        select gen_random_uuid(), 'request created', 'request', gen_random_uuid(), 1, gen_random_uuid(), 'shop' from generate_series(1, 80000)
        returning id)
      insert into daypass.audit_number (number, event_id) select row_number() over (), id from added;
      analyze daypass.audit_event;
      analyze daypass.audit_number`,
      'state',
    );
    await sequencer();
    await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
    const [fresh] = await eventually(async () => {
      const events = await eventsAfter(store.db, 80_000, 10);
      return events.length ? events : undefined;
    });
    assert.equal(fresh?.number, 80_001);
  });

  it('is stood in for when a broker is stopped and keeps its lock', async () => {
    const frozen = await world.open().session('frozen');
    assert.equal(await frozen.tryLock('sequencer'), true);
    await sequencer();
    await store.transaction('request made', (trx) => record(trx, randomUUID(), 1));
    await assertWhole(await numbered(1));
  });
});
