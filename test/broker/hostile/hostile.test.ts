/**
 * What a holder of a lease can try, row by row, with the real broker against every version of PostgreSQL that Daypass
 * works with, in the clear and encrypted. `ROUNDS=200 npm test -- test/broker/hostile/hostile.test.ts` has the holder
 * who reconnects in a loop try it so many times for each version, half of them encrypted, and says how it went.
 */
import type pg from 'pg';
import assert from 'node:assert/strict';
import { createConnection, type Socket } from 'node:net';
import type { Grant } from '../../../src/contract/grants.ts';
import type { Receipt } from '../../../src/contract/receipts.ts';
import { eventually } from '../support/eventually.ts';
import { everyServer } from '../support/postgres.ts';
import { answer } from '../support/shop.ts';
import { isClosed, turnedAway } from '../support/turned-away.ts';
import { heldCall } from '../support/uninterruptible.ts';
import { inState, type World } from '../support/world.ts';
import { attempts, type Attempt } from './attempts.ts';
import { openHostileWorld, ordersScope, receiptOf, traces, type Held, type HostileWorld } from './holding.ts';
import { toldUntilDead } from './uninterruptible.ts';

const rounds = Math.ceil(Number(process.env['ROUNDS'] ?? 4) / 2);
const lanes = 16;

const templateOf = (attempt: Attempt) => `row-${attempts.indexOf(attempt) + 1}`;

/** What came of an attempt: the grant when it was settled, or why it did not come so far. */
interface Tried {
  readonly held: Held;
  readonly grant: Grant;
}

