import { BlockList, isIPv6, type Socket } from 'node:net';
import type { Server } from 'node:http';
import { network } from './admission.ts';

export interface ConnectionLimits {
  /** Connections at once. */
  readonly inAll: number;
  /** Those from one address that is no trusted proxy. */
  readonly fromOneAddress: number;
}

/** A window has two or three. */
const most: ConnectionLimits = { inAll: 20_000, fromOneAddress: 5_000 };
/** Calls that wait for their answers on one connection. Clients and proxies of HTTP/1.1 send one after the other's answer. */
const mostUnanswered = 10;
/** A connection on which nothing moves for so long is closed; streams say every 15 s that they live. */
const silentMs = 60_000;

/**
 * Bounds what connections cost, before anything that comes over them is read. A connection costs nothing to hold, and
 * few addresses have enough of them to take every one. So where there is no room, the oldest on which nobody has signed
 * in makes room for the new one, which then has as long to sign in as others need to open that many more. Only where
 * somebody signed in on all of them is the new one closed: who can sign in can still take all that their addresses may
 * have. A client that does not take its answer keeps it in memory for a minute.
 */
export class ConnectionBounds {
  readonly #limits: ConnectionLimits;
  readonly #proxies: BlockList;
  /** By the two ends of each: what a call comes over is another object than what was accepted, with TLS. */
  readonly #open = new Map<string, Connection>();
  readonly #addresses = new Map<string, Address>();
  /** Those on which nobody has signed in. */
  readonly #strangers = new Place();

  constructor(trustedProxies: readonly string[], limits: ConnectionLimits = most) {
    this.#limits = limits;
    this.#proxies = networksOf(trustedProxies);
  }

  /** Before the server listens. */
  bound(server: Server): void {
    server.timeout = silentMs;
    boundUnanswered(server);
    server.on('connection', (socket) => this.#take(socket));
  }

  /** Somebody whose sign-in counts called over this connection: it makes room for no other. */
  signedIn(socket: Socket): void {
    const connection = this.#open.get(endsOf(socket) ?? '');
    connection?.inAll.leave();
    connection?.ofAddress.leave();
  }

  #take(socket: Socket): void {
    const ends = endsOf(socket);
    const { remoteAddress } = socket;
    // It is closed already.
    if (ends === undefined || remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const proxied = this.#proxies.check(remoteAddress, isIPv6(remoteAddress) ? 'ipv6' : 'ipv4');
    const from = proxied ? undefined : network(remoteAddress);
    const there = from === undefined ? undefined : this.#addresses.get(from);
    if (there && there.count >= this.#limits.fromOneAddress && !this.#makeRoom(there.strangers, socket))
      return;
    if (this.#open.size >= this.#limits.inAll && !this.#makeRoom(this.#strangers, socket)) return;
    // Of one whose end has not been told here yet, the ends may already be another's.
    const ended = this.#open.get(ends);
    if (ended) this.#remove(ended);
    const connection = { socket, ends, from, inAll: new Place(), ofAddress: new Place() };
    this.#add(connection);
    socket.once('close', () => this.#remove(connection));
  }

  /** False where there is none: then the new one is closed. */
  #makeRoom(strangers: Place, newOne: Socket): boolean {
    const oldest = strangers.next.connection;
    if (oldest) this.#remove(oldest);
    (oldest?.socket ?? newOne).destroy();
    return oldest !== undefined;
  }

  #add(connection: Connection): void {
    const { ends, from, inAll, ofAddress } = connection;
    inAll.connection = ofAddress.connection = connection;
    this.#open.set(ends, connection);
    this.#strangers.append(inAll);
    if (from === undefined) return;
    const there = this.#addresses.get(from) ?? { count: 0, strangers: new Place() };
    this.#addresses.set(from, there);
    there.count += 1;
    there.strangers.append(ofAddress);
  }

  #remove(connection: Connection): void {
    const { ends, from, inAll, ofAddress } = connection;
    if (this.#open.get(ends) !== connection) return;
    this.#open.delete(ends);
    inAll.leave();
    ofAddress.leave();
    const there = from === undefined ? undefined : this.#addresses.get(from);
    if (from === undefined || !there) return;
    there.count -= 1;
    if (there.count === 0) this.#addresses.delete(from);
  }
}

interface Connection {
  readonly socket: Socket;
  readonly ends: string;
  /** Undefined: from a trusted proxy. */
  readonly from: string | undefined;
  readonly inAll: Place;
  readonly ofAddress: Place;
}

interface Address {
  count: number;
  readonly strangers: Place;
}

/**
 * A place in a ring. The one that holds no connection is where the ring begins, and the oldest comes next to it. A `Set`
 * would walk past all that it was rid of, for each that makes room.
 */
class Place {
  connection: Connection | undefined;
  next: Place = this;
  #before: Place = this;

  append(place: Place): void {
    place.#before = this.#before;
    place.next = this;
    this.#before.next = place;
    this.#before = place;
  }

  leave(): void {
    this.#before.next = this.next;
    this.next.#before = this.#before;
    this.next = this.#before = this;
  }
}

/** Undefined where it is closed. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string | undefined {
  return remoteAddress && `${remoteAddress} ${remotePort ?? ''} ${localAddress ?? ''} ${localPort ?? ''}`;
}

/** Whoever sends on without waiting would have any number of calls worked on, over few connections. */
function boundUnanswered(server: Server): void {
  const unanswered = new WeakMap<Socket, number>();
  server.on('request', ({ socket }, response) => {
    const count = (unanswered.get(socket) ?? 0) + 1;
    unanswered.set(socket, count);
    if (count > mostUnanswered) socket.destroy();
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
  });
}

function networksOf(written: readonly string[]): BlockList {
  const list = new BlockList();
  for (const one of written) {
    const [address = '', bits] = one.split('/');
    const version = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, version);
    else list.addSubnet(address, Number(bits), version);
  }
  return list;
}
