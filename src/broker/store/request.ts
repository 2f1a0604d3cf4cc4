import { sql, type Insertable, type Selectable } from 'kysely';
import { append } from '../audit/append.ts';
import { moveRequest, type RequestEvent, type Step } from '../rules/lifecycle.ts';
import type { Demands, RequestRule } from '../rules/policy.ts';
import type { RequestState } from '../../contract/requests.ts';
import type { Macs } from '../integrity/macs.ts';
import { requestFields } from './authentic.ts';
import { tellNews } from './delivery-news.ts';
import { channels, notify } from './notify.ts';
import { now } from './now.ts';
import type { Db, Schema, Trx } from './schema.ts';

export type RequestRow = Selectable<Schema['request']>;
export type NewRequestRow = Insertable<Schema['request']>;

/** Whose requests a list shows. */
export interface Reader {
  readonly id: string;
  readonly groups: readonly string[];
  readonly audits: boolean;
}

/** The rule's view of a stored request. */
export function ruleOf(request: RequestRow): RequestRule {
  return { requester: request.requester, revokeBy: request.revoke_by, ...demandsOf(request) };
}

function demandsOf({ demands, quorum, approve_by }: RequestRow): Demands {
  if (demands !== null) return demands;
  return { needs: quorum > 0 ? [{ by: approve_by, number: quorum }] : [], never: [] };
}

export async function insertRequest(
  trx: Trx,
  macs: Macs,
  row: Omit<NewRequestRow, 'mac' | 'answer_by' | 'demands'> & {
    readonly answer_by: Date;
    readonly demands: Demands;
  },
): Promise<RequestRow> {
  const mac = macs.of('request', requestFields(row));
  const request = await trx
    .insertInto('request')
    .values({ ...row, demands: JSON.stringify(row.demands), mac })
    .returningAll()
    .executeTakeFirstOrThrow();
  await append(trx, {
    action: 'request created',
    actor: request.requester,
    resource: 'request',
    resourceId: request.id,
    version: request.version,
    requestId: request.id,
    target: request.target,
    detail: {
      template: request.template_id,
      digest: request.digest,
      durationSeconds: request.duration_s,
      reason: request.reason,
      ...(request.ticket === null ? {} : { ticket: request.ticket }),
    },
  });
  await notify(trx, channels.expiry);
  return request;
}

/** Whether its own events say that a request is settled, whatever its row says. */
export async function wasSettled(db: Db, id: string): Promise<boolean> {
  const settled = await db
    .selectFrom('audit_event')
    .select('id')
    .where('request_id', '=', id)
    .where('action', 'in', [...Object.values(actions), 'glass broken'])
    .executeTakeFirst();
  return settled !== undefined;
}

export function requestById(db: Db, id: string): Promise<RequestRow | undefined> {
  return db.selectFrom('request').selectAll().where('id', '=', id).executeTakeFirst();
}

export function requestsById(db: Db, ids: readonly string[]): Promise<RequestRow[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('request')
    .selectAll()
    .where('id', 'in', [...ids])
    .execute();
}

