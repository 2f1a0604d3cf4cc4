import assert from 'node:assert/strict';
import type { AccessRequest } from '../../src/extension/state/world.ts';
import { sessionModel } from '../../src/extension/views/sessionModel.ts';
import { timeOfDay } from '../../src/extension/views/words.ts';
import { sessionPage } from '../../src/extension/views/sessionPage.ts';
import {
  ana,
  grant,
  inMs,
  lease,
  minutes,
  now,
  receipt,
  request,
  template,
  toLocal,
  unopened,
  world,
} from './support/samples.ts';

const model = (...has: Parameters<typeof world>) => sessionModel(world(...has), now, toLocal);

describe('the session view', () => {
  it('has a card for each session, the one that ends first on top', () => {
    const [later, sooner] = [grant({}, minutes(40)), grant({}, minutes(10))];
    const { cards } = model(ana, { grants: [later, sooner] });
    assert.deepEqual(
      cards.map(({ id }) => id),
      [sooner.id, later.id],
    );
  });

  it('says what for, until when, who approved, how many terminals, and who is connected', () => {
    const one = grant();
    const full = { ...one, leases: [lease(one), lease(one), lease(one, { state: 'closed' })] };
    const connection = { leaseId: one.id, address: '10.0.3.7', program: 'psql', since: inMs(0) };
    const [card] = model(ana, {
      grants: [full],
      connections: new Map([
        [
          one.id,
          {
            connections: [connection, { ...connection, replica: 'archive:5432' }],
            unknownAt: ['reports:5432'],
          },
        ],
      ]),
    }).cards;
    assert.ok(card?.is === 'running');
    assert.deepEqual(card.facts, ['approved by Ben Roth', '2 terminals']);
    assert.deepEqual(card.connections, ['psql 10.0.3.7', 'psql 10.0.3.7, at the replica archive:5432']);
    assert.deepEqual(card.unknown, [
      'The replica reports:5432 cannot be asked at the moment: connections there are not shown.',
    ]);
    assert.equal(card.remainingMs, minutes(24));
    assert.match(card.until, /^\d\d:\d\d$/);
    assert.equal(card.warning, undefined);
  });

  it('shows the right figure and local end with a local clock that is an hour off', () => {
    const hour = minutes(60);
    const wrong = (ms: number): number => ms - hour;
    const [card] = sessionModel(world(ana, { grants: [grant()] }), now, wrong).cards;
    assert.ok(card?.is === 'running');
    assert.equal(card.remainingMs, minutes(24));
    const local = new Date(now + minutes(24) - hour);
    assert.equal(
      card.until,
      `${String(local.getHours()).padStart(2, '0')}:${String(local.getMinutes()).padStart(2, '0')}`,
    );
  });

  it('says where a target is not verified', () => {
    const { target } = template();
    const one = grant({ template: template({ target: { ...target, tls: 'off' } }) });
    const [card] = model(ana, { grants: [one] }).cards;
    assert.equal(card?.is === 'running' && card.warning, 'The connection is not encrypted.');
  });

  it('shows what waits and what is approved', () => {
    const { cards } = model(ana, { requests: [request()], grants: [unopened()] });
    assert.deepEqual(
      cards.map(({ is }) => is),
      ['ready', 'waiting'],
    );
    assert.equal(cards[1]?.is === 'waiting' && cards[1].headline, 'Waiting for Ben Roth');
  });

  it('says to whoever waits who was told, who is next, and whom to call', () => {
    const told: AccessRequest['told'] = [
      { is: 'told', who: 'Ben Roth', at: inMs(-minutes(2)) },
      { is: 'next', who: 'Eva', at: inMs(minutes(3)) },
      { is: 'call', number: '+49 30 1234', at: inMs(minutes(8)) },
    ];
    const [card] = model(ana, { requests: [request({ told })] }).cards;
    assert.ok(card?.is === 'waiting');
    assert.deepEqual(card.told, ['Ben Roth told 2 min ago', 'Eva in 3 min', 'or call +49 30 1234']);
  });

  it('says when the time was up, however late the broker came to record it', () => {
    const expiresAt = inMs(-minutes(5));
    const one = grant({ state: 'expired', expiresAt, endedAt: inMs(-1000), settled: true });
    const [card] = model(ana, { grants: [one] }).cards;
    assert.ok(card?.is === 'over');
    assert.equal(card.headline, `Ended at ${timeOfDay(Date.parse(expiresAt))}, as planned.`);
  });

  it('says at the end what was proven, in the receipt’s words', () => {
    const base = grant({ state: 'expired', endedAt: inMs(-1000), settled: true });
    const card = (more: Parameters<typeof lease>[1]) => {
      const [one] = model(ana, { grants: [{ ...base, leases: [lease(base, more)] }] }).cards;
      assert.ok(one?.is === 'over');
      return one;
    };
    const proven = card({ state: 'closed', receipt: receipt({ connectionsEnded: 0 }) });
    assert.match(proven.headline, /^Ended at \d\d:\d\d, as planned\.$/);
    assert.equal(proven.proof, 'Login closed, no connection was open, nothing left behind.');
    assert.equal(proven.state, 'proven');
    assert.match(proven.receipts[0]!.join(' '), /28000, InitializeSessionUserId/);
    const failed = card({ state: 'failed' });
    assert.deepEqual(
      [failed.proof, failed.state],
      ['No login was issued, so there is nothing to close.', 'proven'],
    );
    const remains = card({ state: 'closed', receipt: receipt({ remains: ['2 rows changed in orders'] }) });
    assert.equal(remains.proof, 'Login closed, 1 connection ended. Left behind: 2 rows changed in orders');
    const probe = { at: inMs(0), sqlstate: '28000', routine: 'InitializeSessionUserId' };
    const replicated = card({
      state: 'closed',
      receipt: receipt({
        replicas: [{ server: 'reports:5432', quietForMs: 510, probe }],
        standbys: ['archive at 10.0.0.9', 'walreceiver'],
      }),
    });
    assert.equal(replicated.state, 'late');
    assert.equal(
      replicated.proof,
      'Login closed, 1 connection ended, nothing left behind. Not confirmed on 2 standbys that the broker does not look at: archive at 10.0.0.9, walreceiver. What was open there may be open still.',
    );
    assert.match(
      replicated.receipts[0]!.join(' '),
      /The same at the replica reports:5432: no connection for 510 ms, a login refused at \d\d:\d\d\. .*Not confirmed on 2 standbys/,
    );
    assert.equal(card({ state: 'closing' }).proof, 'Waiting for shop to confirm.');
    const late = card({ state: 'closing', unconfirmed: { since: inMs(-500), obstacle: 'no route' } });
    assert.equal(late.state, 'late');
    assert.match(late.proof, /has not confirmed the end yet .* We keep trying and tell you\.$/);
    assert.ok(!('age' in late), 'nothing counts where nobody knows since when');
    const absent = card({ state: 'closed', absent: 'the server was replaced' });
    assert.deepEqual([absent.proof, absent.state], ['Not proven: the server was replaced', 'late']);
  });

  it('counts how long a call has lasted that cannot be interrupted, until the end is confirmed', () => {
    const base = grant({ state: 'ended', endedAt: inMs(-minutes(4)) });
    const card = (more: Parameters<typeof lease>[1], at = now) => {
      const grants = [{ ...base, leases: [lease(base, more)] }];
      const [one] = sessionModel(world(ana, { grants }), at, toLocal).cards;
      assert.ok(one?.is === 'over');
      return one;
    };
    const obstacle =
      'PostgreSQL cannot interrupt what 1 connection has been running since 2026-03-01 02:09:00 UTC. It ends when that is done.';
    const since = inMs(-minutes(4));
    const late = {
      state: 'closing',
      unconfirmed: { since, obstacle, obstacleSince: inMs(-minutes(5)) },
    } as const;
    assert.match(card(late).proof, /has not confirmed the end yet/);
    assert.ok(
      card(late).proof.endsWith(
        `What stands in the way: PostgreSQL cannot interrupt what 1 connection has been running since ${timeOfDay(toLocal(Date.UTC(2026, 2, 1, 2, 9)))}. It ends when that is done. We keep trying and tell you.`,
      ),
      'its login is closed: no new one is possible; and every time is told as local time',
    );
    assert.deepEqual(card(late).age, { words: 'Running for', ageMs: minutes(5) });
    assert.deepEqual(
      { ...card(late, now + 1000), age: undefined },
      { ...card(late), age: undefined },
      'nothing else counts: what is drawn stays',
    );
    assert.equal(card(late, now + 1000).age?.ageMs, minutes(5) + 1000);
    assert.equal(card(late, now - minutes(6)).age?.ageMs, 0, 'a target whose clock is ahead');
    const other = lease(base, { state: 'closing', unconfirmed: { since, obstacle: 'no route' } });
    const [both] = model(ana, { grants: [{ ...base, leases: [lease(base, late), other] }] }).cards;
    assert.ok(both?.is === 'over');
    assert.match(both.proof, /no route\. A new login may be possible/, 'what is worse comes first');
    const over = card({ state: 'closed', receipt: receipt() });
    assert.deepEqual([over.state, over.age], ['proven', undefined]);
  });

  it('promises no more than the login’s own expiry holds while the target is silent', () => {
    const proof = (state: 'expired' | 'ended' | 'revoked', endedAgoMs: number, leftMs: number) => {
      const base = grant({ state, endedAt: inMs(-endedAgoMs) }, leftMs);
      const silent = lease(base, {
        state: 'closing',
        unconfirmed: { since: inMs(-1), obstacle: 'no route' },
      });
      const [one] = model(ana, { grants: [{ ...base, leases: [silent] }] }).cards;
      assert.ok(one?.is === 'over');
      return one.proof;
    };
    const at = String.raw`\d\d:\d\d`;
    assert.match(
      proof('expired', minutes(1), -minutes(1)),
      new RegExp(
        `^shop has not confirmed the end yet \\(since ${at}\\)\\. What stands in the way: no route\\. No new login can begin there after ${at}; ` +
          'a connection that is open may last until shop answers\\. We keep trying and tell you\\.$',
      ),
    );
    for (const state of ['ended', 'revoked'] as const)
      assert.match(
        proof(state, minutes(1), minutes(20)),
        new RegExp(
          `A new login may be possible there until ${at}; a connection that is open may last until shop answers\\.`,
        ),
      );
  });

  it('turns a session into an ended one when its time is up, without a word from the broker', () => {
    const one = grant({}, -1);
    const [card] = model(ana, { grants: [{ ...one, leases: [lease(one)] }] }).cards;
    assert.ok(card?.is === 'over');
    assert.match(card.headline, /as planned/);
  });

  it('keeps an ended card for half an hour, or until it is put away', () => {
    const base = grant({ state: 'ended', endedAt: inMs(-minutes(31)), settled: true });
    const old = { ...base, leases: [lease(base, { state: 'closed', receipt: receipt() })] };
    assert.deepEqual(model(ana, { grants: [old] }).cards, []);
    const fresh = { ...old, endedAt: inMs(-minutes(1)) };
    const state = world(ana, { grants: [fresh] });
    assert.equal(sessionModel(state, now, toLocal).cards.length, 1);
    assert.equal(sessionModel(state, now, toLocal, new Set([fresh.id])).cards.length, 0);
  });

  it('offers a request only to whom something is offered', () => {
    assert.equal(model(ana).mayRequest, true);
    assert.equal(model(ana, { templates: [] }).mayRequest, false);
  });

  it('says of an empty list that it is one only once it was read', () => {
    assert.equal(model(ana).nothing, 'You have no access to production right now.');
    const unread = sessionModel({ ...world(ana), isRead: false }, now, toLocal);
    assert.equal(unread.nothing, 'Looking up your access…');
  });

  it('says how many terminals there may be where there can be no more', () => {
    const one = grant();
    const [card] = model(ana, { grants: [{ ...one, leases: [lease(one), lease(one), lease(one)] }] }).cards;
    assert.ok(card?.is === 'running');
    assert.deepEqual(card.facts, ['approved by Ben Roth', '3 of 3 terminals']);
  });

  it('says that the broker cannot be reached and what that means', () => {
    const stream = { is: 'disconnected', since: now, why: '' } as const;
    assert.match(model(ana, { stream }).trouble ?? '', /\(since \d\d:\d\d\)\..* still end on time/);
  });
});

describe('a session that ended while the broker could not be reached', () => {
  it('is not said to wait for the target, of which nothing is known here', () => {
    const stream = { is: 'disconnected', since: now, why: '' } as const;
    const [card] = model(ana, { grants: [grant({}, -1000)], stream }).cards;
    assert.ok(card?.is === 'over');
    assert.match(
      card.proof,
      /^Not known here yet whether shop has confirmed: the broker cannot be reached\.$/,
    );
    assert.equal(card.state, 'late');
  });
});

describe('the page of the session view, before its script runs', () => {
  const parts = { style: 's.css', script: 's.js', source: 'vscode:', nonce: 'bm9uY2U=', id: 'one' };
  const text = (html: string) =>
    html
      .replace(/^[^]*<\/header>/, '')
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();

  it('says already what is said where there is nothing', () => {
    assert.equal(
      text(sessionPage(model(ana), parts)),
      'You have no access to production right now. Request production access',
    );
    const html = sessionPage(model(ana, { templates: [] }), parts);
    assert.equal(text(html), 'You have no access to production right now.');
    assert.doesNotMatch(html, /<button/);
  });

  it('says no such thing where there is something', () => {
    assert.equal(text(sessionPage(model(ana, { grants: [grant()] }), parts)), '');
  });
});
