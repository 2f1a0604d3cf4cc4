import { spoken } from './connect.ts';
import { grouped, type Present, type Site } from './ending.ts';
import { withLeftovers } from './evidence.ts';
import { identifier, literal, readable } from './names.ts';

/**
 * Rolls back what these leases prepared to be committed later (PREPARE TRANSACTION). Such a transaction survives its
 * session and even its login, with all its locks. Only the one who prepared it may end it, in the same database.
 */
export async function rollBackPrepared(site: Site, endings: readonly Present[]): Promise<void> {
  const byOid = new Map(endings.map((ending) => [ending.oid, ending]));
  const prepared = await site.connections.useTwice((session) =>
    session.query<{ oid: number; gid: string; database: string }>(
      'prepared transactions found',
      `select p.ownerid as oid, p.gid, d.datname as database
         from pg_prepared_xact() p join pg_database d on d.oid = p.dbid
        where p.ownerid = any($1::oid[])`,
      [[...byOid.keys()]],
    ),
  );
  for (const [database, transactions] of grouped(prepared, (each) => each.database))
    await site.connections
      .useIn(database, async (session) => {
        for (const { oid, gid } of transactions) {
          const ending = byOid.get(oid);
          if (!ending) continue;
          const role = identifier(ending.lease.role);
          await session.query(
            'prepared transactions inherited',
            `grant ${role} to current_user with inherit true, set true`,
          );
          await session.query('prepared transaction taken on', `set role ${role}`);
          await session.query('prepared transaction rolled back', `rollback prepared ${literal(gid)}`);
          await session.query('prepared transaction let go', 'reset role');
          const what = `prepared transaction ${readable(gid)}`;
          ending.evidence = withLeftovers(ending.evidence, [{ database, what, done: 'rolled back' }]);
        }
      })
      .catch((error: unknown) => {
        for (const { oid } of transactions) {
          const ending = byOid.get(oid);
          if (ending)
            ending.obstacle ??= `A prepared transaction in the database ${readable(database)} could not be rolled back: ${spoken(error)}.`;
        }
      });
}