export function lockRequest(trx: Trx, id: string): Promise<RequestRow | undefined> {
  return trx.selectFrom('request').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

/**
 * Until the transaction is over nobody else gives this person anything: two at once cannot both be the last one
 * allowed. Rows that only refer to the person do not wait: else two who approve each other's would wait for ever.
 */
export async function inTurnOf(trx: Trx, personId: string): Promise<void> {
  await trx.selectFrom('person').select('id').where('id', '=', personId).forNoKeyUpdate().execute();
}

/** How many requests of a person wait for an answer, and how many grants they have that are not over, in their turn. */
export async function countOf(trx: Trx, personId: string): Promise<{ pending: number; open: number }> {
  await inTurnOf(trx, personId);
  const { pending, open } = await trx
    .selectNoFrom((e) => [
      e
        .selectFrom('request')
        .select((all) => all.fn.countAll<string>().as('count'))
        .where('requester', '=', personId)
        .where('state', '=', 'pending')
        .as('pending'),
      e
        .selectFrom('grant')
        .select((all) => all.fn.countAll<string>().as('count'))
        .where('holder', '=', personId)
        .where('state', 'in', ['approved', 'active'])
        .as('open'),
    ])
    .executeTakeFirstOrThrow();
  return { pending: Number(pending), open: Number(open) };
}

/**
 * Requests that the reader has a part in: those that wait, or those and the newest others up to `limit`. What waits
 * comes first, the reader's own before that of others, so that no number of others hides it.
 */
export function listRequests(
  db: Db,
  reader: Reader,
  only: 'pending' | 'all',
  limit: number,
): Promise<RequestRow[]> {
  const own = sql<boolean>`requester = ${reader.id}`;
  const groups = sql<string[]>`${[...reader.groups]}::text[]`;
  const asked = sql<boolean>`(${reader.audits} or approve_by && ${groups} or revoke_by && ${groups})`;
  // Each part by an index of its own: sorted as a whole, everything ever asked would be read for each list.
  const ids = db.selectFrom('request').select('id').limit(limit);
  const waiting = ids
    .where('state', '=', 'pending')
    .where(sql<boolean>`(${own} or ${asked})`)
    .orderBy(own, 'desc')
    .orderBy('created_at', 'desc');
  const mine = ids.where('requester', '=', reader.id).orderBy('created_at', 'desc');
  const others = ids.where(asked).orderBy('created_at', 'desc');
  const parts = only === 'pending' ? [waiting] : [waiting, mine, others];
  return db
    .selectFrom('request')
    .selectAll()
    .where(sql<boolean>`id = any(array(${sql.join(parts, sql` union all `)}))`)
    .orderBy(sql`state = 'pending'`, 'desc')
    .orderBy(own, 'desc')
    .orderBy('created_at', 'desc')
    .limit(limit)
    .execute();
}

const actions = {
  approved: 'request approved',
  denied: 'request denied',
  withdrawn: 'request withdrawn',
  expired: 'request expired',
} as const;

/**
 * Moves a locked request by one event and records it. `actor` is null where time alone did it.
 * A refusal changes nothing.
 */
export async function stepRequest(
  trx: Trx,
  request: RequestRow,
  event: RequestEvent,
  actor: string | null,
  facts: { agreed: boolean; comment?: string; durationSeconds?: number },
): Promise<Step<RequestState>> {
  const step = moveRequest(
    { state: request.state, answerBy: request.answer_by, agreed: facts.agreed },
    event,
    await now(trx),
  );
  if (!step.moved) return step;
  const version = request.version + 1;
  const looked = step.state === 'pending' && actor !== request.claimed_by;
  await trx
    .updateTable('request')
    .set({ state: step.state, version, ...(looked ? {} : { claimed_by: null, claimed_at: null }) })
    .where('id', '=', request.id)
    .execute();
  if (step.state in actions || step.state === 'pending') {
    await append(trx, {
      action:
        event === 'glass broken'
          ? event
          : step.state === 'pending'
            ? 'request partly approved'
            : actions[step.state as keyof typeof actions],
      actor,
      resource: 'request',
      resourceId: request.id,
      version,
      requestId: request.id,
      target: request.target,
      detail: {
        ...(facts.comment === undefined ? {} : { comment: facts.comment }),
        ...(facts.durationSeconds === undefined ? {} : { durationSeconds: facts.durationSeconds }),
      },
    });
  }
  if (step.state !== 'refused')
    await tellNews(
      trx,
      request,
      event === 'glass broken' ? event : step.state === 'pending' ? 'partly approved' : step.state,
    );
  return step;
}

/** Ids of pending requests whose time to answer has passed, and when the next one's will. */
export async function overdueRequests(db: Db): Promise<{ due: string[]; next: Date | null }> {
  const due = await db
    .selectFrom('request')
    .select('id')
    .where('state', '=', 'pending')
    .where('answer_by', '<=', sql<Date>`clock_timestamp()`)
    .limit(500)
    .execute();
  const { next } = await db
    .selectFrom('request')
    .select((e) => e.fn.min('answer_by').as('next'))
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow();
  return { due: due.map((row) => row.id), next };
}
