import { Refusal } from './problem.ts';

/**
 * How many calls of one person are worked on at once, by what they do; more of them wait for their turn. Together they
 * take no more than a part of the connections to the database, so that nobody's flood stands in another's way, and what
 * takes access away never waits behind anything else.
 */
const atOnce = { read: 3, change: 3, end: 2, 'look at a target': 2 } as const;
export type Lane = keyof typeof atOnce;

/** Calls of one person that wait in one lane. */
const mostWaiting = 200;

interface Turn {
  working: number;
  readonly waiting: (() => void)[];
}

/** Work in turn, for each person and lane apart. */
export class Lanes {
  readonly #turns = new Map<string, Turn>();

  /** @throws Refusal `too-many-calls` */
  async in<T>(personId: string, lane: Lane, work: () => Promise<T>): Promise<T> {
    const name = `${personId} ${lane}`;
    const turn = this.#turns.get(name) ?? { working: 0, waiting: [] };
    this.#turns.set(name, turn);
    if (turn.working < atOnce[lane]) turn.working += 1;
    else {
      if (turn.waiting.length >= mostWaiting) throw tooManyAtOnce();
      await new Promise<void>((resolve) => turn.waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = turn.waiting.shift();
      if (next) next();
      else {
        turn.working -= 1;
        if (turn.working === 0) this.#turns.delete(name);
      }
    }
  }
}

function tooManyAtOnce(): Refusal {
  return new Refusal(
    'too-many-calls',
    'More of your calls are waiting than the broker keeps for one person. Try again in a moment.',
  );
}
