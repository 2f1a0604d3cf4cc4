import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { issueStatements } from '../../src/broker/targets/postgresql/issue.ts';
import { storedScope } from '../../src/broker/targets/postgresql/scope.ts';
import type { Benchmark } from './benchmark.ts';
import { rounded, spoken, spreadOf } from './numbers.ts';
import { eventsInsert } from './stage/bare-events.ts';
import { newSecret } from './stage/logins.ts';
import { bareRole, Stage, template } from './stage/stage.ts';

const warmUps = 30;
const samples = 400;
const longestRatio = 1.3;

/**
 * The first terminal under an approved grant: the call as an extension makes it, against a script that writes the same
 * rows with the same statements at the target. Both take turns, on the same databases.
 */
export const leaseIssue: Benchmark = {
  name: 'lease-issue',
  what: 'a lease from the broker, against its statements from a bare script',
  async run(surroundings) {
    const stage = await Stage.open(surroundings);
    const state = await stage.state();
    const shop = await stage.shop();
    const product: number[] = [];
    const bare: number[] = [];
    const answer: number[] = [];
    let queries = 0;
    for (let turn = -warmUps; turn < samples && !surroundings.signal.aborted; turn += 1) {
      if (turn % 100 === 0) surroundings.progress(`${turn} of ${samples}`);
      const [one, another] = [await stage.grant('PT24H'), await stage.grant('PT24H')];
      const secrets = [(await newSecret()).verifier, (await newSecret()).verifier] as const;
      await stage.quiet();
      const before = await stage.queries();
      const byBroker = (await stage.lease(one, secrets[0])).ms;
      const sent = (await stage.queries()) - before;
      await stage.quiet();
      const byScript = await bareLease(state, shop, another, secrets[1]);
      await stage.quiet();
      const call = (await stage.call('GET', '/v1/me')).ms;
      if (turn < 0) continue;
      product.push(byBroker);
      bare.push(byScript);
      answer.push(call);
      queries += sent;
    }
    const [ours, theirs, frame] = [spreadOf(product), spreadOf(bare), spreadOf(answer)];
    const met = ours.p99 <= longestRatio * theirs.p99;
    const perLease = rounded(queries / product.length);
    return {
      value: ours.p99,
      unit: 'ms',
      bare: theirs.p99,
      aim: `p99 ≤ ${longestRatio} × bare`,
      met,
      details: [
        `Daypass: ${spoken(ours)}`,
        `bare: ${spoken(theirs)}; ratio at p50 ${rounded(ours.p50 / theirs.p50)}`,
      ],
      obstacles: met
        ? []
        : [
            `a call that only says who calls takes ${spoken(frame)}: HTTP, token, person`,
            `${perLease} queries until the answer is there, each waited for; the script sends ${bareQueries}`,
          ],
    };
  },
};

const bareQueries = 10;

/** Intent, target, outcome: what must be written, and nothing else. Milliseconds. */
async function bareLease(
  state: pg.Client,
  shop: pg.Client,
  grantId: string,
  verifier: string,
): Promise<number> {
  const [leaseId, role] = [randomUUID(), bareRole()];
  const began = performance.now();
  await state.query('begin');
  const { rows } = await state.query<{ holder: string; request_id: string; expires_at: Date }>(
    `update "grant" set state = 'active', version = version + 1, activated_at = clock_timestamp(),
       expires_at = clock_timestamp() + make_interval(secs => duration_s)
     where id = $1 and state = 'approved' returning holder, request_id, expires_at`,
    [grantId],
  );
  const [grant] = rows;
  if (!grant) throw new Error('The grant for the bare script is not there.');
  // The broker looks after leases of its own target; this one is none of them.
  const about = (action: string, resource: string, id: string, version: number, detail: object) => [
    ...[randomUUID(), action, grant.holder, resource, id, version, grant.request_id, grantId, 'bare'],
    JSON.stringify(detail),
  ];
  await state.query(
    `insert into lease (id, grant_id, person_id, target, role, state, due_at, idempotency_key, body_hash)
     values ($1, $2, $3, 'bare', $4, 'issuing', $5, $6, $7) returning *`,
    [leaseId, grantId, grant.holder, role, grant.expires_at, randomUUID(), verifier],
  );
  await state.query(eventsInsert(2), [
    ...about('grant activated', 'grant', grantId, 2, { expiresAt: grant.expires_at }),
    ...about('lease issuing', 'lease', leaseId, 3, { role, dueAt: grant.expires_at }),
  ]);
  await state.query('commit');

  const intent = { leaseId, role, templateId: template, scope, verifier, expiresAt: grant.expires_at };
  await shop.query(issueStatements(intent, storedScope(scope)).join(';\n'));

  await state.query('begin');
  await state.query(
    `update lease set state = 'issued', issued_at = clock_timestamp(), version = version + 1 where id = $1 returning *`,
    [leaseId],
  );
  await state.query(eventsInsert(1), about('lease issued', 'lease', leaseId, 4, { role }));
  await state.query('commit');
  return performance.now() - began;
}

const scope = { privileges: ['select on sales.orders'] };
