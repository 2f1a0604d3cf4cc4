import { randomUUID } from 'node:crypto';
import { sql, type Selectable } from 'kysely';
import { append } from '../audit/append.ts';
import type { Integrity } from '../integrity/integrity.ts';
import type { Macs } from '../integrity/macs.ts';
import { messageFields } from './authentic.ts';
import { now } from './now.ts';
import type { RequestRow } from './request.ts';
import type { Db, Schema, Trx } from './schema.ts';

export type MessageRow = Selectable<Schema['message']>;

/** Records what somebody says on a locked request, and that it changed. The message's id. */
export async function insertMessage(
  trx: Trx,
  macs: Macs,
  request: RequestRow,
  message: { readonly personId: string; readonly text: string },
): Promise<string> {
  const row = {
    id: randomUUID(),
    request_id: request.id,
    person_id: message.personId,
    text: message.text,
    at: await now(trx),
  };
  await trx
    .insertInto('message')
    .values({ ...row, mac: macs.of('message', messageFields(row)) })
    .execute();
  const version = request.version + 1;
  await trx.updateTable('request').set({ version }).where('id', '=', request.id).execute();
  await append(trx, {
    action: 'request discussed',
    actor: message.personId,
    resource: 'request',
    resourceId: request.id,
    version,
    requestId: request.id,
    target: request.target,
    detail: { message: row.id, text: message.text },
  });
  return row.id;
}

/** How much was said on a request, in all and by one person. */
export async function countMessages(
  trx: Trx,
  requestId: string,
  personId: string,
): Promise<{ all: number; own: number }> {
  const { all, own } = await trx
    .selectFrom('message')
    .select((e) => [
      e.fn.countAll<string>().as('all'),
      e.fn.countAll<string>().filterWhere('person_id', '=', personId).as('own'),
    ])
    .where('request_id', '=', requestId)
    .executeTakeFirstOrThrow();
  return { all: Number(all), own: Number(own) };
}

/** What people really said on these requests, the first word first; whatever else stands there raises the alarm. */
export async function messagesOn(
  db: Db,
  { macs, alarm }: Integrity,
  requestIds: readonly string[],
): Promise<MessageRow[]> {
  if (requestIds.length === 0) return [];
  const rows = await db
    .selectFrom('message')
    .selectAll()
    .select(sql<string>`(select target from request where request.id = message.request_id)`.as('target'))
    .where('request_id', 'in', [...requestIds])
    .orderBy('at')
    .orderBy('id')
    .execute();
  return rows.filter(({ target, ...row }) => {
    const authentic = macs.holds('message', messageFields(row), row.mac);
    if (!authentic) alarm({ record: 'message', id: row.id, target, why: 'nobody said this' });
    return authentic;
  });
}
