import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Emitter } from '../../src/extension/state/event.ts';
import { Claims } from '../../src/extension/views/claims.ts';
import { noticesOf, type Notice } from '../../src/extension/views/notices.ts';
import { Notifier } from '../../src/extension/views/notifier.ts';
import {
  ana,
  ben,
  grant,
  inMs,
  lease,
  minutes,
  now,
  receipt,
  request,
  toLocal,
  unopened,
  world,
} from './support/samples.ts';

const notices = (...has: Parameters<typeof world>) => noticesOf(world(...has), now, toLocal, () => false);

describe('what people are told', () => {
  it('tells an approver who asks for what, for how long and why', () => {
    const [notice] = notices(ben, {
      requests: [request({ may: { withdraw: false, decide: true, approve: true, write: true } })],
    });
    assert.equal(
      notice?.text,
      'Ana Lima asks to fix one order’s status on shop, 30 min: “Order 4711 stuck after payment retry (INC-2231)”',
    );
    assert.equal(notice.action?.label, 'Review');
    assert.deepEqual(notices(ana, { requests: [request()] }), []);
  });

  it('tells the requester who approved, and offers the terminal; not where a terminal waits already', () => {
    const approved = unopened();
    const [notice] = notices(ana, { grants: [approved] });
    assert.equal(
      notice?.text,
      'Ben Roth approved: fix one order’s status on shop, 30 min. The time starts when you open the terminal.',
    );
    assert.deepEqual(notice.action?.about, { grantId: approved.id });
    const awaits = (id: string): boolean => id === approved.requestId;
    assert.deepEqual(noticesOf(world(ana, { grants: [approved] }), now, toLocal, awaits), []);
    assert.deepEqual(notices(ana, { grants: [unopened({ approvedBy: [] })] }), []);
  });

  it('tells the requester of a denial with its comment, for half a day', () => {
    const denied = (ago: number) =>
      request({
        state: 'denied',
        decisions: [{ by: ben, verdict: 'deny', comment: 'use the replica instead', at: inMs(-ago) }],
      });
    const [notice] = notices(ana, { requests: [denied(minutes(1))] });
    assert.equal(
      notice?.text,
      'Ben Roth denied: fix one order’s status on shop. “use the replica instead”. Nothing was opened.',
    );
    assert.deepEqual(notices(ana, { requests: [denied(minutes(13 * 60))] }), []);
    assert.deepEqual(notices(ben, { requests: [denied(minutes(1))] }), []);
  });

  it('warns once at each threshold, in the focused window only', () => {
    const at = (left: number) => notices(ana, { grants: [grant({ id: ana.id }, left)] });
    assert.deepEqual(at(minutes(6)), []);
    const [soon] = at(minutes(5) - 1);
    assert.equal(soon?.id, `soon ${ana.id}`);
    assert.match(soon.text, /^5 minutes left to fix one order’s status on shop, until \d\d:\d\d\.$/);
    assert.equal(soon.where, 'focused');
    assert.equal(at(minutes(1))[0]?.id, `last ${ana.id}`);
  });

  it('tells the end in one line once it is proven, and says if it is late', () => {
    const base = grant({ state: 'revoked', endedAt: inMs(-1000), endedBy: ben, comment: 'wrong customer' });
    const open = { ...base, leases: [lease(base, { state: 'closing' })] };
    assert.deepEqual(notices(ana, { grants: [open] }), []);
    const unconfirmed = { since: inMs(-1000), obstacle: 'no route' };
    const late = { ...base, leases: [lease(base, { state: 'closing', unconfirmed })] };
    assert.match(notices(ana, { grants: [late] })[0]!.text, /shop has not confirmed the end yet/);
    const closed = {
      ...base,
      settled: true,
      leases: [lease(base, { state: 'closed', receipt: receipt() })],
    };
    assert.match(
      notices(ana, { grants: [closed] })[0]!.text,
      /^Fix one order’s status on shop: revoked at \d\d:\d\d by Ben Roth: “wrong customer”\. Login closed, 1 connection ended, nothing left behind\.$/,
    );
    const carol = { id: '00000000-0000-4000-8000-00000000000c', name: 'Carol' };
    assert.deepEqual(notices(carol, { grants: [closed] }), []);
  });

  it('warns of an end that is not proven everywhere, whoever is told of it', () => {
    for (const [who, state] of [
      [ana, 'ended'],
      [ben, 'revoked'],
    ] as const) {
      const base = grant({ state, endedAt: inMs(-1000), endedBy: who });
      const over = (standbys: string[]) => ({
        ...base,
        settled: true,
        leases: [lease(base, { state: 'closed', receipt: receipt({ standbys }) })],
      });
      const kinds = [[], ['archive at 10.0.0.9']].map(
        (standbys) => notices(who, { grants: [over(standbys)] })[0]?.kind,
      );
      assert.deepEqual(kinds, ['info', 'warning']);
    }
  });

  it('tells whoever revoked what became of it: late, proven, or never opened', () => {
    const ended = {
      state: 'revoked',
      endedAt: inMs(-1000),
      endedBy: ben,
      comment: 'wrong customer',
    } as const;
    const base = grant(ended);
    const open = { ...base, leases: [lease(base, { state: 'closing' })] };
    assert.deepEqual(notices(ben, { grants: [open] }), []);
    const unconfirmed = { since: inMs(-1000), obstacle: 'no route' };
    const late = { ...base, leases: [lease(base, { state: 'closing', unconfirmed })] };
    const [waits] = notices(ben, { grants: [late] });
    assert.match(
      waits?.text ?? '',
      /^Revoked: Ana Lima, fix one order’s status on shop\. shop has not confirmed the end yet \(since \d\d:\d\d\)\. What stands in the way: no route\. .* We keep trying and tell you\.$/,
    );
    const closed = (endedAgo: number) => ({
      ...base,
      endedAt: inMs(-endedAgo),
      settled: true,
      leases: [lease(base, { state: 'closed', receipt: receipt() })],
    });
    for (const ago of [1000, minutes(60)]) {
      const [proven] = notices(ben, { grants: [closed(ago)] });
      assert.equal(
        proven?.text,
        'Revoked: Ana Lima, fix one order’s status on shop. Login closed, 1 connection ended, nothing left behind.',
      );
      assert.notEqual(proven.id, waits?.id);
    }
    const [never] = notices(ben, { grants: [unopened({ ...ended, settled: true })] });
    assert.equal(never?.text, 'Revoked: Ana Lima, fix one order’s status on shop. It had not been opened.');
  });
});

