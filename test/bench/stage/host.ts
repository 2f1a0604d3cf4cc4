/**
 * The process of a stage: a broker with its provider and its databases, apart from whoever measures it. It ends, and
 * leaves nothing behind, when the process that started it lets go of it or is gone.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { findPostmaster } from '../../../src/broker/store/embedded-postmaster.ts';
import { ana, ben, people } from '../../../src/sandbox/provider/people.ts';
import { startWorld, type World } from '../../broker/support/world.ts';
import { inLanes } from './lanes.ts';
import { usageOfProcess } from './usage.ts';
import { startSecondBroker } from './second-broker.ts';
import { Wishes, type Description } from './messages.ts';

const wishes = Wishes.parse(JSON.parse(process.argv[2] ?? '{}'));

/** Engineers who do nothing but have windows open. */
const others = Array.from({ length: wishes.others }, (_, n) => ({ ...ana, id: `engineer-${n}` }));
const leads = Array.from({ length: wishes.leads }, (_, n) => ({ ...ben, id: `lead-${n}` }));

/** So many sign in at once. */
const lanes = 20;

/** Whoever started this may be gone by now. */
const tell = (message: unknown) => process.connected && process.send?.(message);

let stopSecond: (() => Promise<void>) | undefined;

async function describeStage(of: World): Promise<Description> {
  const state = join(of.folder, 'state');
  const postmaster = await findPostmaster(join(state, 'data'));
  if (!postmaster) throw new Error('The broker keeps no database of its own.');
  const second = wishes.secondBroker ? await startSecondBroker(of.folder, postmaster.port) : undefined;
  stopSecond = second?.stop;
  return {
    url: of.url,
    secondUrl: second?.url ?? of.url,
    token: await of.token('ana'),
    otherTokens: await inLanes(others, lanes, ({ id }) => of.token(id)),
    leadTokens: await inLanes(leads, lanes, ({ id }) => of.token(id)),
    shop: { port: of.shop.port, password: of.shop.password },
    state: {
      port: postmaster.port,
      password: (await readFile(join(state, 'runtime.password'), 'utf8')).trim(),
    },
    integrityKey: (await readFile(join(state, 'integrity.key'), 'utf8')).trim(),
  };
}

/** Each query of the broker's is one wait for a database. */
let queries = 0;
Object.defineProperty(pg.Client.prototype, 'query', {
  value: new Proxy(Reflect.get(pg.Client.prototype, 'query') as () => unknown, {
    apply: (query, client, asked) => {
      queries += 1;
      return Reflect.apply(query, client, asked) as unknown;
    },
  }),
});

const building = startWorld({
  accessTokenTtl: 4 * 3600,
  shop: { settings: { fsync: 'on', ...wishes.shopSettings } },
  templates: wishes.templates,
  people: [...people, ...others, ...leads],
  // One person stands for many here.
  mostOpen: 1000,
  ...(wishes.usualLimits ? { limits: {} } : {}),
});
const end = () =>
  building
    .then(async (world) => {
      await stopSecond?.();
      await world.stop();
    })
    .catch((error: unknown) => console.error(error))
    .finally(() => process.exit(0));

process.once('disconnect', () => void end());
if (!process.connected) void end();
process.on('message', (message) => {
  if (message === 'queries') tell({ queries });
  if (message === 'usage') void usageOfProcess().then(tell);
});
try {
  tell(await describeStage(await building));
} catch (error) {
  tell({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  await end();
}
