import assert from 'node:assert/strict';
import type { StepName } from '../../src/broker/step.ts';
import { eventually } from '../broker/support/eventually.ts';
import { isClosed, turnedAway } from '../broker/support/turned-away.ts';
import { find, type Found } from '../faults/found.ts';
import { unaccounted, violationsAtAnyTime, violationsOf } from '../faults/invariants.ts';
import { CrashStage } from './crash-stage.ts';
import { lives, surroundings, type Held, type LifeName } from './lives.ts';

/** In which life each step is done. A step that is not here does not compile. */
const lifeOf: Record<StepName, LifeName | { readonly not: string }> = {
  'database made': { not: 'only an embedded database is made; its own test tries it' },
  'schema begun': 'first start',
  'schema migrated': 'first start',
  'installation named': 'first start',
  'privileges given': 'first start',
  'keys forgotten': 'start',
  'logins observed': 'start',
  'person known': 'asking',
  'request made': 'asking',
  'request refused': 'asking',
  'attempt refused': 'asking',
  'page signed in': { not: 'one row by which a browser is known, and nothing depends on it' },
  'page signed out': { not: 'one row less, and nothing depends on it' },
  'request decided': 'asking',
  'request withdrawn': 'asking',
  'glass broken': { not: 'one transaction, as a decision is, and it is made of the same statements' },
  'request claimed': 'asking',
  'claim released': 'asking',
  'message written': 'asking',
  'events numbered': 'asking',
  'events logged': 'asking',
  'shifts seen': { not: 'what a schedule says is looked at again, and by it nothing is given sooner' },
  'request expired': 'nobody answers',
  'grant reviewed': { not: 'one transaction, after which nothing is given' },
  'grant ended': 'working',
  'lease intended': 'working',
  'lease issued': 'working',
  'state before read': 'working',
  'evidence kept': 'working',
  'issuing role taken': 'working over new connections',
  'target clock read': 'working',
  'login created': 'working',
  'connections listed': 'working',
  'logins located': 'working',
  'connections ended': 'working',
  'logins closed': 'working',
  'arrivals looked for': 'working',
  'connections counted': 'working',
  'probe prepared': 'working',
  'login probed': 'working',
  'prepared transactions found': 'working',
  'leftovers located': 'working',
  'logins dropped': 'working',
  'traces looked for': 'working',
  'standbys looked for': 'working',
  'replica asked': 'working',
  'state after read': 'working',
  'lease closed': 'working',
  'lease ended': 'closing one terminal',
  'privileges held looked up': 'staying',
  'privileges taken back': 'staying',
  'arrival taken on': 'staying',
  'arrival ended': 'staying',
  'arrival let go': 'staying',
  'prepared transactions inherited': 'staying',
  'prepared transaction taken on': 'staying',
  'prepared transaction rolled back': 'staying',
  'prepared transaction let go': 'staying',
  'leftovers lent looked for': 'staying',
  'leftovers called in': 'staying',
  'leftovers inherited': 'staying',
  'leftovers described': 'staying',
  'leftovers dropped': 'staying',
  'leftovers removed': 'staying',
  'default privileges read': 'staying',
  'default privileges set back': 'staying',
  'heir looked up': 'others rely on it',
  'heir made': 'others rely on it',
  'leftovers given away': 'others rely on it',
  'leftovers listed': 'hoarding',
  'leftover dropped': 'hoarding',
  'grant revoked': 'revoked',
  'grant expired': 'out of time',
  'leases closing': 'out of time',
  'obstacle noted': 'in the way',
  'lease not issued': 'not prepared',
  'issue broken off': 'broken off',
  'login looked up': 'broken off',
  'issues under way looked for': 'removed by others',
  'stranger noted': 'a stranger',
  'alarm recorded': 'a forged lease',
  'deliveries taken': 'telling',
  'on call chosen': 'telling',
  'message sent': 'telling',
  'delivery recorded': 'telling',
  'target checked': { not: 'only `daypass check --targets` does it, and it only looks' },
};

describe('A broker that dies after any step', function () {
  this.timeout(60_000);
  let stage: CrashStage;
  let begun = false;

  before(async () => {
    stage = await CrashStage.open(surroundings);
    await stage.world.shop.run('create database warehouse');
    for (const database of ['shop', 'warehouse'])
      await stage.world.shop.run('grant create on schema public to public', database);
    stage.lookAfterDeath = async () =>
      // On its very first start it may have died before there was anything.
      (await stage.isThere()) ? notOnPurpose(unaccounted(await found())) : [];
    begun = true;
    await stage.start();
  });
  after(async () => {
    if (begun) await stage.close();
  });

  const notOnPurpose = (violations: readonly string[]) =>
    violations.filter((said) => ![...stage.deleted].some((deleted) => said.includes(deleted)));
  const found = (): Promise<Found> =>
    stage.inState((store) =>
      find(store, { shop: { query: async (sql) => (await stage.world.shop.run(sql)) as never } }),
    );
  /** Where nobody knows how far an issue came, a lease waits until its login cannot appear any more. */
  const settled = async (which: 'all' | 'all but issues of unknown outcome', withinMs: number) => {
    let left: string[] = [];
    await eventually(async () => {
      left = await stage.unsettled(which === 'all');
      return left.length === 0 || undefined;
    }, withinMs).catch(() => assert.deepEqual(left, []));
  };

  for (const [step, life] of Object.entries(lifeOf) as [StepName, (typeof lifeOf)[StepName]][]) {
    if (typeof life !== 'string') continue;
    it(`after “${step}” (${life})`, async () => {
      let held: readonly Held[] = [];
      await stage.dyingAfter(step, async () => {
        held = await lives[life](stage);
        await eventually(() => stage.deaths > 0 || undefined, 10_000).catch(() => {
          throw new Error(`It was never done: ${stage.stepsDone.join(', ')}`);
        });
      });
      await settled('all but issues of unknown outcome', 20_000);
      await eventually(() => held.every(({ sockets }) => sockets.every(isClosed)) || undefined);
      for (const one of held) await assert.rejects(one.login(), turnedAway);
      const now = await found();
      assert.deepEqual(violationsAtAnyTime(now, stage.ledger), []);
      // Whoever died has lost no proof. What others removed leaves none.
      for (const { leaseId } of life === 'removed by others' ? [] : held)
        assert.notEqual(now.leases.find(({ id }) => id === leaseId)?.hasReceipt, false, 'no receipt');
      assert.deepEqual(stage.wrongAfterDeath, []);
    });
  }

  it('and what died in the middle of an issue is settled by itself, without a login of it left', async () => {
    await settled('all', 90_000);
    assert.deepEqual(notOnPurpose(violationsOf(await found(), stage.ledger)), []);
  }).timeout(120_000);

  it('and no secret is in its log, its database or a file, however it died', async () => {
    assert.deepEqual(await stage.leaks(), []);
  });
});
