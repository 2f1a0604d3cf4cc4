import { sql, type RawBuilder, type Selectable, type Updateable } from 'kysely';
import { LeaseState } from '../../contract/leases.ts';
import { recordingFrom, type AuditEvent } from '../audit/append.ts';
import { moveLease, type LeaseEvent } from '../rules/lifecycle.ts';
import type { GrantRow } from './grant.ts';
import type { Schema, Writer } from './schema.ts';

export type LeaseRow = Selectable<Schema['lease']>;

type New = Updateable<Schema['lease']>;
/** New values, each given or told in SQL. */
type Changes = { readonly [Column in keyof New]: New[Column] | RawBuilder<NonNullable<New[Column]>> };

/** What an event of a lease says of its grant. */
type OfGrant = Pick<GrantRow, 'id' | 'version' | 'request_id'>;

type OfLease = Extract<AuditEvent, { resource: 'lease' }>;

export function eventOf(
  lease: Pick<LeaseRow, 'id' | 'role' | 'target'>,
  grant: OfGrant,
  action: OfLease['action'],
  actor: string | null,
  detail: Record<string, unknown> = {},
): OfLease {
  return {
    action,
    actor,
    resource: 'lease',
    resourceId: lease.id,
    version: grant.version,
    requestId: grant.request_id,
    grantId: grant.id,
    target: lease.target,
    detail: { role: lease.role, ...detail },
  };
}

/** The states that an event finds a lease in, and the one that it leaves it in. */
export function courseOf(event: LeaseEvent): { readonly from: LeaseState[]; readonly to: LeaseState } {
  const steps = LeaseState.options.map((from) => ({ from, step: moveLease(from, event) }));
  const from = steps.filter(({ step }) => step.moved).map((one) => one.from);
  const to = steps.flatMap(({ step }) => (step.moved ? [step.state] : []))[0];
  if (!to) throw new Error(`No lease is ever moved by: ${event.is}.`);
  return { from, to };
}

export interface LeaseChange {
  /** The states that the lease may be in; in another nothing changes. */
  readonly from: readonly LeaseState[];
  readonly set: Changes;
  /** What is recorded of it. */
  readonly event: {
    readonly action: OfLease['action'];
    readonly by: 'its holder' | 'nobody';
    readonly detail?: OfLease['detail'];
  };
}

/**
 * Changes a lease and records it, with a new version of its grant, all in one statement; undefined where nothing
 * changed. The grant is locked before the lease, as everywhere.
 */
export function changeLease(db: Writer, id: string, change: LeaseChange): Promise<LeaseRow | undefined> {
  const { action, by, detail = {} } = change.event;
  const recorded = recordingFrom<OfLease>(['changed', 'touched'], {
    action,
    actor: by === 'its holder' ? sql.ref('changed.person_id') : null,
    resource: 'lease',
    resourceId: sql.ref('changed.id'),
    version: sql.ref('touched.version'),
    requestId: sql.ref('touched.request_id'),
    grantId: sql.ref('changed.grant_id'),
    target: sql.ref('changed.target'),
    detail: sql`jsonb_build_object('role', changed.role) || ${JSON.stringify(detail)}::jsonb`,
  });
  return db
    .with('touched', (query) =>
      query
        .updateTable('grant')
        .set((e) => ({ version: e('version', '+', 1) }))
        .where('id', '=', (e) =>
          e
            .selectFrom('lease')
            .select('grant_id')
            .where('id', '=', id)
            .where('state', 'in', [...change.from]),
        )
        .returning(['id', 'version', 'request_id']),
    )
    .with('changed', (query) =>
      query
        .updateTable('lease')
        .from('touched')
        .set(change.set)
        .set({ version: sql<number>`lease.version + 1` })
        .where('lease.id', '=', id)
        .whereRef('lease.grant_id', '=', 'touched.id')
        .where('lease.state', 'in', [...change.from])
        .returningAll('lease'),
    )
    .with('recorded', recorded)
    .selectFrom('changed')
    .selectAll()
    .executeTakeFirst();
}
