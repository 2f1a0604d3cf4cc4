import assert from 'node:assert/strict';
import fc from 'fast-check';
import { instantIn, isZone, wallTimeIn, wallTimeOf } from '../../src/broker/rules/wall-time.ts';

const wall = (text: string) => wallTimeOf(Date.parse(`${text}Z`));

describe('The clock on the wall', () => {
  const table: [string, string, string, string][] = [
    ['in winter', 'Europe/Berlin', '2026-11-23T08:00', '2026-11-23T07:00Z'],
    ['in summer', 'Europe/Berlin', '2026-07-01T08:00', '2026-07-01T06:00Z'],
    ['just before a leap forward', 'Europe/Berlin', '2026-03-29T01:59', '2026-03-29T00:59Z'],
    ['left out by a leap forward', 'Europe/Berlin', '2026-03-29T02:30', '2026-03-29T01:30Z'],
    ['just after it', 'Europe/Berlin', '2026-03-29T03:00', '2026-03-29T01:00Z'],
    ['shown twice: the first time', 'Europe/Berlin', '2026-10-25T02:30', '2026-10-25T00:30Z'],
    ['just after the second time', 'Europe/Berlin', '2026-10-25T03:00', '2026-10-25T02:00Z'],
    ['west of Greenwich', 'America/New_York', '2026-11-01T01:30', '2026-11-01T05:30Z'],
    ['by half an hour', 'Asia/Kolkata', '2026-11-23T08:00', '2026-11-23T02:30Z'],
    ['by half an hour of summer', 'Australia/Lord_Howe', '2026-10-04T02:30', '2026-10-03T15:30Z'],
    ['where a whole day was left out', 'Pacific/Apia', '2011-12-31T00:00', '2011-12-30T10:00Z'],
    ['nowhere in particular', 'UTC', '2026-11-23T08:00', '2026-11-23T08:00Z'],
  ];
  for (const [name, zone, shown, at] of table)
    it(`${name}: ${shown} ${zone}`, () =>
      assert.equal(instantIn(zone, wall(shown)).toISOString(), new Date(at).toISOString()));

  it('shows at a moment what that moment was found by, wherever it is shown at all', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC'];
    const moment = fc.date({ min: new Date('1990-01-01'), max: new Date('2050-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(fc.constantFrom(...zones), moment, (zone, at) => {
        const shown = wallTimeIn(zone, at);
        const found = instantIn(zone, shown);
        assert.deepEqual(wallTimeIn(zone, found), shown);
        assert.ok(+found <= +at);
      }),
    );
  });

  it('knows which zones there are', () => {
    assert.ok(isZone('Europe/Berlin'));
    assert.ok(!isZone('Europe/Atlantis'));
    assert.ok(!isZone(''));
  });
});
