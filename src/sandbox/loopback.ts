import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { isOtherUser } from './peer.ts';

/** Node servers that answer on one port of this machine only. */
export interface LoopbackServer {
  readonly port: number;
  readonly servers: readonly Server[];
  /** Ends live connections too. */
  close(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 and, where the machine has it, on ::1 with the same port: `localhost` resolves to either, and
 * the other address left free could be taken by somebody else's program.
 * @param port 0 for a free one
 * @throws with code `EADDRINUSE` when the port is taken
 */
export async function listenOnLoopback(handler: RequestListener, port = 0): Promise<LoopbackServer> {
  for (let attempt = 1; ; attempt++) {
    const four = await listen(handler, port, '127.0.0.1');
    const chosen = (four.address() as AddressInfo).port;
    try {
      const servers = [four, await listen(handler, chosen, '::1')];
      return { port: chosen, servers, close: () => closeAll(servers) };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')
        return { port: chosen, servers: [four], close: () => closeAll([four]) };
      await closeAll([four]);
      if (code !== 'EADDRINUSE' || port !== 0 || attempt === 10) throw error;
    }
  }
}

async function listen(handler: RequestListener, port: number, host: string): Promise<Server> {
  const server = createServer(handler);
  server.listen({ port, host, exclusive: true });
  await once(server, 'listening');
  return server;
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(async (server) => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    }),
  );
}

/**
 * Why a request is not for us, or undefined. Another `Host` means that a name somewhere was pointed at this machine
 * (DNS rebinding); another `Origin` means that a page of somebody else is asking; and another user of this machine has
 * no business in somebody's sandbox.
 */
export function foreignness(request: IncomingMessage, hosts: readonly string[]): string | undefined {
  const { host, origin } = request.headers;
  if (isOtherUser(request.socket)) return 'This sandbox belongs to another user of this machine.';
  if (host === undefined || !hosts.includes(host))
    return `This address is not served here. Open http://${hosts[0] ?? ''}/.`;
  if (origin !== undefined && !hosts.some((ours) => origin === `http://${ours}`))
    return 'A page from somewhere else asked for this. The sandbox answers only its own pages.';
  return undefined;
}

export function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(`${reason}\n`);
}