class FakeWindow {
  focused: boolean;
  readonly shown: string[] = [];
  readonly #focus = new Emitter<void>();
  readonly onDidChangeFocus = this.#focus.event;

  constructor(focused: boolean) {
    this.focused = focused;
  }
  show({ id }: Notice): void {
    this.shown.push(id);
  }
  focus(focused: boolean): void {
    this.focused = focused;
    this.#focus.fire();
  }
}

describe('telling it once, in one window', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'daypass-told-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const notice = (id: string, where: Notice['where'] = 'anywhere'): Notice => ({
    id,
    text: id,
    kind: 'info',
    where,
  });
  const notifier = (window: FakeWindow, list: () => Notice[], courtesy = 60): Notifier => {
    const claims = new Claims(folder);
    return new Notifier(window, (id) => claims.claim(id), list, courtesy);
  };
  const settled = () => wait(250);

  it('is the focused window that tells, whichever looked first', async () => {
    const [away, here] = [new FakeWindow(false), new FakeWindow(true)];
    const list = () => [notice('a')];
    const [first, second] = [notifier(away, list), notifier(here, list)];
    first.look();
    second.look();
    second.look();
    await settled();
    assert.deepEqual([away.shown, here.shown], [[], ['a']]);
    first.dispose();
    second.dispose();
  });

  it('is exactly one window if none has the focus, and none after a reload', async () => {
    const windows = [1, 2, 3].map(() => new FakeWindow(false));
    const all = windows.map((window) => notifier(window, () => [notice('b')]));
    for (const one of all) one.look();
    await settled();
    assert.equal(windows.flatMap(({ shown }) => shown).length, 1);
    const reloaded = new FakeWindow(true);
    const again = notifier(reloaded, () => [notice('b')]);
    again.look();
    await settled();
    assert.deepEqual(reloaded.shown, []);
    for (const one of [...all, again]) one.dispose();
  });

  it('keeps what is for the focused window until the person is back, if it still holds', async () => {
    const window = new FakeWindow(false);
    let list = [notice('soon', 'focused')];
    const one = notifier(window, () => list);
    one.look();
    await settled();
    assert.deepEqual(window.shown, []);
    window.focus(true);
    await settled();
    assert.deepEqual(window.shown, ['soon']);
    window.focus(false);
    list = [notice('last', 'focused')];
    one.look();
    list = [];
    window.focus(true);
    await settled();
    assert.deepEqual(window.shown, ['soon']);
    one.dispose();
  });

  it('forgets old claims, and tells rather than keeps silent where nothing can be written', async () => {
    const first = new Claims(folder);
    assert.equal(await first.claim('x'), true);
    const [name] = await readdir(join(folder, 'told'));
    const longAgo = new Date(Date.now() - 9 * 24 * 3600_000);
    await utimes(join(folder, 'told', name!), longAgo, longAgo);
    await new Claims(folder).claim('y');
    await settled();
    assert.equal((await readdir(join(folder, 'told'))).includes(name!), false);
    assert.equal(
      await new Claims(join(folder, 'told', (await readdir(join(folder, 'told')))[0]!)).claim('z'),
      true,
    );
  });
});
