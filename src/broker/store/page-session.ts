import { sql, type Selectable } from 'kysely';
import type { Integrity } from '../integrity/integrity.ts';
import type { Macs } from '../integrity/macs.ts';
import { pageSessionFields } from './authentic.ts';
import { inSeconds } from './now.ts';
import type { Db, Schema, Trx, Writer } from './schema.ts';

export type PageSessionRow = Selectable<Schema['page_session']>;

export interface NewPageSession {
  /** SHA-256 of what the browser holds, lower-case hexadecimal. */
  readonly id: string;
  readonly personId: string;
  /** What was verified of whoever signed in, as plain JSON. */
  readonly holder: Record<string, unknown>;
  /** How long it lasts. */
  readonly seconds: number;
}

/** A person's sessions at once; the oldest makes room. */
const mostOfOne = 20;

/** Begins a session, and forgets those that are over and one person's too many. */
export async function beginPageSession(trx: Trx, macs: Macs, session: NewPageSession): Promise<void> {
  const row = {
    id: session.id,
    person_id: session.personId,
    holder: session.holder,
    expires_at: await inSeconds(trx, session.seconds),
  };
  const mac = macs.of('page session', pageSessionFields(row));
  const kept = trx
    .selectFrom('page_session')
    .select('id')
    .where('person_id', '=', session.personId)
    .orderBy('created_at', 'desc')
    .limit(mostOfOne - 1);
  await trx
    .deleteFrom('page_session')
    .where((e) =>
      e.or([
        e('expires_at', '<=', sql<Date>`clock_timestamp()`),
        e.and([e('person_id', '=', session.personId), e('id', 'not in', kept)]),
      ]),
    )
    .execute();
  await trx
    .insertInto('page_session')
    .values({ ...row, holder: JSON.stringify(session.holder), mac })
    .execute();
}

/** A session that has not ended and that the broker began; one that somebody else wrote raises the alarm. */
export async function pageSession(
  db: Db,
  { macs, alarm }: Integrity,
  id: string,
): Promise<PageSessionRow | undefined> {
  const row = await db
    .selectFrom('page_session')
    .selectAll()
    .where('id', '=', id)
    .where('expires_at', '>', sql<Date>`clock_timestamp()`)
    .executeTakeFirst();
  if (!row) return undefined;
  if (macs.holds('page session', pageSessionFields(row), row.mac)) return row;
  alarm({ record: 'page session', id, target: null, why: 'nobody signed in to it' });
  return undefined;
}

export async function endPageSession(db: Trx | Writer, id: string): Promise<void> {
  await db.deleteFrom('page_session').where('id', '=', id).execute();
}
