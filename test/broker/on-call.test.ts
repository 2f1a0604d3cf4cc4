import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { macsWith } from '../../src/broker/integrity/macs.ts';
import { shiftFields } from '../../src/broker/store/authentic.ts';
import { Secret } from '../../src/contract/secret.ts';
import type { Outlook } from '../../src/contract/requests.ts';
import { eventually } from './support/eventually.ts';
import { inState, startWorld, type World } from './support/world.ts';

/** From a schedule in the configuration to what people are told. */
describe('Whoever is on call', function () {
  this.timeout(60_000);
  let world: World;
  before(async () => {
    world = await startWorld({
      configuration: `
schedules:
  payments:
    zone: Europe/Berlin
    people: { ana: ana }
    shifts: [{ who: ana, from: Monday 00:00, until: Monday 00:00 }]
  away:
    people: { ana: ana }
    calendar: { url: http://127.0.0.1:9/oncall.ics }
`,
      templates: {
        'on-call.yaml': `
template: on-call
title: Look at orders
summary: Look at orders.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT10M, longest: PT1H }
request: { by: [engineering] }
approve: { by: [payments-leads], automatic: [{ on_call: payments }, { on_call: away }] }
`,
      },
    });
  });
  after(() => world.stop());

  const outlook = async (name: string) =>
    (await world.call<Outlook>(name, 'GET', '/v1/templates/on-call/outlook?duration=PT10M')).body;

  it('waits for others while the shift was added lately, and while a calendar cannot be read', async () => {
    const { notAutomatic } = (await outlook('ana')) as Extract<Outlook, { is: 'asked' }>;
    assert.match(notAutomatic[0] ?? '', /added within the last 24 hours \(payments\)/);
    assert.match(notAutomatic[1] ?? '', /out of date \(away\)/);
  });

  it('is not somebody else', async () => {
    const { notAutomatic } = (await outlook('ben')) as Extract<Outlook, { is: 'asked' }>;
    assert.match(notAutomatic[0] ?? '', /^not on call \(payments\)/);
  });

  it('reads in /readyz that a schedule cannot be read', async () => {
    await eventually(async () => {
      const { body } = await world.call<{ warnings: string[] }>(undefined, 'GET', '/readyz');
      return body.warnings.find((words) => /^A schedule of who is on call cannot be read/.test(words));
    });
  });

  it('needs nobody once the shift has stood there for a day', async () => {
    const key = await readFile(join(world.folder, 'state', 'integrity.key'), 'utf8');
    const macs = macsWith([new Secret(key.trim())]);
    await inState(world, async (client) => {
      const { rows } = await client.query<Parameters<typeof shiftFields>[0]>(
        'select * from daypass.shift_sighting',
      );
      for (const row of rows) {
        const earlier = { ...row, id: randomUUID(), at: new Date(Date.now() - 25 * 3600_000) };
        await client.query('insert into daypass.shift_sighting values ($1, $2, $3, $4, $5, $6, $7, $8)', [
          earlier.id, earlier.schedule, earlier.person, earlier.begins, earlier.ends, earlier.gone, earlier.at, macs.of('shift', shiftFields(earlier)),
        ]); // prettier-ignore
      }
    });
    await world.restart();
    assert.deepEqual(await outlook('ana'), { is: 'approved', why: 'on call (payments)' });
    assert.equal((await outlook('ben')).is, 'asked');
  });
});
