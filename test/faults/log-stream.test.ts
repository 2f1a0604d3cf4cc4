import assert from 'node:assert/strict';
import type { FoundEvent } from './found.ts';
import { violationsInLogs, type Mark } from './log-stream.ts';
import { LoggedLife } from './logged-life.ts';

const action = 'request created';
const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const events = [1, 2, 3, 4, 5].map((number): FoundEvent => ({
  number,
  id: idOf(number),
  action,
  resourceId: null,
  thing: null,
  version: null,
  absent: null,
}));
const again = (number: number) => ({ number, again: true });

/** A life that logged these. */
function life(course: LoggedLife['course'], ...logged: (number | ReturnType<typeof again>)[]): LoggedLife {
  const one = new LoggedLife();
  one.course = course;
  for (const each of logged) {
    const { number, ...more } = typeof each === 'number' ? { number: each } : each;
    one.add(JSON.stringify({ level: 'info', audit: { number, id: idOf(number), action }, ...more }));
  }
  return one;
}

describe('Audit events in the logs of two brokers', () => {
  const told = (one: LoggedLife[], two: LoggedLife[] = [], marks: Mark[] = []) =>
    violationsInLogs(
      events,
      new Map([
        ['one', one],
        ['two', two],
      ]),
      marks,
    );
  const whole = () => life('runs', 1, 2, 3, 4, 5);

  it('are there once in each life, and again in the next one where one was cut off', () => {
    assert.deepEqual(told([whole()]), []);
    assert.deepEqual(told([life('was cut off', 1, 2, 3), life('runs', again(3), 4, 5)]), []);
    assert.deepEqual(told([life('was cut off', 1, 2), life('runs', 4, 5)], [life('runs', 3, 4, 5)]), []);
    const torn = life('was cut off', 1, 2);
    torn.add('{"level":"info","audit":{"number":3,"id":');
    assert.deepEqual(told([torn, life('runs', again(3), 4, 5)]), []);
  });

  for (const [name, one, expected] of [
    [
      'one that is in none',
      [life('was cut off', 1, 2), life('runs', 4, 5)],
      [/^Number 3 .* in no broker's log/],
    ],
    [
      'one that a life left out',
      [life('was cut off', 3), life('runs', 1, 2, 4, 5)],
      [/after number 2 came number 4\./],
    ],
    [
      'two in another order',
      [life('runs', 1, 3, 2, 4, 5)],
      [/1 came number 3/, /3 came number 2/, /2 came number 4/],
    ],
    ['one that came twice', [life('runs', 1, 2, 2, 3, 4, 5)], [/after number 2 came number 2\./]],
    [
      'one that came again late',
      [life('runs', 1, 2, again(3), 4, 5)],
      [/after number 2 came number 3 again/],
    ],
    [
      'one that a later life repeats without saying so',
      [life('was cut off', 1, 2, 3), life('runs', 3, 4, 5)],
      [/number 3 was in an earlier life already, which was cut off/],
    ],
    [
      'one that is repeated although the earlier life ended in order',
      [life('ended in order', 1, 2, 3), life('runs', again(3), 4, 5)],
      [/number 3 again was in an earlier life already, which ended in order/],
    ],
    [
      'a broker that follows no more',
      [life('was cut off', 1, 2, 3, 4, 5), life('runs', again(4))],
      [/4 is the last number of 5/],
    ],
  ] as const)
    it(`${name} is told`, () => {
      const said = told([...one]).filter((each) => !/^Number/.test(each) || name.endsWith('none'));
      assert.equal(said.length, expected.length, said.join('\n'));
      expected.forEach((each, at) => assert.match(said[at] ?? '', each));
    });

  it('one that is another in the store is told', () => {
    const forged = life('runs', 1, 2, 3, 4);
    forged.add(JSON.stringify({ audit: { number: 5, id: idOf(6), action } }));
    assert.match(
      told([whole()], [forged]).join(),
      /^In the log of broker two, number 5 .* is not what it is/,
    );
  });

  it('one that comes again although it was noted before is told', () => {
    const cut = life('was cut off', 1, 2, 3);
    const marks = [{ at: Date.now() - 1_000, number: 2 }];
    const next = life('runs', again(2), again(3), 4, 5);
    assert.deepEqual(told([cut, next], [], [{ at: Date.now() + 1_000, number: 2 }]), []);
    assert.match(told([next], [whole()], marks).join(), /number 2 again came although 2 was noted before/);
  });
});
