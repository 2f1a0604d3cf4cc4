import type pg from 'pg';
import type { Macs } from '../../../src/broker/integrity/macs.ts';
import { grantFields, leaseFields } from '../../../src/broker/store/authentic.ts';
import type { GrantRow } from '../../../src/broker/store/grant.ts';
import type { LeaseRow } from '../../../src/broker/store/lease.ts';

/**
 * Leases as they would be after months, each with its request and its grant, after the one lease that is in the store:
 * finished ones with receipts and numbered events, and ones whose time passed while no broker ran.
 * @returns the logins of those that are due
 */
export async function addPast(
  store: pg.Client,
  macs: Macs,
  { finished, due }: { readonly finished: number; readonly due: number },
): Promise<string[]> {
  await store.query('begin');
  await store.query(copies('finished', finished));
  await store.query(copies('due', due));
  await store.query(
    `update lease set state = 'closed', close_reason = 'expired', issued_at = created_at, closing_at = created_at, closed_at = created_at
      where idempotency_key like 'finished %'`,
  );
  await store.query(
    `update "grant" set state = 'expired', ended_at = expires_at where id in (select grant_id from lease where idempotency_key like 'finished %')`,
  );
  await store.query(
    `insert into receipt (lease_id, receipt) select l.id, r.receipt from lease l, receipt r where l.idempotency_key like 'finished %'`,
  );
  await store.query(`
    with added as (
      insert into audit_event (id, action, actor, resource, resource_id, version, request_id, grant_id, target)
      select gen_random_uuid(), a.action, l.person_id, 'lease', l.id, 1, g.request_id, g.id, l.target
        from lease l join "grant" g on g.id = l.grant_id,
             unnest(array['lease issuing', 'lease issued', 'lease closing', 'lease closed']) with ordinality a (action, place)
       where l.idempotency_key like 'finished %' order by l.id, a.place
      returning id)
    insert into audit_number select (select max(number) from audit_number) + row_number() over (), id from added`);
  // All of it stands in the log of a broker that ran before.
  await store.query('update audit_logged set number = (select max(number) from audit_number)');
  const { rows: leases } = await store.query<LeaseRow>(
    `select * from lease where idempotency_key like 'due %'`,
  );
  const { rows: grants } = await store.query<GrantRow>(
    `select * from "grant" where id in (select grant_id from lease where idempotency_key like 'due %')`,
  );
  await store.query(
    `update lease set mac = it.mac from unnest($1::uuid[], $2::text[]) it (id, mac) where lease.id = it.id`,
    [leases.map(({ id }) => id), leases.map((row) => macs.of('lease', leaseFields(row)))],
  );
  await store.query(
    `update "grant" set mac = it.mac from unnest($1::uuid[], $2::text[]) it (id, mac) where "grant".id = it.id`,
    [grants.map(({ id }) => id), grants.map((row) => macs.of('grant', grantFields(row)))],
  );
  await store.query('commit');
  await store.query('analyze');
  return leases.map(({ role }) => role);
}

/** Copies of the one lease that there is, with its grant and its request, all of them past their time. */
const copies = (what: 'finished' | 'due', count: number) => `
with model as (select l.id as lease, l.grant_id as "grant", g.request_id as request, split_part(l.role, '_', 2) as installation
                 from lease l join "grant" g on g.id = l.grant_id limit 1),
new as materialized (select gen_random_uuid() as lease, gen_random_uuid() as "grant", gen_random_uuid() as request, n
                       from generate_series(1, ${count}) n),
requests as (
  insert into request
  select (jsonb_populate_record(r, jsonb_build_object('id', new.request))).* from new, model join request r on r.id = model.request
  returning id),
grants as (
  insert into "grant"
  select (jsonb_populate_record(g, jsonb_build_object('id', new."grant", 'request_id', new.request, 'state', 'active',
           'ended_at', null, 'ended_by', null, 'expires_at', now() - interval '1 minute'))).*
    from new, model join "grant" g on g.id = model."grant"
  returning id)
insert into lease
select (jsonb_populate_record(l, jsonb_build_object('id', new.lease, 'grant_id', new."grant", 'state', 'issued', 'due_at', now() - interval '1 minute',
         'issued_at', now() - interval '1 hour', 'created_at', now() - interval '1 hour', 'close_reason', null, 'closing_at', null, 'closed_at', null,
         'obstacle', null, 'evidence', null, 'idempotency_key', '${what} ' || new.n,
         'role', 'daypass_' || model.installation || '_' || replace(new.lease::text, '-', '')))).*
  from new, model join lease l on l.id = model.lease`;
