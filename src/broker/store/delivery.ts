import { sql, type Selectable } from 'kysely';
import { append } from '../audit/append.ts';
import {
  afterFailure,
  lookAt,
  nextUp,
  type Failure,
  type StepDone,
  type Waiting,
  type Whom,
} from '../rules/telling.ts';
import { claimOn, type Claimable } from './claim.ts';
import { insertNews, type News } from './delivery-news.ts';
import { channels, isNear, notify } from './notify.ts';
import { now } from './now.ts';
import type { RequestRow } from './request.ts';
import type { Db, Schema, Trx } from './schema.ts';

export type DeliveryRow = Selectable<Schema['delivery']>;

/**
 * How long an attempt may take before another broker takes it for lost, in seconds: longer than any lasts. It is then
 * made again, under its id.
 */
const attemptTakesS = 20;
/** How long another broker, which may know a channel, has before it counts as not configured any more, in seconds. */
const patienceS = 5;

/** When somebody is next to be told of something, on the database's clock; null: nobody. */
export async function nextDelivery(db: Db): Promise<{ readonly at: Date | null; readonly now: Date }> {
  const { at } = await db
    .selectFrom('delivery')
    .select((e) => e.fn.min('due_at').as('at'))
    .where('state', '=', 'waiting')
    .executeTakeFirstOrThrow();
  return { at, now: await now(db) };
}

export interface Taking {
  /** Names of the channels that this broker can use. */
  readonly known: readonly string[];
  /** Those with as much under way as they can bear. */
  readonly busy: readonly string[];
  /** Ids of messages that this broker has under way, however long that takes. */
  readonly underWay: readonly string[];
  readonly limit: number;
}

/** A message that is to be sent now, by whoever took it. */
export interface Taken extends DeliveryRow {
  /** Now, on the database's clock. */
  readonly tried_at: Date;
  /** What the message that it follows became where it was sent. */
  readonly said: unknown;
}

/**
 * Takes messages that are due for an attempt. Whoever dies with one leaves it to be taken again. Of the messages that
 * follow one message, only the first that is not done.
 */
export async function takeDeliveries(trx: Trx, { known, busy, underWay, limit }: Taking): Promise<Taken[]> {
  const due = await trx
    .selectFrom('delivery as d')
    .innerJoin('request as r', 'r.id', 'd.request_id')
    .leftJoin('delivery as f', 'f.id', 'd.follows')
    .selectAll('d')
    .select(['f.reference as said', 'r.state as requestState', 'r.claimed_by', 'r.claimed_at'])
    .where('d.state', '=', 'waiting')
    .where('d.due_at', '<=', sql<Date>`clock_timestamp()`)
    .where(
      sql<boolean>`(d.channel = any(${[...known]}::text[]) or d.due_at < clock_timestamp() - make_interval(secs => ${patienceS}))`,
    )
    .where(sql<boolean>`d.channel <> all(${[...busy]}::text[])`)
    .where(sql<boolean>`d.id <> all(${[...underWay]}::uuid[])`)
    .where(
      sql<boolean>`not exists (select from delivery e where e.follows = d.follows and e.state = 'waiting' and e.number < d.number)`,
    )
    .orderBy('d.due_at')
    .limit(limit)
    .forUpdate('d')
    .skipLocked()
    .execute();
  const at = await now(trx);
  const taken: Taken[] = [];
  for (const { requestState, claimed_by, claimed_at, ...row } of due) {
    const request = { state: requestState, claimed_by, claimed_at };
    const one = trx.updateTable('delivery').where('id', '=', row.id);
    const look = row.about === 'asked' ? lookAt(waitingOf(request, at), at) : ({ is: 'tell' } as const);
    switch (look.is) {
      case 'stop':
        await one.set({ state: 'stopped' }).execute();
        break;
      case 'wait':
        await one.set({ due_at: look.until }).execute();
        break;
      case 'tell':
        await one
          .set({
            attempts: row.attempts + 1,
            tried_at: at,
            due_at: new Date(at.getTime() + attemptTakesS * 1000),
          })
          .execute();
        taken.push({ ...row, attempts: row.attempts + 1, tried_at: at });
    }
  }
  return taken;
}

