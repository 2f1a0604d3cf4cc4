/** The process of a server that does nothing but hold event streams and say every 15 s that they live. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { usageOfProcess } from './usage.ts';

const streams = new Set<ServerResponse>();
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(': here\n\n');
  streams.add(response);
  response.on('close', () => streams.delete(response));
});
setInterval(() => {
  for (const stream of streams) stream.write(': here\n\n');
}, 15_000).unref();

process.once('disconnect', () => process.exit(0));
process.on(
  'message',
  () => void usageOfProcess().then((usage) => process.connected && process.send?.(usage)),
);
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
