/**
 * The process of a server that does for a decision what cannot be left out: one transaction, one NOTIFY, a line to each
 * stream that is told, one row to each that reads again. Whose token is `told` is told.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { eventsPath } from '../../../src/contract/routes.ts';
import { bareChannel, bareConnection, bareConnections, bareDecision } from './bare-store.ts';
import { Description } from './messages.ts';

process.once('disconnect', () => process.exit(0));
const [where] = (await once(process, 'message')) as [unknown];
const connection = bareConnection(Description.shape.shop.parse(where));
const pool = new pg.Pool({ ...connection, max: bareConnections });
const told = new Set<ServerResponse>();

const listener = new pg.Client(connection);
await listener.connect();
listener.on('notification', ({ payload = '' }) => {
  const data = JSON.stringify({ resource: 'request', id: payload, version: 2 });
  for (const stream of told) stream.write(`event: changed\ndata: ${data}\n\n`);
});
await listener.query(`listen ${bareChannel}`);

const answer = async ({ method, url = '', headers }: IncomingMessage, response: ServerResponse) => {
  if (url === eventsPath) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': here\n\n');
    if (headers.authorization === 'Bearer told') told.add(response);
    response.on('close', () => told.delete(response));
    return;
  }
  const id = url.split('/')[3] ?? '';
  if (method === 'POST') await decide(id);
  const { rows } = await pool.query('select * from request where id = $1', [id]);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(rows[0]));
};

async function decide(id: string): Promise<void> {
  const client = await pool.connect();
  try {
    await bareDecision(client, id);
  } finally {
    client.release();
  }
}

const server = createServer((request, response) => void answer(request, response));
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
