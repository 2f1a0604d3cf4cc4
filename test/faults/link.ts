import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Answers } from './answers.ts';
import type { LinkFault } from './schedule.ts';
import { Way } from './way.ts';

/** What only the statements of an issue begin with. */
const makesALogin = 'create role';

type Direction = 'to the server' | 'to the broker';
const directions: readonly Direction[] = ['to the server', 'to the broker'];

interface Connection {
  readonly broker: Socket;
  readonly server: Socket;
  readonly ways: Record<Direction, Way>;
  readonly answers: Answers;
}

interface Armed {
  readonly fault: LinkFault;
  /** An operation may be under way in the broker. */
  readonly counts: () => boolean;
  readonly met: (counted: boolean) => void;
}

/**
 * The network between one broker and one PostgreSQL: a TCP proxy of our own that does harm in the middle of an exchange,
 * that is while a question of the broker's on that connection is not answered.
 */
export class Link {
  readonly #destination: () => number;
  readonly #listener: Server;
  readonly #connections = new Set<Connection>();
  #armed: Armed | undefined;
  readonly #held = new Set<Direction>();
  #slowMs = 0;
  /** How many connections were begun. */
  begun = 0;
  /** Since when everything passes in time, on this process's monotonic clock; Infinity: it does not. */
  freeSince = -Infinity;

  /** @param destination the port of 127.0.0.1 that the server listens at now */
  constructor(destination: () => number) {
    this.#destination = destination;
    this.#listener = createServer((broker) => this.#accept(broker));
  }

  async open(): Promise<void> {
    this.#listener.listen(0, '127.0.0.1');
    await once(this.#listener, 'listening');
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Whether a question of the broker's waits for its answer. */
  get isAsked(): boolean {
    return [...this.#connections].some(({ answers, server }) => answers.awaited && !server.destroyed);
  }

  /** Whether nothing that the broker says arrives, or nothing that it is answered. */
  get isHeld(): boolean {
    return this.#held.size > 0;
  }

  /**
   * Does it at the first exchange that comes.
   * @param counts asked in that moment
   * @returns whether it met an operation; false where none came within `withinMs`
   */
  async harm(fault: LinkFault, counts: () => boolean, withinMs: number): Promise<boolean> {
    let patience: NodeJS.Timeout | undefined;
    const met = new Promise<boolean>((resolve) => {
      this.#armed = { fault, counts, met: resolve };
      patience = setTimeout(() => resolve(false), withinMs);
    });
    const counted = await met;
    clearTimeout(patience);
    this.#armed = undefined;
    return counted;
  }

  /** From now on nothing passes in these directions, new connections included. */
  hold(which: readonly Direction[] = directions): void {
    this.freeSince = Infinity;
    for (const one of which) this.#held.add(one);
    for (const { ways } of this.#connections) for (const one of which) ways[one].hold();
  }

  /** What was held is cut and never arrives; new connections pass again. */
  letGo(): void {
    this.#held.clear();
    this.freeSince = performance.now();
    this.cut();
  }

  /** What was held arrives now, also what was said by somebody who has gone since. */
  deliver(): void {
    const late = [...this.#held];
    this.#held.clear();
    this.freeSince = performance.now();
    for (const { ways } of this.#connections) for (const one of late) ways[one].letGo();
  }

  /** Everything that passes is late by so much, for so long. */
  async slow(byMs: number, forMs: number): Promise<void> {
    this.freeSince = Infinity;
    this.#slowMs = byMs;
    await pause(forMs);
    this.#slowMs = 0;
    this.freeSince = performance.now();
  }

  cut(): void {
    for (const one of this.#connections) this.#end(one);
  }

  async close(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.cut();
    await closed;
  }

  #accept(broker: Socket): void {
    this.begun += 1;
    const server = connect(this.#destination(), '127.0.0.1');
    const one: Connection = {
      broker,
      server,
      ways: { 'to the server': new Way(server), 'to the broker': new Way(broker) },
      answers: new Answers(),
    };
    for (const each of this.#held) one.ways[each].hold();
    this.#connections.add(one);
    for (const socket of [broker, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        one.ways[socket === broker ? 'to the server' : 'to the broker'].end();
        if (broker.destroyed && server.destroyed) this.#connections.delete(one);
      });
    }
    broker.on('data', (bytes: Buffer) => {
      one.answers.asked();
      if (!this.#strike(one, 'to the server', bytes)) this.#pass(one, 'to the server', bytes);
    });
    server.on('data', (bytes: Buffer) => {
      const awaited = one.answers.awaited;
      one.answers.heard(bytes);
      if (!awaited || !this.#strike(one, 'to the broker', bytes)) this.#pass(one, 'to the broker', bytes);
    });
  }

  #pass({ ways }: Connection, direction: Direction, bytes: Buffer): void {
    const way = ways[direction];
    if (this.#slowMs > 0) way.holdFor(this.#slowMs);
    way.pass(bytes);
  }

  /** True where these bytes are not to be passed on. */
  #strike(one: Connection, direction: Direction, bytes: Buffer): boolean {
    const armed = this.#armed;
    if (!armed || this.isHeld) return false;
    const { fault, counts, met } = armed;
    if (fault.kind === 'cut, question lost' && direction !== 'to the server') return false;
    if (fault.kind === 'cut, answer lost' && direction !== 'to the broker') return false;
    if (fault.kind === 'issue held, then delivered late' && !bytes.includes(makesALogin)) return false;
    if (!counts()) return false;
    this.#armed = undefined;
    met(true);
    switch (fault.kind) {
      case 'cut, question lost':
      case 'cut, answer lost':
        this.#end(one);
        return true;
      case 'cut, all connections':
        this.cut();
        return true;
      case 'delayed':
        for (const each of both(fault.direction)) one.ways[each].holdFor(fault.forMs);
        return false;
      case 'held half open':
        this.hold(both(fault.direction));
        setTimeout(() => this.letGo(), fault.forMs);
        return false;
      case 'held, then delivered late':
      case 'issue held, then delivered late':
        this.hold(both(fault.direction));
        setTimeout(() => this.deliver(), fault.forMs);
        return false;
    }
  }

  #end(one: Connection): void {
    if (!this.#connections.delete(one)) return;
    one.broker.destroy();
    one.server.destroy();
  }
}

const both = (direction: Direction | 'both ways'): readonly Direction[] =>
  direction === 'both ways' ? directions : [direction];
