import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { eventsPath } from '../../src/contract/routes.ts';
import type { Benchmark, Surroundings } from './benchmark.ts';
import { rounded } from './numbers.ts';
import { inLanes } from './stage/lanes.ts';
import { Usage } from './stage/messages.ts';
import { Stage } from './stage/stage.ts';

const windows = 1_000;
const people = 40;
const lanes = 20;
const watchedMs = 30_000;
const mostRatio = 3;

/**
 * What 1,000 windows that are connected and have nothing to do cost: the event streams of one process with as many
 * sockets, of 40 people, against a server that only holds them.
 */
export const connectedWindows: Benchmark = {
  name: 'windows',
  what: '1,000 connected windows: the broker’s memory and processor time, against a plain server with as many streams',
  async run(surroundings) {
    const stage = await Stage.open(surroundings, { others: people });
    const plain = await openPlain(surroundings);
    const ours = await hold(surroundings, `${stage.url}${eventsPath}`, stage.otherTokens, () =>
      stage.usage(),
    );
    const bare = await hold(surroundings, plain.url, [''], plain.usage);
    const met = ours.kbEach <= mostRatio * bare.kbEach;
    const spoken = ({ kbEach, idleShare, heldShare }: Held) =>
      `${rounded(kbEach)} KB a window; ${rounded(heldShare)} % of a core with them, ${rounded(idleShare)} % before`;
    return {
      value: ours.kbEach,
      unit: 'KB',
      bare: bare.kbEach,
      aim: `memory of a window ≤ ${mostRatio} × bare`,
      met,
      details: [
        `Daypass (its identity provider in the same process): ${spoken(ours)}`,
        `bare: ${spoken(bare)}`,
      ],
      obstacles: [],
    };
  },
};

interface Held {
  readonly kbEach: number;
  /** Processor time in percent of one core. */
  readonly idleShare: number;
  readonly heldShare: number;
}

async function hold(
  { progress, atEnd }: Surroundings,
  url: string,
  tokens: readonly string[],
  usage: () => Promise<Usage>,
): Promise<Held> {
  const agent = new Agent({ keepAlive: false });
  atEnd(async () => {
    agent.destroy();
    await Promise.resolve();
  });
  // What the first ones bring with them is not what each costs.
  const first = await inLanes(tokens, lanes, (token) => open(url, token, agent));
  for (const stream of first) stream.destroy();
  progress('Nobody is connected…');
  const idleShare = await processorShare(usage);
  const before = await usage();
  progress(`${windows} windows connect…`);
  const streams = await inLanes(
    Array.from({ length: windows }, (_, n) => tokens[n % tokens.length] ?? ''),
    lanes,
    (token) => open(url, token, agent),
  );
  const after = await usage();
  const heldShare = await processorShare(usage);
  const gone = streams.filter(({ destroyed }) => destroyed).length;
  if (gone > 0) throw new Error(`${gone} of ${windows} streams did not stay open.`);
  for (const stream of streams) stream.destroy();
  return { kbEach: (after.memory - before.memory) / 1024 / windows, idleShare, heldShare };
}

async function processorShare(usage: () => Promise<Usage>): Promise<number> {
  const [before, began] = [await usage(), performance.now()];
  await pause(watchedMs);
  const after = await usage();
  return (100 * (after.processorMs - before.processorMs)) / (performance.now() - began);
}

/** An event stream whose first words are there. */
async function open(url: string, token: string, agent: Agent): Promise<IncomingMessage> {
  const sent = request(url, { agent, headers: { authorization: `Bearer ${token}` } });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`A stream was answered with ${response.statusCode}.`);
  response.on('error', () => undefined);
  response.once('data', () => undefined);
  response.resume();
  return response;
}

async function openPlain({ atEnd }: Surroundings): Promise<{ url: string; usage: () => Promise<Usage> }> {
  const child = fork(fileURLToPath(new URL('stage/bare-streams.ts', import.meta.url)), {
    execArgv: [...process.execArgv, '--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  atEnd(async () => {
    if (child.exitCode !== null) return;
    const over = once(child, 'exit');
    child.disconnect();
    await over;
  });
  const [port] = (await once(child, 'message')) as [unknown];
  return {
    url: `http://127.0.0.1:${z.int().parse(port)}`,
    async usage() {
      const answer = once(child, 'message');
      child.send('usage');
      return Usage.parse(((await answer) as [unknown])[0]);
    },
  };
}
