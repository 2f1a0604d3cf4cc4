import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { PlannedStep } from '../rules/telling.ts';
import type { DeliveryRow } from './delivery.ts';
import { channels, notify } from './notify.ts';
import { now } from './now.ts';
import type { RequestRow } from './request.ts';
import type { Trx } from './schema.ts';

export type News = Exclude<DeliveryRow['about'], 'asked'>;

/** Plans to tell people of a request, one after the other, in the transaction that makes it. */
export async function planDeliveries(
  trx: Trx,
  request: Pick<RequestRow, 'id' | 'created_at'>,
  steps: readonly PlannedStep[],
): Promise<void> {
  const [first] = steps;
  if (!first) return;
  const up = new Date(request.created_at.getTime() + first.afterSeconds * 1000);
  await trx
    .insertInto('delivery')
    .values(
      steps.map(({ step, afterSeconds, channel, onCall = null }) => ({
        id: randomUUID(),
        request_id: request.id,
        about: 'asked' as const,
        step,
        after_s: afterSeconds,
        channel,
        on_call: onCall,
        ...(step === first.step
          ? { state: 'waiting' as const, planned_at: up, due_at: up }
          : { state: 'planned' as const }),
      })),
    )
    .execute();
  await notify(trx, channels.delivery);
}

/**
 * Somebody has taken a request, let go of it, or it is settled: whoever was told hears of it. Nobody else is told of
 * what is settled; what somebody let go of goes on where it stood.
 */
export async function tellNews(
  trx: Trx,
  { id: requestId, template }: Pick<RequestRow, 'id' | 'template'>,
  about: News,
): Promise<void> {
  if (!template.notify) return;
  const open = about === 'claimed' || about === 'released' || about === 'partly approved';
  if (about === 'glass broken') await tellAllNow(trx, requestId);
  const stopping = trx.updateTable('delivery').where('request_id', '=', requestId);
  if (!open && about !== 'glass broken')
    await stopping
      .set({ state: 'stopped' })
      .where('follows', 'is', null)
      .where('state', 'in', ['planned', 'waiting'])
      .execute();
  if (open && about !== 'claimed')
    await stopping
      .set({ due_at: sql`least(due_at, greatest(planned_at, clock_timestamp()))` })
      .where('follows', 'is', null)
      .where('state', '=', 'waiting')
      .where('silent_since', 'is', null)
      .execute();
  // Newer news takes the place of what nobody was told yet.
  await stopping
    .set({ state: 'stopped' })
    .where('follows', 'is not', null)
    .where('state', '=', 'waiting')
    .where('attempts', '=', 0)
    .execute();
  for (const one of await toldFirst(trx, requestId)) await insertNews(trx, one, about);
  await notify(trx, channels.delivery);
}

/**
 * Whoever asked for a request has answered: those who asked something back hear of it as they heard of the request, by
 * the messages to them alone, else by those to everybody whom a channel reaches.
 */
export async function tellAnswered(trx: Trx, request: Pick<RequestRow, 'id' | 'requester'>): Promise<void> {
  const asked = await trx
    .selectFrom('message')
    .innerJoin('person', 'person.id', 'message.person_id')
    .select('person.subject')
    .distinct()
    .where('message.request_id', '=', request.id)
    .where('message.person_id', '<>', request.requester)
    .execute();
  const told = await toldFirst(trx, request.id);
  const ways = asked.flatMap(({ subject }) => {
    const own = told.filter(({ person }) => person === subject);
    return own.length > 0 ? own : told.filter(({ on_call: onCall }) => onCall === null);
  });
  for (const one of new Set(ways)) await insertNews(trx, one, 'answered');
  if (ways.length > 0) await notify(trx, channels.delivery);
}

/** The glass is broken: those whose turn was to come hear of it together, now, whoever looks at it. */
async function tellAllNow(trx: Trx, requestId: string): Promise<void> {
  await trx
    .updateTable('delivery')
    .set((e) => ({
      about: 'glass broken',
      state: 'waiting',
      planned_at: e.fn.coalesce('planned_at', sql<Date>`clock_timestamp()`),
      // What is under way is not sent a second time; what it did not say follows it.
      due_at: sql<Date>`case when attempts > 0 and outcome is null then due_at else clock_timestamp() end`,
    }))
    .where('request_id', '=', requestId)
    .where('follows', 'is', null)
    .where('state', 'in', ['planned', 'waiting'])
    .execute();
}

/** The messages by which people were told of a request. */
function toldFirst(trx: Trx, requestId: string): Promise<DeliveryRow[]> {
  return trx
    .selectFrom('delivery')
    .selectAll()
    .where('request_id', '=', requestId)
    .where('follows', 'is', null)
    .where('state', '=', 'sent')
    .execute();
}

/** Tells whoever was told what came of it, by the same way. */
export async function insertNews(trx: Trx, told: DeliveryRow, about: News): Promise<void> {
  const at = await now(trx);
  await trx
    .insertInto('delivery')
    .values({
      id: randomUUID(),
      request_id: told.request_id,
      follows: told.id,
      about,
      step: told.step,
      after_s: told.after_s,
      channel: told.channel,
      on_call: told.on_call,
      person: told.person,
      state: 'waiting',
      planned_at: at,
      due_at: at,
    })
    .execute();
}
