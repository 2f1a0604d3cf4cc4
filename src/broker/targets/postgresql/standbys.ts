import type { Site } from './ending.ts';
import type { Session } from './connect.ts';
import { readable } from './names.ts';

/** A standby as the server that it replicates from sees it. */
interface Standby {
  /** Null: nobody uses its slot at the moment. */
  readonly name: string | null;
  readonly address: string | null;
  readonly slot: string | null;
  /** Of the server that sees it. */
  readonly port: number;
}

// Who only receives changes (a logical slot, a backup, an archive) has no sessions to offer. A slot that was used and is
// not now belongs to a standby whose connection is broken, and which lets people read all the same.
const streaming = `
select coalesce(nullif(r.application_name, ''), 'unnamed') as name, host(r.client_addr) as address, s.slot_name::text as slot,
       current_setting('port')::int as port
  from pg_stat_replication r left join pg_replication_slots s on s.active_pid = r.pid
 where s.slot_type is distinct from 'logical' and r.state <> 'backup'
   and not (r.application_name in ('pg_basebackup', 'pg_receivewal') and r.replay_lsn is null)
union all
select null, null, slot_name::text, current_setting('port')::int
  from pg_replication_slots where slot_type = 'physical' and not active and restart_lsn is not null
 order by 1, 2, 3 limit 50`;

/** What a standby knows of how it replicates. */
interface Itself {
  readonly conninfo: string | null;
  readonly slot: string | null;
  /** Of the server that it replicates from; null where its connection is broken. */
  readonly port: number | null;
}

const itself = `
select r.conninfo, nullif(coalesce(r.slot_name, current_setting('primary_slot_name')), '') as slot, r.sender_port as port
  from (select) here left join pg_stat_wal_receiver r on true`;

/**
 * Standbys that replicate from the target or from one of its replicas and that the target does not name: sessions on
 * them are unknown to everybody else. One that cannot be asked now is told elsewhere. A named one accounts for one that
 * has its name and slot at a server with the port that it replicates from, and while its connection is broken for its
 * slot: where that is not sure, it counts as unnamed.
 */
export async function unnamedStandbys(site: Pick<Site, 'connections' | 'replicas'>): Promise<string[]> {
  const look = async (session: Session) => session.query<Standby>('standbys looked for', streaming);
  const seen = await site.connections.useTwice(look);
  const named: Itself[] = [];
  await Promise.all(
    site.replicas.map(async ({ connections }) => {
      const [behind, own] = await connections
        .useTwice(
          async (session) =>
            [await look(session), await session.query<Itself>('standbys looked for', itself)] as const,
        )
        .catch(() => [[], []] as const);
      seen.push(...behind);
      named.push(...own);
    }),
  );
  for (const { conninfo, slot, port } of named) {
    const is = (one: Standby) =>
      one.slot === slot && (one.name === null || (one.name === nameIn(conninfo) && one.port === port));
    const at = seen.findIndex(is);
    if (at >= 0) seen.splice(at, 1);
  }
  return seen.map(called);
}

function called({ name, address, slot }: Standby): string {
  if (name === null) return `whoever uses the slot ${readable(slot ?? '')}`;
  return readable(address === null ? name : `${name} at ${address}`);
}

/** What it says it is called when it connects (libpq: `application_name`, else the fallback). */
function nameIn(conninfo: string | null): string {
  const value = (key: string) =>
    new RegExp(`(?:^|\\s)${key}=(?:'((?:[^'\\\\]|\\\\.)*)'|(\\S+))`).exec(conninfo ?? '');
  const found = value('application_name') ?? value('fallback_application_name');
  return (found?.[1]?.replace(/\\(.)/g, '$1') ?? found?.[2]) || 'unnamed';
}
