import assert from 'node:assert/strict';
import { statusOf } from '../../src/extension/views/statusText.ts';
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

const status = (...has: Parameters<typeof world>) => statusOf(world(...has), now, toLocal);

describe('the status bar', () => {
  it('shows nothing while nothing is open, and nothing to others', () => {
    assert.equal(status(ana), undefined);
    assert.equal(status(ben, { grants: [grant()] }), undefined);
    assert.equal(
      statusOf({ ...world(ana, { grants: [grant()] }), account: { is: 'starting' } }, now, toLocal),
      undefined,
    );
  });

  it('shows the shortest time left, and every session in the tooltip', () => {
    const shown = status(ana, { grants: [grant({}, minutes(40)), grant({}, minutes(24))] });
    assert.equal(shown?.text, '$(shield) 24 min');
    assert.equal(shown.level, 'calm');
    assert.equal(shown.tooltip.length, 2);
    assert.match(shown.tooltip[0]!, /^Fix one order’s status, shop: 24 min left, until \d\d:\d\d$/);
    assert.equal(shown.label, 'Production access: fix one order’s status on shop, 24 minutes left');
  });

  it('turns to warning and to error near the end', () => {
    const near = (leftMs: number) => status(ana, { grants: [grant({}, leftMs)] });
    assert.deepEqual(
      [near(minutes(5) + 1)?.level, near(299_000)?.level, near(59_000)?.level],
      ['calm', 'soon', 'last'],
    );
    assert.equal(near(299_000)?.text, '$(shield) 4:59');
  });

  it('says for whom a request waits', () => {
    assert.equal(status(ana, { requests: [request()] })?.text, '$(watch) waiting for Ben Roth');
    assert.equal(
      status(ana, { requests: [request({ askedOf: [] })] })?.text,
      '$(watch) waiting for one of payments-leads',
    );
    assert.equal(status(ben, { requests: [request()] }), undefined);
  });

  it('says that an access is approved and not opened', () => {
    assert.equal(status(ana, { grants: [unopened()] })?.text, '$(shield) approved');
    assert.equal(status(ana, { grants: [unopened({ activateBy: inMs(-1) })] }), undefined);
  });

  it('says that an end is not confirmed, beside what still runs', () => {
    const base = grant({ state: 'ended', endedAt: inMs(-minutes(2)) });
    const late = {
      ...base,
      leases: [
        lease(base, { state: 'closing', unconfirmed: { since: inMs(-minutes(2)), obstacle: 'no route' } }),
      ],
    };
    assert.equal(status(ana, { grants: [late] })?.text, '$(warning) not confirmed');
    assert.equal(status(ana, { grants: [late, grant()] })?.text, '$(shield) 24 min $(warning)');
    const closed = { ...base, settled: true, leases: [lease(base, { state: 'closed', receipt: receipt() })] };
    assert.equal(status(ana, { grants: [closed] }), undefined);
  });

  it('says that the broker cannot be reached, only where something is open', () => {
    const stream = { is: 'disconnected', since: now, why: 'no network' } as const;
    const shown = status(ana, { grants: [grant()], stream });
    assert.equal(shown?.text, '$(shield) 24 min $(debug-disconnect)');
    assert.match(shown.tooltip.at(-1)!, /\(since \d\d:\d\d\)\. Sessions still end on time/);
    assert.equal(status(ana, { stream }), undefined);
    const overMeanwhile = grant({}, -1000);
    const offline = status(ana, { grants: [overMeanwhile], stream });
    assert.equal(offline?.text, '$(warning) not confirmed $(debug-disconnect)');
    assert.match(offline.tooltip[0]!, /: Not known here yet whether shop has confirmed: the broker/);
  });

  it('does not count on after the time, even if the broker has not spoken yet', () => {
    assert.equal(status(ana, { grants: [grant({}, -1)] }), undefined);
  });
});
