import { BlockList, isIPv6, type Socket } from 'node:net';
import type { Server } from 'node:http';
import { network } from './admission.ts';

/** Connections at once: in all, and from one address that is no trusted proxy. A window has two or three. */
const most = { inAll: 20_000, fromOneAddress: 5_000 };
/** Calls that wait for their answers on one connection. Clients and proxies of HTTP/1.1 send one after the other's answer. */
const mostUnanswered = 10;
/** A connection on which nothing moves for so long is closed; streams say every 15 s that they live. */
const silentMs = 60_000;

/**
 * Bounds what connections cost, before anything that comes over them is read: what is more than that is closed at once.
 * So who opens connections without end takes them from their own address, and a client that does not take its answer
 * keeps it in memory for a minute.
 */
export function boundConnections(server: Server, trustedProxies: readonly string[], bounds = most): void {
  server.maxConnections = bounds.inAll;
  server.timeout = silentMs;
  boundUnanswered(server);
  const proxies = networksOf(trustedProxies);
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || proxies.check(remoteAddress, isIPv6(remoteAddress) ? 'ipv6' : 'ipv4'))
      return;
    const from = network(remoteAddress);
    const count = open.get(from) ?? 0;
    if (count >= bounds.fromOneAddress) {
      socket.destroy();
      return;
    }
    open.set(from, count + 1);
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left > 0) open.set(from, left);
      else open.delete(from);
    });
  });
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
