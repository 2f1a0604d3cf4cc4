import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Alarms } from '../../src/broker/integrity/alarms.ts';
import { macsWith } from '../../src/broker/integrity/macs.ts';
import type { Store } from '../../src/broker/store/connect.ts';
import { Secret } from '../../src/contract/secret.ts';

describe('Alarms of records that are not authentic', () => {
  it('are all counted and logged, once each; so many of them are written into the audit log', () => {
    let [raised, logged, recorded] = [0, 0, 0];
    const transaction = () => {
      recorded += 1;
      return new Promise<never>(() => undefined);
    };
    const log = pino(
      { level: 'error' },
      {
        write: () => {
          logged += 1;
        },
      },
    );
    const alarms = new Alarms({
      macs: macsWith([new Secret('k'.repeat(32))]),
      store: { transaction } satisfies Pick<Store, 'transaction'>,
      log,
      raised: () => {
        raised += 1;
      },
    });
    assert.equal(alarms.some, false);
    for (let round = 0; round < 2; round += 1)
      for (let index = 0; index < 1_500; index += 1)
        alarms.alarm({ record: 'lease', id: `lease ${index}`, target: 'shop', why: 'it was changed' });
    assert.deepEqual({ raised, logged, recorded }, { raised: 1_500, logged: 1_500, recorded: 1_000 });
    assert.equal(alarms.some, true);
  });
});
