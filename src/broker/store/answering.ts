import type { PostgresPoolClient } from 'kysely';
import type pg from 'pg';

/** What `pg` says where `query_timeout` has passed; the error has no code. */
const noAnswer = 'Query read timeout';

/** Each client that `pg` makes can be ended; the type of a pool's hides it. */
type Ending = pg.ClientBase & { end(): Promise<void> };

/**
 * A client that is ended where an answer does not come in time, instead of being used again: whoever got it next would
 * wait behind the question that was given up.
 */
export function answering(client: pg.ClientBase, release: () => void): PostgresPoolClient {
  let silent: Error | undefined;
  const query: unknown = async (text: string, values: unknown[]) => {
    // Whoever wants to roll back what was begun is told the same.
    if (silent) throw silent;
    try {
      // eslint-disable-next-line no-restricted-syntax -- hands on what was asked of Kysely, whose holders have names
      return await client.query(text, values);
    } catch (error) {
      if (error instanceof Error && error.message === noAnswer) {
        silent = error;
        void (client as Ending).end().catch(() => undefined);
      }
      throw error;
    }
  };
  return { query: query as PostgresPoolClient['query'], release };
}
