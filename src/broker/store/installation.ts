import type { Db } from './schema.ts';

/** The key (16 bytes) that hides positions in the ids of stream events, the same in every broker of an installation. */
export async function eventKey(db: Db): Promise<Buffer> {
  const { event_key } = await db.selectFrom('installation').select('event_key').executeTakeFirstOrThrow();
  return Buffer.from(event_key.replaceAll('-', ''), 'hex');
}
