import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Unreachable } from '../../src/extension/client/call.ts';
import { timeOfDay } from '../../src/contract/session-file.ts';
import { FolderTrouble } from '../../src/extension/terminal/folder.ts';
import { LeaseBroker, refusal } from './support/lease-broker.ts';
import { ben, receipt, request, unopened } from './support/samples.ts';
import { eventually } from './support/terminal.ts';
import { Window, placeWithLauncher } from './support/terminal-window.ts';

let place: string;
before(async function () {
  this.timeout(20_000);
  place = await placeWithLauncher();
});
after(() => rmSync(place, { recursive: true, force: true }));

describe('production terminals', function () {
  this.timeout(30_000);
  let broker: LeaseBroker;
  let window: Window;
  beforeEach(() => {
    broker = new LeaseBroker();
    window = new Window(broker, place);
  });
  afterEach(() => window.dispose());
  const theLease = () => [...broker.leases.values()][0]!;
  const gone = () => eventually(() => (window.left.length === 0 ? true : undefined));
  const settled = (ask: () => boolean) => window.settled(ask);

  it('say what they may do and until when, and hold the way to the credential', async () => {
    const prepared = await window.desk.prepare(broker.allow());
    assert.equal(prepared.title, 'Production: fix one order’s status');
    const terminal = await window.terminal(prepared);
    await terminal.see(/Production: fix one order’s status on shop/);
    await terminal.see(/You may: update orders\.status and orders\.updated_at; read orders/);
    await terminal.see(/Until \d\d:\d\d \(30 min\)/);
    await terminal.see(/Careful: the connection is not encrypted/);
    terminal.type('echo "[$PGSERVICE $PGSERVICEFILE $DAYPASS_EXPIRES_AT]"\n');
    await terminal.see(
      new RegExp(`\\[daypass ${prepared.path}/pg_service\\.conf ${theLease().expiresAt}\\]`),
    );
  });

  it('stop at the end of the access, say how it ended and what was proven, and leave no secret', async () => {
    const grant = broker.allow();
    const prepared = await window.desk.prepare(grant);
    const terminal = await window.terminal(prepared);
    await terminal.see(/psql is ready/);
    const files = readdirSync(prepared.path).map((name) => join(prepared.path, name));
    assert.ok(files.some((file) => file.endsWith('pgpass')));
    terminal.type('sleep 600 & echo run$((1 + 1))\n');
    await terminal.see(/run2/);
    broker.lease(theLease().id, { state: 'closing', closeReason: 'ended' });
    broker.change({ ...grant, state: 'ended', endedAt: new Date().toISOString() });
    await terminal.see(/Ended at \d\d:\d\d, by you\. Stopped here: .*sleep/);
    broker.lease(theLease().id, { state: 'closed', receipt: receipt() });
    await terminal.see(/At shop: login closed, 1 connection ended, nothing left behind\./);
    await terminal.see(/This text stays until you close the terminal/);
    assert.deepEqual(readdirSync(prepared.path).sort(), ['launcher.json', 'session.json']);
    assert.equal(terminal.text().split('by you').length, 2, 'said once');
    terminal.close();
    await settled(() => window.left.length === 0);
    assert.deepEqual(broker.calls, ['createLease'], 'a lease that is over is not ended again');
  });

  it('end their lease when they are closed, and only theirs', async () => {
    const grant = broker.allow();
    const [one, two] = [await window.desk.prepare(grant), await window.desk.prepare(grant)];
    assert.notEqual(one.path, two.path);
    const [first, second] = [await window.terminal(one), await window.terminal(two)];
    await first.see(/psql is ready/);
    await second.see(/psql is ready/);
    first.close();
    await settled(() => !existsSync(one.path));
    assert.deepEqual([...broker.leases.values()].map(({ state }) => state).sort(), ['closing', 'issued']);
    assert.ok(existsSync(two.path));
    second.type('exit\n');
    assert.equal(await second.exitCode(), 0);
    await settled(() => window.left.length === 0);
    assert.deepEqual(
      [...broker.leases.values()].map(({ state }) => state),
      ['closing', 'closing'],
    );
  });

  it('end when their access does although the broker is slow to answer for another', async () => {
    const [one, two] = [broker.allow(), broker.allow()];
    const [first, second] = [
      await window.terminal(await window.desk.prepare(one)),
      await window.terminal(await window.desk.prepare(two)),
    ];
    await first.see(/psql is ready/);
    await second.see(/psql is ready/);
    let answer: () => void = () => undefined;
    broker.until = new Promise((resolve) => (answer = resolve));
    broker.down = true;
    first.close();
    await eventually(() => broker.calls.includes('endLease') || undefined);
    broker.change({ ...two, state: 'ended', endedAt: new Date().toISOString() });
    await second.see(/Ended at \d\d:\d\d, by you\./);
    answer();
  });

  it('get the very same lease again after a lost answer', async () => {
    const grant = broker.allow();
    broker.loses = 1;
    await assert.rejects(window.desk.prepare(grant), Unreachable);
    await window.keeper.look();
    const prepared = await window.desk.prepare(grant);
    assert.equal(broker.leases.size, 1);
    const terminal = await window.terminal(prepared);
    await terminal.see(/psql is ready/);
    const password = readFileSync(join(prepared.path, 'pgpass'), 'utf8').trim().split(':').at(-1)!;
    const { verifierOf } = await import('../../src/extension/terminal/scram.ts');
    const { Secret } = await import('../../src/contract/secret.ts');
    const salt = Buffer.from(theLease().verifier.split(/[:$]/)[2]!, 'base64');
    assert.equal(await verifierOf(new Secret(password), salt), theLease().verifier);
  });

  it('leave nothing when the broker refuses, or says no to one terminal more', async () => {
    for (const kind of ['too-late', 'too-many-terminals', 'target-refused'] as const) {
      broker.refuses = kind;
      await assert.rejects(window.desk.prepare(broker.allow()), { message: refusal(kind).message });
      assert.deepEqual(window.left, []);
    }
  });

  it('leave nothing when the credential cannot be written, and end it at once', async () => {
    broker.connection = { ...broker.connection, database: 'a\nhost=evil' };
    await assert.rejects(window.desk.prepare(broker.allow()), FolderTrouble);
    assert.deepEqual(window.left, []);
    assert.equal(theLease().state, 'closing');
  });

  it('ask for nothing when there is no room for a folder', async () => {
    writeFileSync(join(window.storage, 'terminals'), '');
    await assert.rejects(window.desk.prepare(broker.allow()), FolderTrouble);
    assert.deepEqual(broker.calls, []);
  });

  describe('on a disk that is full', () => {
    const page = 4096;
    let disk: string;
    let small: Window;
    const room = (pages: number): void => {
      const filler = join(disk, 'filler');
      rmSync(filler, { force: true });
      const { bsize, bavail } = statfsSync(disk);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bsize * bavail - pages * page)));
    };
    before(function () {
      disk = mkdtempSync(join(place, 'disk-'));
      // Only root may mount; elsewhere this is a skip, which is a failure in CI.
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=640k', 'tmpfs', disk]).status !== 0) this.skip();
    });
    beforeEach(() => (small = new Window(broker, place, disk)));
    afterEach(() => small.dispose());
    after(() => spawnSync('umount', ['-l', disk]));

    for (const tls of ['off', 'verify-full'] as const)
      it(`say so whatever does not fit, end the credential and leave nothing (${tls})`, async () => {
        broker.connection = { ...broker.connection, tls };
        const grant = broker.allow();
        for (let pages = 0, opened = false; !opened; pages += pages < 12 ? 1 : 16) {
          assert.ok(pages < 150);
          room(pages);
          const leases = broker.leases.size;
          const [why] = await small.desk.prepare(grant).then(
            () => [undefined],
            (error: unknown) => [error],
          );
          opened = why === undefined;
          if (opened) break;
          assert.ok(why instanceof FolderTrouble, String(why));
          assert.match(why.message, /: the disk is full\. Free some space and try again\.$/);
          assert.deepEqual(small.left, [], `${pages} pages`);
          assert.ok(pages > 0 || broker.leases.size === leases, 'nothing is asked for without a record');
          for (const lease of broker.leases.values()) assert.equal(lease.state, 'closing', `${pages} pages`);
        }
        broker.change({ ...grant, state: 'ended', endedAt: new Date().toISOString() });
        for (const name of small.records) await small.desk.drop(name);
      });

    it('say so in the terminal that waited, ask once, and go on when there is room again', async () => {
      const asked = request();
      broker.learn(asked);
      const terminal = await small.terminal(await small.desk.wait(asked));
      await terminal.see(/Waiting for/);
      await small.settled(() => small.keeper.awaits(asked.id));
      room(2);
      const grant = unopened({
        requestId: asked.id,
        expiresAt: new Date(Date.now() + 600_000).toISOString(),
      });
      broker.change(grant);
      broker.learn({ ...asked, state: 'approved', grantId: grant.id });
      await eventually(
        () => [...broker.leases.values()].some(({ state }) => state === 'closing') || undefined,
      );
      await small.keeper.look();
      await small.keeper.look();
      room(40);
      await small.settled(() => /This text stays/.test(terminal.text()));
      assert.match(terminal.text(), /Not opened: .* the disk is full\.|Nothing was opened here\./);
      assert.equal(broker.leases.size, 1);
    });
  });

  for (const hours of [-1, 1])
    it(`end on time where this machine’s clock is ${hours > 0 ? 'an hour late' : 'an hour early'}`, async () => {
      broker = new LeaseBroker(hours * 3600_000);
      const other = new Window(broker, place);
      try {
        const ends = Date.now() + 2500;
        const prepared = await other.desk.prepare(broker.allow({}, 2500));
        const terminal = await other.terminal(prepared);
        await terminal.see(new RegExp(`Until ${timeOfDay(new Date(ends))} `));
        terminal.type('echo "until $DAYPASS_EXPIRES_AT"\n');
        const [, until] = await terminal.see(/until (\d{4}-\S+Z)/);
        const apart = Date.parse(until!) - hours * 3600_000 - ends;
        assert.ok(Math.abs(apart) < 1000, `${apart} ms`);
        assert.equal(terminal.text().includes('Ended'), false);
        await terminal.see(new RegExp(`Ended at ${timeOfDay(new Date(ends))}, as planned\\.`));
        assert.ok(Date.now() >= ends - 50, 'not before');
        await terminal.see(/This text stays/);
        assert.equal(terminal.text().match(/Ended/g)?.length, 1);
      } finally {
        other.dispose();
      }
    });

  it('wait for an approval and become the production terminal by themselves', async () => {
    const asked = request();
    broker.learn(asked);
    const prepared = await window.desk.wait(asked);
    const terminal = await window.terminal(prepared);
    await terminal.see(/Waiting for Ben Roth\. Go on working: this terminal opens by itself\./);
    await terminal.see(/"Withdraw" in the sidebar takes the request back\./);
    await settled(() => window.keeper.awaits(asked.id));
    const grant = unopened({ requestId: asked.id, expiresAt: new Date(Date.now() + 600_000).toISOString() });
    broker.change(grant);
    broker.learn({ ...asked, state: 'approved', grantId: grant.id });
    await terminal.see(/psql is ready/);
    terminal.type('echo "in: $PGSERVICE"\n');
    await terminal.see(/in: daypass/);
    assert.equal(broker.leases.size, 1);
  });

  describe('that waited for an approval and need a second factor then', () => {
    const approved = async () => {
      const asked = request();
      broker.learn(asked);
      const terminal = await window.terminal(await window.desk.wait(asked));
      await terminal.see(/Waiting for Ben Roth/);
      broker.needsSecondFactor = true;
      const grant = unopened({
        requestId: asked.id,
        expiresAt: new Date(Date.now() + 600_000).toISOString(),
      });
      broker.change(grant);
      broker.learn({ ...asked, state: 'approved', grantId: grant.id });
      await terminal.see(
        /Approved, 30 min\. It needs your second factor: press "Sign in" in the notification/,
      );
      await window.keeper.look();
      await window.keeper.look();
      assert.deepEqual(window.offers, [
        'Fix one order’s status on shop: approved by Ben Roth. It needs your second factor, then the terminal opens.',
      ]);
      assert.deepEqual([broker.visits, broker.leases.size], [0, 0]);
      return { terminal, grant };
    };

    it('open no browser before somebody presses the button, then go on by themselves', async () => {
      const { terminal } = await approved();
      window.answer(true);
      await terminal.see(/psql is ready/);
      assert.deepEqual([broker.visits, broker.leases.size], [1, 1]);
    });
    it('say where it goes on for whoever turns it away', async () => {
      const { terminal } = await approved();
      window.answer(false);
      await terminal.see(/Not opened: .*open a terminal from the sidebar\./s);
      assert.deepEqual([broker.visits, broker.leases.size], [0, 0]);
    });
    it('end with their access, and are closed without a trace, while nobody answers', async () => {
      const { terminal, grant } = await approved();
      broker.change({ ...grant, state: 'lapsed' });
      await terminal.see(/This access is over\. Nothing was opened here\./);
      terminal.close();
      await settled(() => window.left.length === 0);
      assert.deepEqual([broker.visits, broker.leases.size], [0, 0]);
    });
  });

  it('open in the window that shows them, in no other', async () => {
    const other = new Window(broker, place, window.storage);
    const asked = request();
    broker.learn(asked);
    const terminal = await window.terminal(await window.desk.wait(asked));
    await terminal.see(/Waiting for/);
    const grant = unopened({ requestId: asked.id, expiresAt: new Date(Date.now() + 600_000).toISOString() });
    broker.change(grant);
    broker.learn({ ...asked, state: 'approved', grantId: grant.id });
    await terminal.see(/psql is ready/);
    await other.keeper.look();
    assert.equal(broker.leases.size, 1);
    other.dispose();
  });

  it('say that nothing was opened when the request is denied', async () => {
    const asked = request();
    broker.learn(asked);
    const terminal = await window.terminal(await window.desk.wait(asked));
    await terminal.see(/Waiting for/);
    const denial = {
      by: ben,
      verdict: 'deny',
      comment: 'use the replica instead',
      at: asked.createdAt,
    } as const;
    broker.learn({ ...asked, state: 'denied', decisions: [denial] });
    await terminal.see(/Ben Roth denied it: “use the replica instead”\. Nothing was opened\./);
    terminal.close();
    await settled(() => window.left.length === 0);
    assert.equal(broker.leases.size, 0);
  });

  describe('after VS Code was killed', () => {
    /** A process that is no more. */
    const dead = (): number => spawnSync('true').pid;
    const aMinuteAgo = (): string => new Date(Date.now() - 60_000).toISOString();

    it('the next start wipes what was left and ends its lease', async () => {
      const prepared = await window.desk.prepare(broker.allow());
      window.editRecord(prepared.name, { host: dead(), createdAt: aMinuteAgo() });
      const next = new Window(broker, place, window.storage);
      await next.keeper.look();
      await next.keeper.look();
      assert.equal(theLease().state, 'closing');
      await gone();
      next.dispose();
    });

    it('a call that was never answered is found and its lease ended', async () => {
      broker.loses = 1;
      await assert.rejects(window.desk.prepare(broker.allow()), Unreachable);
      window.editRecord(window.records[0]!, {
        host: dead(),
        createdAt: aMinuteAgo(),
      });
      const next = new Window(broker, place, window.storage);
      await next.keeper.look();
      await next.keeper.look();
      assert.equal(broker.leases.size, 1);
      assert.equal(theLease().state, 'closing');
      await gone();
      next.dispose();
    });

    it('a terminal that lived on is found again and ends with its access', async () => {
      const grant = broker.allow();
      const prepared = await window.desk.prepare(grant);
      const terminal = await window.terminal(prepared);
      await terminal.see(/psql is ready/);
      window.keeper.dispose();
      window.editRecord(prepared.name, { host: dead() });
      const next = new Window(broker, place, window.storage);
      await next.keeper.look();
      assert.equal(theLease().state, 'issued', 'the session goes on');
      broker.change({
        ...grant,
        state: 'revoked',
        endedAt: new Date().toISOString(),
        endedBy: ben,
        comment: 'wrong customer',
      });
      await terminal.see(/Revoked at \d\d:\d\d by Ben Roth: “wrong customer”\./);
      next.dispose();
    });

    it('a folder without a readable record is removed', async () => {
      const name = '11111111-1111-4111-8111-111111111111';
      mkdirSync(join(window.storage, 'terminals', name), { recursive: true });
      writeFileSync(join(window.storage, 'terminals', name, 'pgpass'), 'secret');
      await window.keeper.look();
      assert.deepEqual(window.left, []);
    });
  });

  it('hand out connection details with a lease of their own, and keep no password', async () => {
    broker.connection = { ...broker.connection, tls: 'verify-full', certificateAuthority: 'PEM' };
    const grant = broker.allow();
    const copied = await window.desk.copy(grant);
    assert.equal(readFileSync(copied.authorities!, 'utf8'), 'PEM');
    const everything = spawnSync('grep', ['-r', copied.password.reveal(), window.storage]);
    assert.equal(everything.stdout.toString(), '');
    await window.keeper.look();
    assert.equal(theLease().state, 'issued');
    broker.change({ ...grant, state: 'ended', endedAt: new Date().toISOString() });
    await gone();
  });
});
