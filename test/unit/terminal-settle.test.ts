import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Lease } from '../../src/contract/leases.ts';
import { endedAsPlanned, type LauncherFile, type SessionFile } from '../../src/contract/session-file.ts';
import type { FolderRecord } from '../../src/extension/terminal/records.ts';
import { settle, type Facts } from '../../src/extension/terminal/settle.ts';
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
} from './support/samples.ts';

const one = grant();
const open = lease(one);
const openRecord: FolderRecord = {
  version: 1,
  broker: 'https://access.shop.example',
  person: ana.id,
  use: 'terminal',
  grantId: one.id,
  asked: { key: 'k'.repeat(36), verifier: 'v' },
  lease: { id: open.id, expiresAt: open.expiresAt },
  ended: false,
  host: 4711,
  createdAt: inMs(-minutes(6)),
};
const launcher = (state: LauncherFile['state']): LauncherFile => ({ version: 1, pid: 4712, state });
const overBy = (by: 'shell' | 'deadline' | 'refused') =>
  launcher({ is: 'over', by, stopped: [], remaining: [] });
const session = (state: SessionFile['state']): SessionFile => ({ version: 1, heading: [], state });
const openSession = session({
  is: 'open',
  leaseId: open.id,
  expiresAt: open.expiresAt,
  deadline: open.expiresAt,
  environment: {},
});

/** A terminal in which somebody works. */
function facts(more: Partial<Facts> = {}): Facts {
  return {
    record: openRecord,
    launcher: launcher({ is: 'open', shell: 4713 }),
    session: openSession,
    elsewhere: false,
    launcherLives: true,
    hostLives: true,
    ageMs: minutes(6),
    known: true,
    grant: { ...one, leases: [open] },
    request: undefined,
    now,
    toLocal,
    ...more,
  };
}
const deeds = (more: Partial<Facts>): string[] => settle(facts(more)).map((action) => action.do);
const withLease = (more: Partial<Lease>, grantMore: Partial<typeof one> = {}) => ({
  grant: { ...one, ...grantMore, leases: [{ ...open, ...more }] },
});

