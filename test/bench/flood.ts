import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Benchmark, Surroundings } from './benchmark.ts';
import { rounded, spoken, spreadOf, type Spread } from './numbers.ts';
import { newSecret } from './stage/logins.ts';
import { Stage } from './stage/stage.ts';

const samples = 200;
const warmUps = 5;
const flooders = 32;
const mostRatio = 3;

/**
 * What a lease costs others while one person calls as fast as 32 connections can, with the limits that a broker has unless
 * its configuration says otherwise. Bare is the same lease while nobody else calls, in the same run.
 */
export const flood: Benchmark = {
  name: 'flood',
  what: 'another’s lease while one person floods the broker, against the same lease in peace',
  async run(surroundings) {
    // Of whoever is measured, nobody comes near the limit; of whoever floods, one person does.
    const stage = await Stage.open(surroundings, { others: samples / 10 + 1, usualLimits: true });
    const [flooder, ...others] = stage.otherTokens;
    if (flooder === undefined) throw new Error('There is nobody to flood it.');
    const peace = await leases(stage, others);
    surroundings.progress('The flood begins…');
    const storm = floodAs(stage, flooder, surroundings);
    const inFlood = await leases(stage, others);
    const { calls, refused, failed, seconds } = await storm.stop();
    if (failed > calls / 100) throw new Error(`${failed} calls of the flood failed: it was none.`);
    return {
      value: inFlood.p99,
      unit: 'ms',
      bare: peace.p99,
      aim: `p99 ≤ ${mostRatio} × in peace`,
      met: inFlood.p99 <= mostRatio * peace.p99,
      details: [
        `in the flood: ${spoken(inFlood)}`,
        `in peace: ${spoken(peace)}; ratio at p50 ${rounded(inFlood.p50 / peace.p50)}`,
        `the flood: ${Math.round(calls / seconds)} calls a second over ${flooders} connections, ${rounded((100 * refused) / calls)} % of them refused (429)`,
      ],
      obstacles: [],
    };
  },
};

async function leases(stage: Stage, people: readonly string[]): Promise<Spread> {
  const took: number[] = [];
  for (let turn = -warmUps; turn < samples; turn += 1) {
    const person = people.at(turn % people.length);
    const grant = await stage.grant('PT24H', person);
    const { verifier } = await newSecret();
    const { ms } = await stage.lease(grant, verifier, person);
    if (turn >= 0) took.push(ms);
  }
  return spreadOf(took);
}

const Done = z.object({ calls: z.int(), refused: z.int(), failed: z.int() });

function floodAs(stage: Stage, person: string, { atEnd }: Surroundings) {
  const began = performance.now();
  const program = fileURLToPath(new URL('stage/flooder.ts', import.meta.url));
  const child = fork(program, [stage.url, person, String(flooders)]);
  const over = once(child, 'exit');
  atEnd(async () => {
    if (child.connected) child.disconnect();
    await over;
  });
  return {
    async stop() {
      const told = once(child, 'message');
      child.send('stop');
      const [done] = (await told) as [unknown];
      return { ...Done.parse(done), seconds: (performance.now() - began) / 1000 };
    },
  };
}
