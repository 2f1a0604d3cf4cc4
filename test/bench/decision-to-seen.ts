import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { eventsPath } from '../../src/contract/routes.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { Benchmark, Surroundings } from './benchmark.ts';
import { rounded, spoken, spreadOf } from './numbers.ts';
import { makeBareStore } from './stage/bare-store.ts';
import { openCrowd, type Crowd } from './stage/crowd.ts';
import { RequesterWindow } from './stage/requester.ts';
import { Stage } from './stage/stage.ts';

const warmUps = 10;
const windows = 1_000;
const windowsEach = 2;
const people = windows / windowsEach;
const mostMs = 250;

/**
 * From an approval that a lead's window sends until the requester's window has read it, as the extension reads: told by
 * its event stream, while 999 other windows are connected and all that are told read again as well. The requester's was
 * opened last. Bare is one transaction, a NOTIFY, a line to as many streams and a row to each that reads.
 */
const seen = (leads: number, samples: number): Pick<Benchmark, 'run'> => ({
  async run(surroundings) {
    const { progress, signal } = surroundings;
    const stage = await Stage.open(surroundings, { others: people - leads, leads });
    const [requester = '', ...others] = stage.otherTokens;
    progress(`${windows} windows connect…`);
    const tokens = [...others, ...stage.leadTokens].flatMap((token) =>
      Array<string>(windowsEach).fill(token),
    );
    const crowd = await openCrowd(surroundings, { url: stage.url, tokens: [requester, ...tokens] });
    const window = await RequesterWindow.open(surroundings, stage, requester);
    const told = (leads + 1) * windowsEach;
    const bare = await openBare(surroundings, stage, await stage.ask(requester), {
      told,
      decisions: samples + warmUps,
    });

    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let turn = -warmUps; turn < samples && !signal.aborted; turn += 1) {
      if (turn % 50 === 0) progress(`${turn} of ${samples}`);
      const lead = stage.leadTokens.at(turn % leads) ?? '';
      const asked = await stage.ask(requester);
      await window.seen(asked, 'pending');
      await settled(stage, crowd);
      const began = performance.now();
      const deciding = stage.approve(asked, lead);
      const ms = (await window.seen(asked, 'approved')) - began;
      await deciding;
      await settled(stage, crowd);
      const bareMs = await bare.decide();
      if (turn < 0) continue;
      ours.push(ms);
      theirs.push(bareMs);
    }
    const [product, script] = [spreadOf(ours), spreadOf(theirs)];
    const { read, failed, closed } = await crowd.count();
    if (failed + closed > 0)
      throw new Error(`${failed} readings failed, ${closed} streams did not stay open.`);
    const turns = samples + warmUps;
    return {
      value: product.p99,
      unit: 'ms',
      bare: script.p99,
      aim: `p99 ≤ ${mostMs} ms`,
      met: product.p99 <= mostMs,
      details: [
        `Daypass: ${spoken(product)}`,
        `bare: ${spoken(script)}; ratio at p50 ${rounded(product.p50 / script.p50)}`,
        `${told} windows are told, of the ${leads} who may decide and of the requester; a request and its decision make the others of them read ${rounded(read / turns)} times`,
      ],
      obstacles: [],
    };
  },
});

export const decisionToSeen: Benchmark = {
  name: 'decision-to-seen',
  what: `from a decision until the requester’s window has read it, with ${windows.toLocaleString('en')} windows, against a bare NOTIFY, stream and read`,
  ...seen(10, 300),
};

export const decisionToSeenByAll: Benchmark = {
  name: 'decision-to-seen-by-all',
  what: 'the same where everybody may decide, so that all windows are told',
  ...seen(people - 1, 50),
};

/** Until nobody has anything left to read. */
async function settled(stage: Stage, crowd: Crowd): Promise<void> {
  for (let before = -1, { told, read } = await crowd.count(); before !== told + read;) {
    before = told + read;
    await stage.quiet();
    await pause(30);
    ({ told, read } = await crowd.count());
  }
}

/** As many streams at a server that does the least there is to do, as many of them told, one of these the requester's. */
async function openBare(
  surroundings: Surroundings,
  stage: Stage,
  like: AccessRequest,
  { told, decisions }: { readonly told: number; readonly decisions: number },
): Promise<{ decide: () => Promise<number> }> {
  const waiting = await makeBareStore(stage.shopServer, like, decisions);
  const child = fork(fileURLToPath(new URL('stage/bare-broker.ts', import.meta.url)));
  const over = once(child, 'exit');
  surroundings.atEnd(async () => {
    if (child.connected) child.disconnect();
    await over;
  });
  const up = once(child, 'message');
  child.send(stage.shopServer);
  const url = `http://127.0.0.1:${z.int().parse(((await up) as [unknown])[0])}`;
  const tokens = Array.from({ length: windows - 1 }, (_, n) => (n < told - 1 ? 'told' : 'not told'));
  await openCrowd(surroundings, { url, tokens });
  const agent = new Agent({ keepAlive: true });
  surroundings.atEnd(async () => {
    agent.destroy();
    await Promise.resolve();
  });
  const call = async (method: string, path: string) => {
    const sent = request(`${url}${path}`, { method, agent, headers: { authorization: 'Bearer told' } });
    sent.end();
    return ((await once(sent, 'response')) as [IncomingMessage])[0];
  };
  const stream = await call('GET', eventsPath);
  stream.on('error', () => undefined);
  await once(stream, 'data');
  return {
    async decide() {
      const path = `/v1/requests/${waiting.pop() ?? ''}`;
      const toldOf = once(stream, 'data');
      const began = performance.now();
      const deciding = call('POST', `${path}/decisions`);
      await toldOf;
      const parts: Buffer[] = [];
      for await (const part of await call('GET', path)) parts.push(part as Buffer);
      const { state } = z.object({ state: z.string() }).parse(JSON.parse(Buffer.concat(parts).toString()));
      const ms = performance.now() - began;
      if (state !== 'approved') throw new Error(`The bare request is ${state}.`);
      (await deciding).resume();
      return ms;
    },
  };
}