function waitingOf(request: Claimable, at: Date): Waiting {
  return {
    state: request.state === 'pending' ? 'pending' : 'settled',
    claimedUntil: claimOn(request, at)?.until,
  };
}

/** Subjects of those who were told because they were on call, or are being told. */
export function onCallTold(rows: readonly DeliveryRow[]): string[] {
  return rows.flatMap(({ follows, person, state, silent_since }) => {
    const isOnTheWay = state === 'waiting' && silent_since === null;
    return follows === null && person !== null && (state === 'sent' || isOnTheWay) ? [person] : [];
  });
}

/**
 * Chooses whom a step tells and keeps it, one step of a request after the other: so that of two that are due together the
 * second one sees whom the first has taken.
 * @param choose told of the other steps
 */
export async function chooseOnCall(
  trx: Trx,
  taken: DeliveryRow,
  choose: (others: readonly DeliveryRow[]) => Promise<Whom>,
): Promise<Whom> {
  await lockOf(trx, taken);
  const steps = await deliveriesOf(trx, [taken.request_id]);
  const whom = await choose(steps.filter(({ id }) => id !== taken.id));
  if (whom.is === 'somebody')
    await trx.updateTable('delivery').set({ person: whom.person }).where('id', '=', taken.id).execute();
  return whom;
}

/** Records that a message was sent. Sent twice, the first word stands. */
export async function recordSent(trx: Trx, taken: DeliveryRow, reference: unknown): Promise<void> {
  const at = await now(trx);
  const request = await lockOf(trx, taken);
  const done = await trx
    .updateTable('delivery')
    .set({
      state: 'sent',
      done_at: at,
      due_at: null,
      outcome: null,
      person: taken.person,
      ...(reference === undefined ? {} : { reference: JSON.stringify(reference) }),
    })
    .where('id', '=', taken.id)
    // What was settled while it was under way was told all the same.
    .where('state', 'in', ['waiting', 'stopped'])
    .returningAll()
    .executeTakeFirst();
  if (!done || done.follows !== null) return;
  await recordStep(trx, request, 'told', { ...detailOf(done), attempts: done.attempts });
  if (done.silent_since === null)
    await bringUpNext(trx, done, { afterSeconds: done.after_s, is: 'told', at });
  const missed = missedBy(taken, done, request, at);
  if (!missed) return;
  await insertNews(trx, done, missed);
  await notify(trx, channels.delivery);
}

/** What came to pass while a first message was under way, so that it did not say it. */
function missedBy(taken: DeliveryRow, done: DeliveryRow, request: RequestRow, at: Date): News | undefined {
  if (done.about === 'glass broken') return taken.about === 'asked' ? 'glass broken' : undefined;
  if (claimOn(request, at)) return 'claimed';
  return request.state === 'pending' || request.state === 'refused' ? undefined : request.state;
}

/** Records that an attempt failed: when the next one is, and whether the next step has to wait for it. */
export async function recordFailed(
  trx: Trx,
  taken: DeliveryRow,
  { why, spread, ...failure }: Failure & { readonly why: string; readonly spread: number },
): Promise<'again' | 'silent' | 'given up'> {
  const at = await now(trx);
  const request = await lockOf(trx, taken);
  const next = afterFailure(failure, taken.attempts, at, spread);
  const givenUp = next.is === 'given up';
  const silent = givenUp || next.silent;
  const done = await trx
    .updateTable('delivery')
    .set({
      outcome: why,
      person: taken.person,
      ...(givenUp ? { state: 'failed' as const, done_at: at, due_at: null } : { due_at: next.at }),
      ...(silent && taken.silent_since === null ? { silent_since: at } : {}),
    })
    .where('id', '=', taken.id)
    .where('state', '=', 'waiting')
    .returningAll()
    .executeTakeFirst();
  if (done && silent && taken.silent_since === null && done.follows === null)
    await passOn(trx, request, done, at);
  return givenUp ? 'given up' : silent ? 'silent' : 'again';
}

