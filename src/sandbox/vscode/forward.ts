import {
  request as ask,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { refuse } from '../loopback.ts';

/** Where VS Code's server listens: a socket in a private folder, or a port where there are no such sockets. */
export type Upstream =
  { readonly socketPath: string } | { readonly host: '127.0.0.1'; readonly port: number };

const withoutAnswer = 'VS Code’s server does not answer.';

/** Hands a request on as it came, and the answer back without cookies. */
export function forward(request: IncomingMessage, response: ServerResponse, upstream: Upstream): void {
  const { method, url, headers } = request;
  const asked = ask({ ...upstream, method, path: url, headers });
  asked.on('response', (answer) => {
    // Its own cookie would be for every path of this address.
    const kept: OutgoingHttpHeaders = { ...answer.headers };
    delete kept['set-cookie'];
    response.writeHead(answer.statusCode ?? 502, kept);
    answer.pipe(response);
  });
  asked.on('error', () => {
    if (response.headersSent) response.destroy();
    else refuse(response, 502, withoutAnswer);
  });
  response.on('close', () => asked.destroy());
  request.pipe(asked);
}

/** Hands a WebSocket on; either side's end is the other's. */
export function forwardUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  upstream: Upstream,
): void {
  const { method, url, headers } = request;
  const asked = ask({ ...upstream, method, path: url, headers });
  const giveUp = () => socket.destroy();
  socket.on('error', () => asked.destroy()).on('close', () => asked.destroy());
  asked.on('error', giveUp);
  asked.on('response', giveUp);
  asked.on('upgrade', (answer, behind, first) => {
    const lines = answer.rawHeaders.flatMap((name, index, all) =>
      index % 2 === 0 ? [`${name}: ${all[index + 1] ?? ''}`] : [],
    );
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
    if (first.length > 0) socket.write(first);
    if (head.length > 0) behind.write(head);
    behind.on('error', giveUp).on('close', giveUp);
    socket.on('error', () => behind.destroy()).on('close', () => behind.destroy());
    behind.pipe(socket).pipe(behind);
  });
  asked.end();
}
