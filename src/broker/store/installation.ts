import type { Db } from './schema.ts';

/** The key (16 bytes) that hides positions in the ids of stream events, the same in every broker of an installation. */
export async function streamKey(db: Db): Promise<Buffer> {
  const { stream_key } = await db.selectFrom('installation').select('stream_key').executeTakeFirstOrThrow();
  return Buffer.from(stream_key.replaceAll('-', ''), 'hex');
}
