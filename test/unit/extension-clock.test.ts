import assert from 'node:assert/strict';
import { Clock } from '../../src/extension/state/clock.ts';
import { machineTime } from '../../src/extension/state/steady.ts';
import { until } from './support/extension-window.ts';

const noon = Date.parse('2026-03-01T12:00:00.000Z');
const hour = 3_600_000;

/** A machine whose clocks stand still until they are moved. */
function machine(wallStart: number) {
  const at = { wall: wallStart, steady: 5000 };
  return {
    at,
    pass: (ms: number) => {
      at.wall += ms;
      at.steady += ms;
    },
    clock: new Clock({ wall: () => at.wall, steady: () => at.steady }),
  };
}

describe('The clock', () => {
  it('shows this machine’s time until the broker has said its own', () => {
    assert.equal(machine(noon).clock.now(), noon);
  });

  for (const off of [-hour, hour])
    it(`is right with a local clock that is ${off < 0 ? 'an hour behind' : 'an hour ahead'}`, () => {
      const { at, clock, pass } = machine(noon + off);
      pass(100);
      clock.observe(noon + 50, at.steady - 100, at.steady);
      assert.equal(clock.now(), noon + 100);
      assert.equal(clock.offsetMs, -off);
      pass(60_000);
      assert.equal(clock.now(), noon + 60_100);
      assert.equal(clock.toLocal(noon + 70_100), at.wall + 10_000);
    });

  it('does not move when somebody sets the local clock', () => {
    const { at, clock, pass } = machine(noon);
    clock.observe(noon, at.steady, at.steady);
    at.wall += hour;
    pass(1000);
    assert.equal(clock.now(), noon + 1000);
    assert.equal(clock.toLocal(noon + 1000), at.wall);
  });

  it('trusts the quicker of two answers', () => {
    const { at, clock } = machine(noon);
    clock.observe(noon, at.steady - 20, at.steady);
    clock.observe(noon - 500, at.steady - 2000, at.steady);
    assert.equal(clock.now(), noon + 10);
    clock.observe(noon + 11, at.steady - 2, at.steady);
    assert.equal(clock.now(), noon + 12);
  });

  it('lets a good answer age, so that clocks which drift are noticed', () => {
    const { at, clock, pass } = machine(noon);
    clock.observe(noon, at.steady - 2, at.steady);
    pass(20 * 60_000);
    clock.observe(noon + 20 * 60_000 + 150, at.steady - 40, at.steady);
    assert.equal(clock.now(), noon + 20 * 60_000 + 170);
  });

  it('follows a broker whose clock was set', () => {
    const { at, clock, pass } = machine(noon);
    clock.observe(noon, at.steady - 2, at.steady);
    pass(1000);
    clock.observe(noon + 61_000, at.steady - 400, at.steady);
    assert.equal(clock.now(), noon + 61_200);
  });

  it('is never behind what the stream has said', () => {
    const { at, clock, pass } = machine(noon);
    clock.observe(noon, at.steady - 2, at.steady);
    pass(1000);
    clock.atLeast(noon + 500);
    assert.equal(clock.now(), noon + 1001);
    clock.atLeast(noon + 90_000);
    assert.equal(clock.now(), noon + 90_000);
  });

  it('makes nothing of nonsense', () => {
    const { at, clock } = machine(noon);
    clock.observe(Number.NaN, at.steady - 2, at.steady);
    clock.observe(noon + hour, at.steady, at.steady - 2);
    clock.atLeast(Number.NaN);
    assert.equal(clock.now(), noon);
  });

  it('counts the time that a machine slept, although its timers stood still', () => {
    const at = { monotonic: 1000, uptime: 500_000 };
    const time = machineTime(
      () => at.monotonic,
      () => at.uptime,
    );
    const before = time.steady();
    at.monotonic += 40;
    at.uptime += 40;
    assert.equal(time.steady() - before, 40);
    at.monotonic += 10;
    at.uptime += 10 + hour;
    assert.equal(time.steady() - before, 50 + hour);
  });

  it('shows everybody the same figure, whenever somebody’s changes', async () => {
    const { clock, pass } = machine(noon);
    const first: number[] = [];
    const second: number[] = [];
    let seconds = true;
    const one = clock.every(
      (now) => first.push(now),
      (now) => (seconds ? 1000 - (now % 1000) : Infinity),
    );
    const two = clock.every((now) => second.push(now));
    await until(() => second.length >= 1, 'the first look');
    pass(1000);
    await until(() => second.length >= 2, 'the next look');
    assert.deepEqual(first, second);
    seconds = false;
    clock.look();
    clock.look();
    await Promise.resolve();
    assert.equal(first.length, 3);
    one.dispose();
    clock.look();
    await Promise.resolve();
    assert.deepEqual([first.length, second.length], [3, 4]);
    two.dispose();
    clock.dispose();
  });
});
