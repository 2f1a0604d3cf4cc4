import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { append } from '../../src/broker/audit/append.ts';
import { followSequence } from '../../src/broker/audit/follow.ts';
import { startSequencer } from '../../src/broker/audit/sequence.ts';
import { openLog } from '../../src/broker/log.ts';
import { lastNumber, loggedUpTo, type NumberedEvent } from '../../src/broker/store/audit-number.ts';
import type { Store } from '../../src/broker/store/connect.ts';
import { eventually } from './support/eventually.ts';
import { quiet, startStore } from './support/store.ts';

interface Line {
  readonly msg: string;
  readonly again?: boolean;
  readonly audit?: {
    readonly number: number;
    readonly action: string;
    readonly detail: Record<string, unknown>;
  };
}

function memory() {
  const lines: Line[] = [];
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(
        ...chunk
          .toString()
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Line),
      );
      done();
    },
  });
  return { log: openLog({ to }), audit: () => lines.filter((line) => line.audit) };
}

describe('The audit log in the log stream', () => {
  let world: Awaited<ReturnType<typeof startStore>>;
  let store: Store;
  let ends: (() => Promise<void>)[];
  beforeEach(async () => {
    world = await startStore();
    store = world.open();
    ends = [];
    const sequencer = await startSequencer(store, quiet);
    ends.push(() => sequencer.stop());
  });
  afterEach(async () => {
    for (const end of ends.reverse()) await end();
    await world.stop();
  });

  const happen = (count: number, reason = 'because') =>
    store.transaction('request made', async (trx) => {
      for (let index = 0; index < count; index++) {
        const requestId = randomUUID();
        await append(trx, {
          action: 'request created',
          actor: null,
          resource: 'request',
          resourceId: requestId,
          version: 1,
          requestId,
          target: 'shop',
          detail: { reason },
        });
      }
    });
  const follow = async (
    take: (events: readonly NumberedEvent[]) => Promise<void> = () => Promise.resolve(),
  ) => {
    const { log, audit } = memory();
    const follower = await followSequence(store, log, { begin: () => undefined, take });
    ends.push(() => follower.stop());
    return { audit, stop: () => follower.stop() };
  };
  const numbersOf = (lines: readonly Line[]) => lines.map((line) => line.audit?.number);

  it('has each event once and in order, a line each', async () => {
    const { audit } = await follow();
    await happen(3, 'two\nlines');
    await happen(4);
    await eventually(() => (audit().length >= 7 ? true : undefined));
    assert.deepEqual(numbersOf(audit()), [1, 2, 3, 4, 5, 6, 7]);
    assert.equal(audit()[0]?.msg, 'request created');
    assert.equal(audit()[0]?.audit?.detail['reason'], 'two\nlines');
    assert.ok(audit().every((line) => line.again === undefined));
  });

  it('has, marked, what was numbered while nobody wrote it, however much that is', async () => {
    const first = await follow();
    await happen(30);
    await eventually(() => (first.audit().length >= 30 ? true : undefined));
    await first.stop();
    await happen(1_200);
    await eventually(async () => ((await lastNumber(store.db)) === 1_230 ? true : undefined));
    const second = await follow();
    await happen(1);
    await eventually(() => (numbersOf(second.audit()).includes(1_231) ? true : undefined));
    assert.deepEqual(
      numbersOf(second.audit()),
      Array.from({ length: 1_201 }, (_, index) => index + 31),
    );
    assert.deepEqual(second.audit().filter((line) => line.again).length, 1_200);
  });

  it('has nothing again that a broker which still runs wrote a while ago', async () => {
    const first = await follow();
    await happen(30);
    await eventually(() => (first.audit().length >= 30 ? true : undefined));
    await eventually(async () => ((await loggedUpTo(store.db)) === 30 ? true : undefined));
    const second = await follow();
    await happen(1);
    await eventually(() => (numbersOf(second.audit()).includes(31) ? true : undefined));
    assert.deepEqual(numbersOf(second.audit()), [31]);
  });

  it('has nothing left out when those who are told fail for a while: the same events come again', async () => {
    const told: number[] = [];
    let failures = 2;
    const { audit } = await follow((events) => {
      if (failures-- > 0) return Promise.reject(new Error('away'));
      told.push(...events.map(({ number }) => number));
      return Promise.resolve();
    });
    await happen(5);
    await eventually(() => (told.length >= 5 ? true : undefined));
    await happen(1);
    await eventually(() => (audit().length >= 6 ? true : undefined));
    assert.deepEqual(told.slice(0, 6), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(numbersOf(audit()), [1, 2, 3, 4, 5, 6]);
  });

  it('goes on after the database was cut off', async () => {
    const { audit } = await follow();
    await happen(1);
    await eventually(() => (audit().length === 1 ? true : undefined));
    await world.postgres.run(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'daypass %'`,
    );
    await eventually(() =>
      happen(1).then(
        () => true,
        () => undefined,
      ),
    );
    await eventually(() => (audit().length === 2 ? true : undefined));
    assert.deepEqual(numbersOf(audit()), [1, 2]);
  });
});