/** Records that there is nobody whom a step could tell, in words of ours; the next one is up. */
export async function recordNobody(
  trx: Trx,
  taken: DeliveryRow,
  state: Exclude<Whom['is'], 'somebody'>,
  why: string,
): Promise<void> {
  const at = await now(trx);
  const request = await lockOf(trx, taken);
  const done = await trx
    .updateTable('delivery')
    .set({ state, outcome: why, done_at: at, due_at: null, silent_since: taken.silent_since ?? at })
    .where('id', '=', taken.id)
    .where('state', '=', 'waiting')
    .returningAll()
    .executeTakeFirst();
  if (done && taken.silent_since === null) await passOn(trx, request, done, at);
}

/** A step tells nobody, at least not in time. */
async function passOn(trx: Trx, request: RequestRow, done: DeliveryRow, at: Date): Promise<void> {
  await recordStep(trx, request, 'not told', { ...detailOf(done), why: done.outcome });
  await bringUpNext(trx, done, { afterSeconds: done.after_s, is: 'not reached', at });
}

function detailOf({ step, channel, on_call, person }: DeliveryRow): Readonly<Record<string, unknown>> {
  return {
    step,
    channel,
    ...(on_call === null ? {} : { onCall: on_call }),
    ...(person === null ? {} : { person }),
  };
}

async function lockOf(trx: Trx, { request_id }: DeliveryRow): Promise<RequestRow> {
  return trx
    .selectFrom('request')
    .selectAll()
    .where('id', '=', request_id)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

async function recordStep(
  trx: Trx,
  request: RequestRow,
  is: 'told' | 'not told',
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  const version = request.version + 1;
  await trx.updateTable('request').set({ version }).where('id', '=', request.id).execute();
  await append(trx, {
    action: `request ${is}`,
    actor: null,
    resource: 'request',
    resourceId: request.id,
    version,
    requestId: request.id,
    target: request.target,
    detail,
  });
}

async function bringUpNext(trx: Trx, { request_id, step }: DeliveryRow, done: StepDone): Promise<void> {
  const next = await trx
    .selectFrom('delivery')
    .select(['id', 'after_s'])
    .where('request_id', '=', request_id)
    .where('follows', 'is', null)
    .where('state', '=', 'planned')
    .where('step', '>', step)
    .orderBy('step')
    .limit(1)
    .executeTakeFirst();
  if (!next) return;
  const up = nextUp(done, { afterSeconds: next.after_s });
  await trx
    .updateTable('delivery')
    .set({ state: 'waiting', planned_at: up, due_at: up })
    .where('id', '=', next.id)
    .execute();
  if (isNear(up, done.at)) await notify(trx, channels.delivery);
}

/** The messages about these requests, in the order in which they were planned. */
export function deliveriesOf(db: Db, requestIds: readonly string[]): Promise<DeliveryRow[]> {
  if (requestIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('delivery')
    .selectAll()
    .where('request_id', 'in', [...requestIds])
    .orderBy('number')
    .execute();
}

/** Those of these channels whose last attempt failed, as far as it is recorded. */
export async function failingChannels(db: Db, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const { rows } = await sql<{ name: string }>`
    select name from unnest(${[...names]}::text[]) as name
      join lateral (
        select state, outcome from delivery
         where channel = name and tried_at is not null and state <> 'nobody else'
           and (outcome is not null or state = 'sent')
         order by tried_at desc limit 1) as last on true
     where last.outcome is not null order by name`.execute(db);
  return rows.map(({ name }) => name);
}
