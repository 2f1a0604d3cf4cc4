import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Macs } from '../../../src/broker/integrity/macs.ts';
import { decisionFields } from '../../../src/broker/store/authentic.ts';
import type { DecisionRow } from '../../../src/broker/store/decision.ts';
import type { AccessRequest } from '../../../src/contract/requests.ts';

/**
 * Requests as they would be after months, of everybody whom the store knows as asking like the two there are: some that
 * wait, asked lately, and others that were approved a while ago, each with its decision and its grant that is over.
 * @param models one that waits and one that was approved
 */
export async function addRequests(
  store: pg.Client,
  macs: Macs,
  models: { readonly waiting: AccessRequest; readonly approved: AccessRequest },
  count: { readonly waiting: number; readonly approved: number },
): Promise<void> {
  await store.query('begin');
  await store.query(copies, [models.waiting.id, count.waiting, '1 second']);
  const { rows: added } = await store.query<{ id: string }>(copies, [
    models.approved.id,
    count.approved,
    '1 minute',
  ]);
  await store.query(
    `insert into "grant"
     select (jsonb_populate_record(g, jsonb_build_object('id', gen_random_uuid(), 'request_id', r.id, 'holder', r.requester, 'state', 'expired',
              'created_at', r.created_at, 'activated_at', r.created_at, 'expires_at', r.created_at + interval '1 hour',
              'ended_at', r.created_at + interval '1 hour'))).*
       from "grant" g, request r where g.request_id = $1 and r.id = any($2)`,
    [models.approved.id, added.map(({ id }) => id)],
  );
  const { rows: decided } = await store.query<DecisionRow>('select * from decision where request_id = $1', [
    models.approved.id,
  ]);
  const [decision] = decided;
  if (!decision) throw new Error('The model was not decided on.');
  const decisions = added.map(({ id }) => ({ ...decision, id: randomUUID(), request_id: id }));
  await store.query(
    `insert into decision
     select (jsonb_populate_record(d, jsonb_build_object('id', it.id, 'request_id', it.request, 'mac', it.mac))).*
       from decision d, unnest($2::uuid[], $3::uuid[], $4::text[]) it (id, request, mac) where d.id = $1`,
    [
      decision.id,
      decisions.map(({ id }) => id),
      decisions.map((one) => one.request_id),
      decisions.map((one) => macs.of('decision', decisionFields(one))),
    ],
  );
  await store.query('commit');
}

const copies = `
with people as (select array_agg(id) as ids from person where 'oncall' = any(groups))
insert into request
select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'requester', people.ids[1 + n % cardinality(people.ids)],
         'created_at', now() - n * $3::interval))).*
  from request r, people, generate_series(1, $2::int) n where r.id = $1
returning id`;