for (const { version, tls, called } of everyServer)
  describe(`A holder who wants to stay, ${called}`, function () {
    this.timeout(120_000);
    let hostile: HostileWorld;
    const tried = new Map<Attempt, Promise<Tried>>();

    before(async () => {
      const templates = Object.fromEntries(
        attempts.map((attempt) => [templateOf(attempt), attempt.scope ?? ordersScope]),
      );
      hostile = await openHostileWorld(
        { version, tls },
        { ...templates, orders: ordersScope, other: ordersScope },
      );
      const held = new Map<Attempt, Held>();
      const inOrder = [...attempts].sort((a, b) => Number(a.end === 'expired') - Number(b.end === 'expired'));
      for (const attempt of inOrder)
        try {
          const one = await hostile.hold(templateOf(attempt), attempt.end === 'expired' ? 'PT3S' : 'PT30M');
          await attempt.does(one.holder);
          held.set(attempt, one);
        } catch (error) {
          const failed = Promise.reject(new Error('It could not be tried.', { cause: error }));
          failed.catch(() => undefined);
          tried.set(attempt, failed);
        }
      // All at once, as at the end of a shift.
      for (const [attempt, one] of held)
        tried.set(
          attempt,
          (async () => {
            if (attempt.end === undefined) await one.end();
            if (attempt.end === 'revoked') await one.revoke();
            return { held: one, grant: await one.settled() };
          })(),
        );
      await Promise.allSettled(tried.values());
    });
    after(() => hostile.stop());

    for (const attempt of attempts)
      it(`${attempt.attempt}: ${attempt.outcome}. Receipt: ${said(attempt)}`, async () => {
        const { held, grant } = (await tried.get(attempt))!;
        const { holder } = held;
        const receipts = grant.leases.map(receiptOf);
        assert.equal(grant.state, attempt.end ?? 'ended');
        await eventually(() => holder.sessions.every(isClosed) || undefined);
        for (const { role } of receipts) assert.deepEqual(await traces(hostile.world, role), []);
        await assert.rejects(holder.login(), turnedAway);
        assert.ok(receipts.reduce((sum, one) => sum + one.connectionsEnded, 0) >= holder.sessions.length);
        assert.deepEqual(
          receipts.flatMap((receipt) => cleanedOf(receipt, holder.carrier)).sort(),
          [...(attempt.cleaned ?? [])].sort(),
        );
        const remains = receipts.flatMap((receipt) =>
          receipt.remains.map((line) => plain(line, holder.carrier)),
        );
        assert.deepEqual(remains.sort(), [...(attempt.remains ?? [])].sort());
        await attempt.after?.(holder);
      });

    it(`reconnects in a loop, ${lanes} lanes at once: no session survives in ${rounds} rounds`, async function () {
      this.timeout(60_000 + rounds * 15_000);
      const seen: Round[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const held = await hostile.hold('orders');
        const loop = reconnecting(held, lanes);
        await eventually(() => loop.sessions.length >= 10 || undefined);
        await held.end();
        const { leases } = await held.settled(60_000);
        const before = loop.sessions.length;
        const receipt = receiptOf(leases[0]);
        const left = await traces(hostile.world, receipt.role);
        // A session that nobody ended would still answer.
        const alive = await loop.alive();
        await loop.stop();
        seen.push({
          survivors: left.length + loop.sessions.length - before + alive,
          ended: receipt.connectionsEnded,
          ...(await afterTheCut(hostile.world, receipt.leaseId, loop.sessions)),
        });
      }
      if (process.env['ROUNDS']) console.log(`        ${summary(seen)}`);
      assert.deepEqual(
        seen.filter(({ survivors }) => survivors > 0),
        [],
      );
    });

    it('lets others use its rights and keeps them from being cleaned up: the rights are gone, the receipt waits', async () => {
      const strong = await hostile.hold('orders');
      const weak = await hostile.hold('other');
      const client = await strong.holder.login();
      await client.query(`create table public.held (x int); grant all on public.held to public;
          create function public.rights() returns bigint language plpgsql security definer as
            $$ begin return (select count(*) from sales.orders); end $$`);
      const other = await weak.holder.login();
      await other.query('revoke all on all tables in schema sales from public').catch(() => undefined);
      assert.deepEqual(await answer(other, 'select public.rights()'), [{ rights: '100' }]);
      await other.query('begin; lock table public.held in access share mode');
      await strong.end();
      const waiting = await eventually(async () => (await strong.grant()).leases[0]?.unconfirmed);
      assert.match(waiting.obstacle, /^What it left in the database shop could not be removed: .*lock/);
      const third = await weak.holder.login();
      assert.equal(await answer(third, 'select public.rights()'), '42501');
      await other.end();
      const { leases } = await strong.settled();
      assert.deepEqual(receiptOf(leases[0]).remains, []);
      await weak.end();
    });

    it('locks its login by a transaction that it prepared: everybody else’s end takes one look all the same', async () => {
      const locking = await hostile.hold('orders');
      const others = await Promise.all(
        ['orders', 'other', 'other'].map((template) => hostile.hold(template)),
      );
      const sessions = await Promise.all(others.map(({ holder }) => holder.login()));
      const client = await locking.holder.login({ database: 'warehouse' });
      await client.query(
        `begin; alter role "${locking.holder.role}" password 'x'; prepare transaction 'stay'`,
      );
      await Promise.all([locking, ...others].map((held) => held.end()));
      const ended = await Promise.all([locking, ...others].map((held) => held.settled()));
      await eventually(() => sessions.every(isClosed) || undefined);
      const leases = ended.flatMap((grant) => grant.leases.map(({ id }) => id));
      const { rows } = await inState(hostile.world, (state) =>
        state.query(
          `select from daypass.audit_event where action = 'lease unconfirmed' and resource_id = any($1)`,
          [leases],
        ),
      );
      assert.deepEqual(rows, []);
    });

    it('takes every connection that the server has: cut in time all the same, proven as soon as it can be', async () => {
      const held = await hostile.hold('orders');
      const session = await held.holder.login();
      const stalled = await takeAll(hostile.world.shop.port);
      try {
        await held.end();
        await eventually(() => isClosed(session) || undefined, 5_000);
      } finally {
        for (const socket of stalled) socket.destroy();
      }
      receiptOf((await held.settled()).leases[0]);
    });

    it('calls what PostgreSQL cannot interrupt: told with when that began, proven once it is dead', async () => {
      const { sql, letGo } = await heldCall(hostile.world.shop, 'shop');
      try {
        await toldUntilDead(hostile, 'orders', sql, letGo);
      } finally {
        // A server that waits so does not even stop.
        await letGo();
      }
    });

    it('and whatever was tried, no secret is in the broker’s log, its database or a file', async () => {
      assert.deepEqual(await hostile.leaks(), []);
    });
  });

function said({ cleaned = [], remains = [] }: Attempt): string {
  const left = remains.length > 0 ? `${remains.length} named as remaining` : 'nothing remains';
  return cleaned.length > 0 ? `${cleaned.length} cleaned, ${left}` : left;
}

