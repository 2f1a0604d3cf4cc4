import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { Macs } from '../../src/broker/integrity/macs.ts';
import { grantFields, leaseFields } from '../../src/broker/store/authentic.ts';
import type { GrantRow } from '../../src/broker/store/grant.ts';
import type { LeaseRow } from '../../src/broker/store/lease.ts';
import { throwaway } from '../../src/broker/targets/postgresql/scram.ts';
import type { Benchmark } from './benchmark.ts';
import { percentile, rounded } from './numbers.ts';
import { inLanes } from './stage/lanes.ts';
import { goneAt, makeBareLogins, newSecret } from './stage/logins.ts';
import { Stage } from './stage/stage.ts';

const perGrant = 10;
const lanes = 20;
const aheadMs = 5_000;
const patienceMs = 60_000;
const receiptsWithinMs = 180_000;

/** So many connections, each under a lease of its own, when all leases end at one instant. */
const cut = (leases: number, mostSeconds: number): Benchmark => ({
  name: `cut-${leases}`,
  what: `${leases.toLocaleString('en')} leases that end at one instant: until the last socket is closed`,
  async run(surroundings) {
    const { progress } = surroundings;
    const stage = await Stage.open(surroundings, {
      shopSettings: { max_connections: String(leases + 50) },
    });
    const shop = await stage.shop();
    const state = await stage.state();

    progress('The bare script: making logins and connections…');
    const theirs = await byScript(stage, shop, leases);
    progress('Daypass: issuing the leases…');
    const users = await issueAll(stage, leases);
    const { lateMs, due } = await underLeases(stage, state, users);
    progress('All sockets are closed; waiting for the receipts…');
    const proof = await receipts(state, shop, due, leases);

    const [ours, bare] = [Math.max(...lateMs) / 1000, Math.max(...theirs) / 1000];
    const met = ours <= mostSeconds && proof.complete;
    const half = rounded(percentile(lateMs, 0.5) / 1000);
    return {
      value: ours,
      unit: 's',
      bare,
      aim: `last socket closed within ${mostSeconds} s`,
      met,
      details: [
        `first socket closed after ${rounded(Math.min(...lateMs) / 1000)} s, half of them after ${half} s`,
        proof.words,
      ],
      obstacles: [],
    };
  },
});

export const cut100 = cut(100, 0.2);
export const cut1000 = cut(1_000, 1);

interface User {
  readonly user: string;
  readonly password: string;
}

async function connectAll(stage: Stage, users: readonly User[]): Promise<pg.Client[]> {
  return inLanes(users, lanes, (login) => stage.shop(login));
}

/** One transaction that closes every login, one statement that ends every connection. Milliseconds for each socket. */
async function byScript(stage: Stage, shop: pg.Client, leases: number): Promise<number[]> {
  const { roles, password } = await makeBareLogins(shop, leases);
  const clients = await connectAll(
    stage,
    roles.map((user) => ({ user, password })),
  );
  const gone = Promise.all(clients.map((client) => goneAt(client, patienceMs)));
  const deadline = Date.now() + 1_000;
  await pause(deadline - Date.now());
  const { verifier } = throwaway();
  await shop.query(roles.map((role) => `alter role ${role} nologin password '${verifier}'`).join(';\n'));
  await shop.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = any($1)', [roles]);
  return (await gone).map((at) => at - deadline);
}

async function issueAll(stage: Stage, leases: number): Promise<User[]> {
  const { password, verifier } = await newSecret();
  const grants = await inLanes(Array.from({ length: leases / perGrant }), lanes, () => stage.grant('PT24H'));
  return inLanes(
    grants.flatMap((grant) => Array.from({ length: perGrant }, () => grant)),
    lanes,
    async (grant) => ({ user: (await stage.lease(grant, verifier)).connection.user, password }),
  );
}

/** The grants began one after the other; their ends are moved to the same instant, as if they had not. */
async function underLeases(
  stage: Stage,
  state: pg.Client,
  users: readonly User[],
): Promise<{ lateMs: number[]; due: Date }> {
  const clients = await connectAll(stage, users);
  const gone = Promise.all(clients.map((client) => goneAt(client, patienceMs)));
  const due = new Date(Date.now() + aheadMs);
  await state.query('begin');
  await moveEnds(state, stage.macs, due);
  await state.query(`select pg_notify('daypass_lease', ''), pg_notify('daypass_expiry', '')`);
  await state.query('commit');
  return { lateMs: (await gone).map((at) => at - due.getTime()), due };
}

/** As the broker would have written it. */
async function moveEnds(state: pg.Client, macs: Macs, due: Date): Promise<void> {
  const leases = await state.query<LeaseRow>(`select * from lease where state = 'issued'`);
  const grants = await state.query<GrantRow>(`select * from "grant" where state = 'active'`);
  await state.query(
    `update lease set due_at = $1, mac = it.mac from unnest($2::uuid[], $3::text[]) it (id, mac) where lease.id = it.id`,
    [
      due,
      leases.rows.map(({ id }) => id),
      leases.rows.map((row) => macs.of('lease', leaseFields({ ...row, due_at: due }))),
    ],
  );
  await state.query(
    `update "grant" set expires_at = $1, mac = it.mac from unnest($2::uuid[], $3::text[]) it (id, mac) where "grant".id = it.id`,
    [
      due,
      grants.rows.map(({ id }) => id),
      grants.rows.map((row) => macs.of('grant', grantFields({ ...row, expires_at: due }))),
    ],
  );
}

/** Waits until every end is settled, and looks whether it is so at the target. */
async function receipts(
  state: pg.Client,
  shop: pg.Client,
  due: Date,
  leases: number,
): Promise<{ complete: boolean; words: string }> {
  const deadline = Date.now() + receiptsWithinMs;
  for (;;) {
    const { rows } = await state.query<{ role: string; proven: boolean; open: boolean; at: Date | null }>(
      `select lease.role, receipt.lease_id is not null as proven, lease.state <> 'closed' as open, receipt.at
       from lease left join receipt on receipt.lease_id = lease.id`,
    );
    if (rows.some(({ open }) => open) && Date.now() < deadline) {
      await pause(250);
      continue;
    }
    const proven = rows.filter((row) => row.proven);
    const left = await shop.query('select rolname from pg_roles where rolname = any($1)', [
      rows.map(({ role }) => role),
    ]);
    const last = Math.max(...proven.map(({ at }) => at?.getTime() ?? 0));
    const after = proven.length > 0 ? ` ${rounded((last - due.getTime()) / 1000)} s after the instant` : '';
    return {
      complete: proven.length === leases && left.rows.length === 0,
      words: `sweep and confirmation: ${proven.length} of ${leases} receipts${after}; ${left.rows.length} logins left at the target`,
    };
  }
}