describe('what is owed to a credential’s folder', () => {
  it('is nothing while somebody works', () => {
    assert.deepEqual(deeds({}), []);
    assert.deepEqual(deeds({ known: false, grant: undefined }), []);
    assert.deepEqual(deeds({ hostLives: false }), [], 'after a reload');
  });

  it('is nothing where another machine sees to it, for a day', () => {
    const seen = { elsewhere: true, launcherLives: false, hostLives: false };
    assert.deepEqual(deeds(seen), []);
    assert.deepEqual(deeds({ ...seen, launcher: undefined, known: false }), []);
    assert.deepEqual(deeds({ ...seen, ageMs: minutes(25 * 60) }), ['forget']);
  });

  it('is nothing while the terminal starts', () => {
    const starting = { launcherLives: false, ageMs: 500 };
    assert.deepEqual(deeds({ ...starting, launcher: undefined }), []);
    assert.deepEqual(deeds({ ...starting, launcher: 'starting' }), []);
  });

  it('is the end of the lease when the terminal was closed, then nothing is kept', () => {
    const closed = { launcherLives: false, launcher: overBy('shell') };
    assert.deepEqual(deeds(closed), ['wipe', 'end lease']);
    assert.deepEqual(deeds({ ...closed, record: { ...openRecord, ended: true } }), ['wipe', 'forget']);
    assert.deepEqual(deeds({ ...closed, ...withLease({ state: 'closing' }) }), ['wipe', 'forget']);
  });

  it('is the end of the lease when the shell ended and the screen is held', () => {
    assert.deepEqual(deeds({ launcher: overBy('shell') }), ['wipe', 'end lease']);
    assert.deepEqual(deeds({ launcher: overBy('refused') }), ['wipe', 'end lease'], 'no shell was started');
    assert.deepEqual(deeds({ launcher: overBy('shell'), record: { ...openRecord, ended: true } }), ['wipe']);
  });

  it('is to stop what runs on where the launcher was killed, and to end its lease', () => {
    const killed = { launcherLives: false };
    assert.deepEqual(settle(facts(killed)).slice(0, 2), [
      { do: 'wipe' },
      { do: 'stop', leaseId: open.id, launcher: 4712 },
    ]);
    assert.deepEqual(deeds(killed), ['wipe', 'stop', 'end lease']);
    const over = withLease({ state: 'closing' }, { state: 'revoked', endedAt: inMs(0) });
    assert.deepEqual(deeds({ ...killed, ...over }), ['wipe', 'stop', 'forget'], 'whatever the broker did');
    assert.deepEqual(deeds({ ...killed, known: false }), ['wipe', 'stop'], 'whoever is signed in');
    assert.deepEqual(deeds({ ...killed, now: now + minutes(25) }), ['wipe', 'stop', 'forget']);
    const early = { ...killed, launcher: 'starting', hostLives: false } as const;
    assert.deepEqual(deeds(early), ['wipe', 'stop', 'end lease'], 'before it said a word');
  });

  it('is to end at once what nobody waits for any more', () => {
    const { lease: _lease, ...record } = openRecord;
    const cancelled = { launcher: undefined, launcherLives: false, session: undefined, ageMs: 100 };
    const unwanted = { ...record, unwanted: true };
    assert.deepEqual(deeds({ ...cancelled, record: unwanted }), ['wipe', 'end lease']);
    assert.deepEqual(deeds({ ...cancelled, record: { ...openRecord, unwanted: true } }), [
      'wipe',
      'end lease',
    ]);
    const copied = { ...unwanted, use: 'copied' as const };
    assert.deepEqual(deeds({ ...cancelled, record: copied }), ['wipe', 'end lease']);
    assert.deepEqual(deeds({ ...cancelled, record: { ...unwanted, ended: true } }), ['wipe', 'forget']);
    assert.deepEqual(deeds({ ...cancelled, record: unwanted, known: false }), ['wipe'], 'it stays known');
    const ended = { record: unwanted, ...withLease({}, { state: 'ended', endedAt: inMs(0) }) };
    assert.deepEqual(deeds({ ...cancelled, ...ended }), ['wipe', 'forget'], 'it ended with its access');
  });

  it('is to clean up after a VS Code that was killed', () => {
    const killed = { hostLives: false, launcherLives: false };
    assert.deepEqual(deeds(killed), ['wipe', 'stop', 'end lease']);
    assert.deepEqual(deeds({ ...killed, launcher: undefined }), ['wipe', 'end lease']);
    assert.deepEqual(
      deeds({ ...killed, known: false, grant: undefined }),
      ['wipe', 'stop'],
      'kept until it can be told',
    );
    assert.deepEqual(deeds({ ...killed, known: false, ageMs: minutes(25 * 60) }), ['wipe', 'stop', 'forget']);
    assert.deepEqual(
      deeds({ ...killed, launcher: undefined, now: now + minutes(25) }),
      ['wipe', 'forget'],
      'it expired by itself',
    );
  });

  it('is to find out what became of a call that was never answered', () => {
    const { lease: _lease, ...record } = openRecord;
    const lost = { record, launcher: undefined, launcherLives: false, hostLives: false };
    assert.deepEqual(deeds(lost), ['wipe', 'end lease']);
    assert.deepEqual(deeds({ ...lost, hostLives: true, ageMs: 1000 }), [], 'somebody is at it');
    assert.deepEqual(
      deeds({ ...lost, grant: unopened({ id: one.id }) }),
      ['wipe', 'end lease'],
      'it may have begun unheard',
    );
    assert.deepEqual(deeds({ ...lost, record: { ...record, ended: true } }), ['wipe', 'forget']);
    assert.deepEqual(deeds({ ...lost, grant: { ...one, state: 'expired' } }), ['wipe', 'forget']);
    assert.deepEqual(deeds({ ...lost, known: false }), ['wipe']);
  });

  it('is to say how it ended, and again what the target proved', () => {
    const closing = settle(facts(withLease({ state: 'closing' }, { state: 'ended', endedAt: inMs(-1000) })));
    assert.deepEqual(
      closing.map((action) => action.do),
      ['say over', 'wipe'],
    );
    const [say] = closing;
    assert.ok(say?.do === 'say over' && !say.say.final);
    assert.match(say.say.lines.join('|'), /^Ended at \d\d:\d\d, by you\.$/);

    const proven = withLease(
      { state: 'closed', receipt: receipt() },
      { state: 'ended', endedAt: inMs(-1000) },
    );
    const said = session({ is: 'over', lines: [...say.say.lines], final: false });
    const [more] = settle(facts({ ...proven, session: said }));
    assert.ok(more?.do === 'say over' && more.say.final);
    assert.deepEqual(more.say.lines, [
      ...say.say.lines,
      'At shop: login closed, 1 connection ended, nothing left behind.',
    ]);
    const final = session({ is: 'over', lines: [...more.say.lines], final: true });
    assert.deepEqual(deeds({ ...proven, session: final }), ['wipe'], 'nothing is written twice');
    const other = session({ is: 'over', lines: ['Not opened: the disk is full.'], final: true });
    assert.deepEqual(deeds({ ...proven, session: other }), ['wipe'], 'the last word stays the last');
  });

  it('says the launcher’s own words when the time is up, even before the broker speaks', () => {
    const [say] = settle(facts({ now: now + minutes(24), launcher: overBy('deadline') }));
    assert.ok(say?.do === 'say over');
    assert.deepEqual(say.say.lines, [endedAsPlanned(new Date(open.expiresAt))]);
  });

  it('says who revoked it and why, and when the target is late', () => {
    const unconfirmed = { since: inMs(-minutes(1)), obstacle: 'no route' };
    const revoked = { state: 'revoked', endedAt: inMs(0), endedBy: ben, comment: 'wrong customer' } as const;
    const [say] = settle(facts(withLease({ state: 'closing', unconfirmed }, revoked)));
    assert.ok(say?.do === 'say over');
    assert.match(say.say.lines[0]!, /^Revoked at \d\d:\d\d by Ben Roth: “wrong customer”\.$/);
    assert.match(say.say.lines[1]!, /shop has not confirmed the end yet/);
  });

  it('moves the launcher’s deadline when this machine’s clock is found to be wrong', () => {
    const wrong = (ms: number): number => ms + minutes(60);
    const [move] = settle(facts({ toLocal: wrong }));
    assert.deepEqual(move, {
      do: 'move deadline',
      deadline: new Date(wrong(Date.parse(open.expiresAt))).toISOString(),
    });
    assert.deepEqual(deeds({ toLocal: (ms) => ms + 1500 }), []);
  });

  describe('whose terminal waits', () => {
    const asked = request();
    const { grantId: _grant, asked: _asked, lease: _lease, ...rest } = openRecord;
    const record = { ...rest, requestId: asked.id };
    const waits = {
      record,
      launcher: launcher({ is: 'waiting' }),
      session: session({ is: 'waiting' }),
      request: asked,
      grant: undefined,
    };
    const approved = { ...asked, state: 'approved', grantId: randomUUID() } as const;

    it('opens when it is approved', () => {
      assert.deepEqual(deeds(waits), []);
      assert.deepEqual(deeds({ ...waits, request: approved }), [], 'the grant is not known yet');
      assert.deepEqual(deeds({ ...waits, request: approved, grant: unopened() }), ['open']);
    });

    it('says that nothing was opened', () => {
      const denied = {
        ...asked,
        state: 'denied',
        decisions: [{ by: ben, verdict: 'deny', comment: 'use the replica', at: inMs(0) }],
      } as const;
      const words = [
        [denied, 'Ben Roth denied it: “use the replica”. Nothing was opened.'],
        [{ ...asked, state: 'withdrawn' }, 'You withdrew the request. Nothing was opened.'],
        [{ ...asked, state: 'expired' }, 'Nobody answered in time. Nothing was opened; you can ask again.'],
      ] as const;
      for (const [answer, line] of words) {
        const [say] = settle(facts({ ...waits, request: { ...answer, decisions: [...answer.decisions] } }));
        assert.ok(say?.do === 'say over' && say.say.final);
        assert.deepEqual(say.say.lines, [line]);
      }
    });

    it('is not opened a second time after it failed', () => {
      const failed = { ...record, grantId: one.id, lease: openRecord.lease, ended: true };
      const deed = { ...waits, record: failed, request: approved, grant: unopened() };
      assert.deepEqual(deeds(deed), ['say over']);
      const [say] = settle(
        facts({ ...deed, ...withLease({ state: 'closing', closeReason: 'terminal closed' }) }),
      );
      assert.ok(say?.do === 'say over');
      assert.equal(say.say.lines[0], 'Nothing was opened here.', 'not that its credential was closed');
    });

    it('is forgotten when the terminal was closed', () => {
      assert.deepEqual(deeds({ ...waits, launcherLives: false }), ['wipe', 'forget']);
    });
  });

  describe('whose details were copied', () => {
    const copied = {
      record: { ...openRecord, use: 'copied' as const },
      launcher: undefined,
      launcherLives: false,
    };

    it('stays until the access ends, whatever happens to VS Code', () => {
      assert.deepEqual(deeds({ ...copied, session: undefined }), []);
      assert.deepEqual(deeds({ ...copied, hostLives: false, ageMs: minutes(60) }), []);
    });

    it('goes with it', () => {
      assert.deepEqual(deeds({ ...copied, ...withLease({ state: 'closing' }, { state: 'ended' }) }), [
        'wipe',
        'forget',
      ]);
      assert.deepEqual(deeds({ ...copied, now: now + minutes(25) }), ['wipe', 'forget']);
    });
  });
});
