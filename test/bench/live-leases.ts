import type pg from 'pg';
import { issueStatements } from '../../src/broker/targets/postgresql/issue.ts';
import { issuerRoles } from '../../src/broker/targets/postgresql/names.ts';
import { storedScope } from '../../src/broker/targets/postgresql/scope.ts';
import type { Benchmark } from './benchmark.ts';
import { rounded, spoken, spreadOf, type Spread } from './numbers.ts';
import { newSecret } from './stage/logins.ts';
import { bareRole, Stage, template } from './stage/stage.ts';

const live = [0, 1_000, 10_000];
const samples = 100;
const warmUps = 5;
const mostRatio = 1.5;
const atOnce = 500;
const user = 'daypass_broker';
const issuers = issuerRoles(user);

/**
 * What a lease costs when many others are open at the target. The others are logins that were made there as leases are,
 * without rows in the broker's database: what slows down is the target, by the logins that one role administers.
 */
export const liveLeases: Benchmark = {
  name: 'live-leases',
  what: 'a lease while 0, 1,000 and 10,000 others are open, against a superuser’s statements beside as many',
  async run(surroundings) {
    const stage = await Stage.open(surroundings);
    const shop = await stage.shop();
    const administrator = await stage.shop();
    const found: { others: number; ours: Spread; bare: Spread }[] = [];
    let others = 0;
    for (const wanted of live) {
      for (; others < wanted && !surroundings.signal.aborted; others += atOnce) {
        if (others % 1_000 === 0) surroundings.progress(`making logins: ${others} of ${wanted}`);
        await makeOthers(administrator, Math.min(atOnce, wanted - others));
      }
      surroundings.progress(`issuing ${samples} leases beside ${wanted}`);
      found.push({ others, ...(await issueBeside(stage, shop)) });
    }
    const [none, most] = [found[0], found.at(-1)];
    if (!none || !most) throw new Error('Nothing was measured.');
    const met = most.ours.p50 <= mostRatio * none.ours.p50;
    return {
      value: most.ours.p50,
      unit: 'ms',
      bare: most.bare.p50,
      aim: `p50 beside 10,000 ≤ ${mostRatio} × beside none`,
      met,
      details: found.flatMap(({ others: beside, ours, bare }) => [
        `beside ${beside}: Daypass ${spoken(ours)} (${rounded(ours.p50 / none.ours.p50)} × beside none)`,
        `beside ${beside}: bare ${spoken(bare)} (${rounded(bare.p50 / none.bare.p50)} ×)`,
      ]),
      obstacles: met
        ? []
        : ['each new login makes PostgreSQL read anew which logins its issuing role administers'],
    };
  },
};

async function makeOthers(administrator: pg.Client, count: number): Promise<void> {
  await administrator.query(
    Array.from({ length: count }, (_, n) => {
      const role = bareRole();
      return `set role ${issuers[n % issuers.length]}; create role ${role} login connection limit 1;
        grant ${role} to ${user} with admin true, inherit false, set true`;
    }).join(';\n'),
  );
}

/** Leases from the broker and the same statements from a superuser, in turns. */
async function issueBeside(stage: Stage, shop: pg.Client): Promise<{ ours: Spread; bare: Spread }> {
  const ours: number[] = [];
  const bare: number[] = [];
  const scope = { privileges: ['select on sales.orders'] };
  for (let turn = -warmUps; turn < samples; turn += 1) {
    const grant = await stage.grant('PT24H');
    const { verifier } = await newSecret();
    await stage.quiet();
    const { ms } = await stage.lease(grant, verifier);
    await stage.quiet();
    const expiresAt = new Date(Date.now() + 3_600_000);
    const intent = { leaseId: '', role: bareRole(), templateId: template, scope, verifier, expiresAt };
    const began = performance.now();
    await shop.query(issueStatements(intent, storedScope(scope)).join(';\n'));
    if (turn < 0) continue;
    bare.push(performance.now() - began);
    ours.push(ms);
  }
  return { ours: spreadOf(ours), bare: spreadOf(bare) };
}
