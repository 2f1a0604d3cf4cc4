/**
 * The process of windows that are open elsewhere: each has its event stream, and reads again what it is told has
 * changed, as the extension does. Asked anything, it says how often it was told and has read.
 */
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { createParser } from 'eventsource-parser';
import * as z from 'zod';
import { StreamEvent } from '../../../src/contract/events.ts';
import { eventsPath } from '../../../src/contract/routes.ts';
import { inLanes } from './lanes.ts';
import { Crowded } from './messages.ts';

const lanes = 20;
const agent = new Agent({ keepAlive: true });
const done = { told: 0, read: 0, failed: 0, closed: 0 };

process.once('disconnect', () => process.exit(0));
const [wish] = (await once(process, 'message')) as [unknown];
const { url, tokens } = Crowded.parse(wish);

async function openWindow(token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const known = new Map<string, number>();
  const reading = new Map<string, Promise<void>>();

  const read = async (path: string, version: number) => {
    await reading.get(path);
    if ((known.get(path) ?? 0) >= version) return;
    const sent = request(`${url}${path}`, { agent, headers });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    if (response.statusCode !== 200) throw new Error(text);
    known.set(path, z.object({ version: z.int() }).parse(JSON.parse(text)).version);
    done.read += 1;
  };
  const hear = (event: StreamEvent) => {
    if (event.type !== 'changed') return;
    done.told += 1;
    const path = `/v1/${event.resource}s/${event.id}`;
    reading.set(
      path,
      read(path, event.version).catch(() => void (done.failed += 1)),
    );
  };
  const parser = createParser({
    onEvent: ({ event: type, data }) => hear(StreamEvent.parse({ ...(JSON.parse(data) as object), type })),
  });

  const sent = request(`${url}${eventsPath}`, { agent: false, headers });
  sent.end();
  const [stream] = (await once(sent, 'response')) as [IncomingMessage];
  if (stream.statusCode !== 200) throw new Error(`A stream was answered with ${stream.statusCode}.`);
  stream.setEncoding('utf8').on('data', (text: string) => parser.feed(text));
  stream.on('error', () => undefined);
  stream.on('close', () => (done.closed += 1));
  await once(stream, 'data');
}

await inLanes(tokens, lanes, openWindow);
process.on('message', () => process.send?.(done));
process.send?.(done);
