/**
 * One person's flood, in a process of its own so that it takes no time from whoever measures: each of its connections
 * calls again as soon as it is answered. Told anything, it tells what it has done and ends.
 */
import { Agent, request } from 'node:http';

const [url = '', token = '', connections = '1'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const done = { calls: 0, refused: 0, failed: 0 };
let over = false;

const call = () =>
  new Promise<void>((resolve) => {
    const sent = request(`${url}/v1/requests`, { agent, headers: { authorization: `Bearer ${token}` } });
    sent.once('error', () => {
      done.failed += 1;
      resolve();
    });
    sent.once('response', (response) => {
      done.calls += 1;
      if (response.statusCode === 429) done.refused += 1;
      response.resume().once('close', resolve);
    });
    sent.end();
  });
const caller = async () => {
  while (!over) await call();
};

process.once('message', () => {
  over = true;
  process.send?.(done, () => process.exit());
});
process.once('disconnect', () => process.exit());
await Promise.all(Array.from({ length: Number(connections) }, caller));