/** A line with the names of this run left out. */
function plain(line: string, carrier: string): string {
  return line
    .replaceAll(carrier, 'its template’s role')
    .replaceAll("owner's rights", 'owner’s rights')
    .replace(/daypass_[0-9a-f]{8}_kept/g, 'kept')
    .replace(/daypass_[0-9a-f]{8}_[0-9a-f]{32}/g, 'it')
    .replace(/large object \d+/, 'large object N');
}

const cleanedOf = ({ cleaned }: Receipt, carrier: string) =>
  cleaned.map(({ database, what }) => plain(`${database}: ${what}`, carrier));

/** How one round of somebody who reconnects in a loop went. */
interface Round {
  /** Traces at the server, and sessions that got in, after the receipt. */
  readonly survivors: number;
  /** Sessions that got in after the login was closed: why one sweep is not enough. */
  readonly late: number;
  /** How long after that it was quiet. */
  readonly quietAfterMs: number;
  readonly ended: number;
}

/** What the broker noted of the cut, beside when sessions got in. */
async function afterTheCut(world: World, leaseId: string, sessions: readonly number[]) {
  const { rows } = await inState(world, (client) =>
    client.query<{ closed: Date; quiet: Date }>(
      `select (evidence #>> '{cut,at}')::timestamptz as closed, (evidence #>> '{quiet,since}')::timestamptz as quiet
         from daypass.lease where id = $1`,
      [leaseId],
    ),
  );
  const [{ closed, quiet }] = rows as [(typeof rows)[0]];
  return {
    late: sessions.filter((at) => at > closed.getTime()).length,
    quietAfterMs: Math.max(0, quiet.getTime() - closed.getTime()),
  };
}

function summary(seen: readonly Round[]): string {
  const most = (values: readonly number[]) => Math.max(...values);
  const half = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  const quiet = seen.map(({ quietAfterMs }) => quietAfterMs);
  const late = seen.filter((round) => round.late > 0).length;
  const survivors = seen.reduce((sum, round) => sum + round.survivors, 0);
  const ended = seen.reduce((sum, round) => sum + round.ended, 0);
  return [
    `${seen.length} rounds, ${survivors} survivors`,
    `in ${late} rounds sessions got in after the login was closed`,
    `quiet p50 ${half(quiet)}, at most ${most(quiet)} ms after that`,
    `${ended} connections ended`,
  ].join('; ');
}

/** Reconnects as soon as it is thrown out, as so many clients at once, until told to stop; notes when each got in. */
function reconnecting({ holder }: Held, lanesAtOnce: number) {
  let going = true;
  const sessions: number[] = [];
  const open = new Set<pg.Client>();
  // Half of them keep what they get until it is ended, the others leave at once and come again.
  const lane = async (_: unknown, n: number) => {
    while (going) {
      const client = holder.client();
      try {
        await client.connect();
        const at = Date.now();
        await client.query('select 1');
        sessions.push(at);
        if (n % 2 === 1) {
          await client.end();
          continue;
        }
        open.add(client);
        await new Promise((resolve) => client.connection.stream.once('close', resolve));
        open.delete(client);
      } catch {
        client.connection.stream.destroy();
        await new Promise(setImmediate);
      }
    }
  };
  const running = Array.from({ length: lanesAtOnce }, lane);
  return {
    sessions,
    async alive(): Promise<number> {
      const answers = await Promise.allSettled([...open].map((client) => client.query('select 1')));
      return answers.filter(({ status }) => status === 'fulfilled').length;
    },
    async stop() {
      going = false;
      for (const client of open) client.connection.stream.destroy();
      await Promise.all(running);
    },
  };
}

/** Opens connections that never say who they are, until the server takes no more. */
async function takeAll(port: number): Promise<Socket[]> {
  const startup = Buffer.from('\0\0\0\x15\0\x03\0\0user\0nobody\0\0', 'latin1');
  const sockets: Socket[] = [];
  for (let full = false; !full;) {
    full = await new Promise<boolean>((resolve, reject) => {
      const socket = createConnection({ host: '127.0.0.1', port });
      sockets.push(socket);
      socket.on('error', reject);
      // "E": sorry, too many clients already. Otherwise it asks for a password.
      socket.once('data', (said) => resolve(said.toString('latin1', 0, 1) === 'E'));
      socket.once('connect', () => socket.write(startup));
    });
  }
  return sockets;
}
