import type { Db } from './schema.ts';

/** The key under which this installation's event ids are made unreadable; 16 bytes, the same for every broker of it. */
export async function eventKey(db: Db): Promise<Buffer> {
  const { event_key } = await db.selectFrom('installation').select('event_key').executeTakeFirstOrThrow();
  return Buffer.from(event_key.replaceAll('-', ''), 'hex');
}
