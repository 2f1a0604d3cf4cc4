/**
 * What must hold whatever fails, told from outside: from the rows and the numbered events in the broker's database, the
 * catalogues of the target, and clients' own sockets. Never from what the broker says of itself.
 */
import type pg from 'pg';
import type { PostgresServer } from '../../broker/support/postgres.ts';

/** A question to a database whose rows are violations, each with the words for it. */
interface Question {
  readonly what: string;
  readonly sql: string;
}

const events = 'audit_event e join audit_number n on n.event_id = e.id';

/** Asked of the broker's database. */
const ofTheStore: readonly Question[] = [
  {
    what: 'the audit log has a gap, or a number twice',
    sql: `select count(*)::int as numbers, max(number)::int as last from audit_number having count(*) <> coalesce(max(number), 0) or min(number) <> 1`,
  },
  {
    what: 'an event of a resource has a lower number than an earlier one of it',
    sql: `select * from (select e.resource_id, e.action, e.version, lag(e.version) over (partition by e.grant_id order by n.number) as before from ${events} where e.grant_id is not null and e.resource in ('grant', 'lease')) it where version < before`,
  },
  {
    what: 'a lease has events out of their order',
    sql: `select resource_id, actions from (select e.resource_id, array_agg(e.action order by n.number) filter (where e.action <> 'lease unconfirmed') as actions from ${events} where e.resource = 'lease' group by 1) it
          where actions not in ('{lease issuing}', '{lease issuing,lease issued}', '{lease issuing,lease failed}', '{lease issuing,lease closing}', '{lease issuing,lease issued,lease closing}', '{lease issuing,lease closing,lease closed}', '{lease issuing,lease issued,lease closing,lease closed}')`,
  },
  {
    what: 'a lease is not in the state that its events tell',
    sql: `select l.id, l.state, e.action from lease l left join lateral (select e.action from audit_event e left join audit_number n on n.event_id = e.id where e.resource_id = l.id and e.action <> 'lease unconfirmed' order by n.number desc nulls first limit 1) e on true where e.action is distinct from 'lease ' || l.state`,
  },
  {
    what: 'a grant is not in the state that its events tell, or got there twice',
    sql: `select g.id, g.state, count(e.id)::int as events from "grant" g left join audit_event e on e.resource_id = g.id and e.action = 'grant ' || case g.state when 'active' then 'activated' else g.state end group by g.id having count(e.id) <> 1`,
  },
  {
    what: 'a request was made, or decided, a number of times that is not once',
    sql: `select r.id, r.state, count(e.id) filter (where e.action = 'request created')::int as created, count(e.id) filter (where e.action <> 'request created')::int as more from request r left join audit_event e on e.resource_id = r.id where r.state <> 'refused' group by r.id having count(e.id) filter (where e.action = 'request created') <> 1 or count(e.id) filter (where e.action <> 'request created') <> (case when r.state = 'pending' then 0 else 1 end)`,
  },
  {
    what: 'the same call had its effect twice',
    sql: `select reason, count(*)::int as requests from request group by reason having count(*) > 1`,
  },
  {
    what: 'a lease is at its end without a receipt, and nothing says what is missing',
    sql: `select l.id from lease l left join receipt r on r.lease_id = l.id where l.state = 'closed' and r.lease_id is null and l.obstacle is null`,
  },
  {
    what: 'a lease that is not at its end has a receipt',
    sql: `select l.id, l.state from lease l join receipt r on r.lease_id = l.id where l.state <> 'closed'`,
  },
];

/** Asked of a target. */
const ofTheTarget: readonly Question[] = [
  {
    what: 'a session lives on without its login',
    sql: `select pid from pg_stat_activity where usesysid is not null and usesysid not in (select oid from pg_roles)`,
  },
  {
    what: 'a prepared transaction lives on without its login',
    sql: `select gid from pg_prepared_xact() where ownerid not in (select oid from pg_roles)`,
  },
  {
    what: 'something belongs to a login that is gone',
    sql: `select classid::regclass::text as class, objid from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid not in (select oid from pg_roles)`,
  },
];

/** What is wrong in the store and at the target, at any moment when no broker runs or everything is settled. */
export async function violations(state: pg.Client, target: PostgresServer): Promise<string[]> {
  const found: string[] = [];
  const note = (what: string, rows: readonly unknown[]) => {
    for (const row of rows) found.push(`${what}: ${JSON.stringify(row)}`);
  };
  for (const { what, sql } of ofTheStore) note(what, (await state.query(sql)).rows);
  for (const { what, sql } of ofTheTarget) note(what, await target.run(sql));
  note('a login is at the target without a due time in the store', await loginsWithoutDueTime(state, target));
  return found;
}

/** Logins of this installation at the target that no lease accounts for which is not over. */
export async function loginsWithoutDueTime(state: pg.Client, target: PostgresServer): Promise<string[]> {
  // The target first: what is issued meanwhile has its row already.
  const there = await target.run(
    `select rolname from pg_roles where rolname ~ '^daypass_[0-9a-f]{8}_[0-9a-f]{32}$'`,
  );
  const [known] = (await state.query("select from pg_tables where tablename = 'lease'")).rows;
  if (!known) return [];
  const { rows } = await state.query<{ role: string }>(
    `select role from daypass.lease where state in ('issuing', 'issued', 'closing') and due_at is not null
      union all select 'daypass_' || id from daypass.installation`,
  );
  const accounted = new Set(rows.map(({ role }) => role));
  const ours = there
    .map(({ rolname }) => String(rolname))
    .filter((role) => accounted.has(role.slice(0, 'daypass_'.length + 8)));
  return ours.filter((role) => !accounted.has(role));
}

/**
 * Leases that are not at their end, and events that have no number yet. Where nobody knows how far an issue came, the
 * lease waits until its login cannot appear any more.
 */
export async function unsettled(
  state: pg.Client,
  which: 'all' | 'all but issues of unknown outcome',
): Promise<string[]> {
  const { rows } = await state.query<{ what: string }>(
    `select 'lease ' || id || ' is ' || state || coalesce(': ' || obstacle, '') as what from lease
      where state not in ('closed', 'failed') and ($1 or issued_at is not null)
      union all select 'event ' || id || ' (' || action || ') has no number' from audit_event where id not in (select event_id from audit_number)`,
    [which === 'all'],
  );
  return rows.map(({ what }) => what);
}
