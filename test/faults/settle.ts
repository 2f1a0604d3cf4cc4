import { setTimeout as pause } from 'node:timers/promises';
import { leaseRolesAt } from './found.ts';
import { targetNames } from './schedule.ts';
import type { World } from './world.ts';

/** After its time, or after the last fault, a lease is over within so many ms. */
export const settledWithinMs = 15_000;
/** Where a broker died in the middle of an issue, the login may still appear for so long after the intent, in ms. */
const mayAppearMs = 60_000;

interface Open {
  readonly id: string;
  readonly state: string;
  readonly obstacle: string | null;
  readonly dueAt: Date;
  /** Of a lease whose login was never known to be there. */
  readonly mayAppearSince: Date | null;
}

const openLeases = `
select id, state, obstacle, due_at as "dueAt", case when issued_at is null then created_at end as "mayAppearSince"
  from daypass.lease where state in ('issuing', 'issued', 'closing')`;
const unfinished = `
select (select count(*)::int from daypass."grant" where state = 'active') +
       (select count(*)::int from daypass.audit_event e
         where not exists (select from daypass.audit_number n where n.event_id = e.id)) as count`;

/**
 * Waits, without doing anything, until everything is over; wakes at each event that the store numbers.
 * @returns how long that took, in ms, and what did not get there in its time
 */
export async function settle(world: World): Promise<{ tookMs: number; violations: string[] }> {
  const begun = Date.now();
  const client = await world.store.connect('daypass');
  try {
    let wake: () => void = () => undefined;
    client.on('notification', () => wake());
    await client.query('listen daypass_number');
    let lastDue = begun;
    for (;;) {
      const told = Promise.race([new Promise<void>((resolve) => (wake = resolve)), pause(1_000)]);
      const open = await world.store.query<Open>(openLeases);
      const late = open.filter((lease) => Date.now() > deadlineOf(lease, begun));
      if (late.length > 0)
        return {
          tookMs: Date.now() - begun,
          violations: late.map(
            ({ id, state, obstacle }) =>
              `The lease ${id} did not settle: ${state}, ${obstacle ?? 'no obstacle'}.`,
          ),
        };
      lastDue = Math.max(lastDue, ...open.map((lease) => deadlineOf(lease, begun)));
      if (open.length === 0 && (await nothingLeft(world)))
        return { tookMs: Date.now() - begun, violations: [] };
      if (Date.now() > lastDue + settledWithinMs)
        return { tookMs: Date.now() - begun, violations: ['Not everything settled after the last lease.'] };
      await told;
    }
  } finally {
    await client.end();
  }
}

function deadlineOf({ dueAt, mayAppearSince }: Open, begun: number): number {
  const appears = mayAppearSince === null ? 0 : mayAppearSince.getTime() + mayAppearMs;
  return Math.max(dueAt.getTime(), begun, appears) + settledWithinMs;
}

async function nothingLeft({ store, targets }: World): Promise<boolean> {
  const [left] = await store.query<{ count: number }>(unfinished);
  if (left?.count !== 0) return false;
  for (const name of targetNames) if ((await leaseRolesAt(targets[name])).length > 0) return false;
  return true;
}
