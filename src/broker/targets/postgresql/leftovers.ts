import pg from 'pg';
import { refusedByServer, type Session } from './connect.ts';
import { keepEvidence, type Present, type Site } from './ending.ts';
import { withLeftovers, type Leftover } from './evidence.ts';
import { identifier, keptRole, readable } from './names.ts';

const othersDependOnIt = '2BP01';
const tooManyLocks = '53200';
const mostShown = 100;

/**
 * Removes what a lease owns and may do in the database of this session. What others depend on is not dropped but set
 * aside; what a migration created goes to its owner. The evidence is kept before it takes hold.
 */
export async function removeLeftovers(
  site: Site,
  session: Session,
  database: string,
  ending: Present,
): Promise<void> {
  // The broker may alter a login that it made, but owns nothing through it until it is made its member.
  await session.query(
    'leftovers inherited',
    `grant ${identifier(ending.lease.role)} to current_user with inherit true, set true`,
  );
  const found = await describe(session, ending.oid);
  const rows = await session.query<{ role: string }>(
    'heir looked up',
    `select r.rolname as role from pg_auth_members m join pg_roles r on r.oid = m.roleid where m.member = $1`,
    [ending.oid],
  );
  const behind = rows.map(({ role }) => role);
  const remove = () =>
    session.transaction('leftovers removed', async () => {
      const heir = await asMemberOf(session, behind, () => disown(site, session, ending, found, behind));
      const leftovers = found.map((each): Leftover => ({ database, ...fate(each, heir) }));
      ending.evidence = withLeftovers(ending.evidence, leftovers);
      await keepEvidence(site, [ending]);
    });
  try {
    await remove();
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === tooManyLocks) || !mayDrop(ending)) throw error;
    await dropOneByOne(session, ending.oid);
    await remove();
  }
}

// As whom the lease acted: what an owner's rights gave to the lease itself, only those rights can take back.
async function asMemberOf<T>(session: Session, roles: readonly string[], work: () => Promise<T>): Promise<T> {
  for (const role of roles)
    await session.query(
      'leftovers inherited',
      `grant ${identifier(role)} to current_user with inherit true, set false`,
    );
  const done = await work();
  for (const role of roles)
    await session.query(
      'leftovers inherited',
      `revoke ${identifier(role)} from current_user granted by current_user`,
    );
  return done;
}

const mayDrop = ({ scope }: Present): boolean => scope !== undefined && scope.owner === undefined;

interface Found {
  readonly what: string;
  readonly owned: boolean;
  /** Default privileges are nothing that could be given to somebody else. */
  readonly movable: boolean;
}

function fate({ what, owned, movable }: Found, heir: string | undefined): Omit<Leftover, 'database'> {
  if (!owned) return { what: `privileges on ${what}`, done: 'taken back' };
  if (heir === undefined || !movable) return { what, done: 'dropped' };
  return { what, done: `given to ${heir}`, heir };
}

async function describe(session: Session, oid: number): Promise<Found[]> {
  const rows = await session.query<{ what: string; owned: boolean; movable: boolean; total: number }>(
    'leftovers described',
    `select pg_describe_object(s.classid, s.objid, s.objsubid) || case when p.prosecdef then ', which runs with its owner''s rights' else '' end as what,
            s.deptype = 'o' as owned, s.classid <> 'pg_default_acl'::regclass as movable, count(*) over ()::int as total
       from pg_shdepend s left join pg_proc p on s.classid = 'pg_proc'::regclass and p.oid = s.objid
      where s.refclassid = 'pg_authid'::regclass and s.refobjid = $1
        and s.dbid = (select oid from pg_database where datname = current_database())
      order by s.classid, s.objid limit ${mostShown}`,
    [oid],
  );
  const found = rows.map(({ what, owned, movable }) => ({ what: readable(what), owned, movable }));
  const more = (rows[0]?.total ?? 0) - rows.length;
  return more ? [...found, { what: `${more} more objects`, owned: true, movable: true }] : found;
}

/** Takes everything from the login, in the transaction of this session. Tells who got what it owned, if anybody. */
async function disown(
  site: Site,
  session: Session,
  ending: Present,
  found: readonly Found[],
  behind: readonly string[],
): Promise<string | undefined> {
  const role = identifier(ending.lease.role);
  const ownsSomething = found.some(({ owned, movable }) => owned && movable);
  if (mayDrop(ending) || !ownsSomething) {
    await session.query('leftovers dropped', 'savepoint before_drop');
    try {
      await session.query('leftovers dropped', `drop owned by ${role} restrict`);
      return undefined;
    } catch (error) {
      if (!refusedByServer(error) || error.code !== othersDependOnIt) throw error;
      await session.query('leftovers dropped', 'rollback to before_drop');
    }
  }
  const heir = ending.scope?.owner?.role ?? keptRole(site.installation);
  await (ending.scope?.owner ? giveToOwner(session, ending, heir) : setAside(session, ending, heir, behind));
  // It owns nothing any more: what goes along are privileges that it passed on.
  await session.query('leftovers dropped', `drop owned by ${role} cascade`);
  return heir;
}

async function giveToOwner(session: Session, ending: Present, owner: string): Promise<void> {
  await session.query(
    'leftovers given away',
    `reassign owned by ${identifier(ending.lease.role)} to ${identifier(owner)}`,
  );
}

// The new owner of a function must be allowed to create in its schema; the lease was, through its roles or as everybody.
async function setAside(
  session: Session,
  ending: Present,
  kept: string,
  behind: readonly string[],
): Promise<void> {
  const heir = identifier(kept);
  const [there] = await session.query('heir looked up', 'select from pg_roles where rolname = $1', [kept]);
  if (!there) await session.query('heir made', `create role ${heir} nologin`);
  await session.query('leftovers given away', `grant ${heir} to current_user with inherit true, set true`);
  for (const role of behind)
    await session.query(
      'leftovers given away',
      `grant ${identifier(role)} to ${heir} with inherit true, set false`,
    );
  await session.query(
    'leftovers given away',
    `reassign owned by ${identifier(ending.lease.role)} to ${heir}`,
  );
  for (const role of behind)
    await session.query(
      'leftovers given away',
      `revoke ${identifier(role)} from ${heir} granted by current_user`,
    );
  await session.query('leftovers given away', `revoke ${heir} from current_user granted by current_user`);
}

const dropsPlainly = [
  'table',
  'view',
  'materialized view',
  'foreign table',
  'sequence',
  'function',
  'procedure',
  'aggregate',
  'type',
  'domain',
  'schema',
];
const longestMs = 10_000;

/** DROP OWNED locks everything at once, which the server has no room for after some thousands of objects. */
async function dropOneByOne(session: Session, oid: number): Promise<void> {
  const until = performance.now() + longestMs;
  for (let dropped = 1; dropped;) {
    dropped = 0;
    const objects = await session.query<{ type: string; identity: string; objid: number }>(
      'leftovers listed',
      `select i.type, i.identity, s.objid from pg_shdepend s, pg_identify_object(s.classid, s.objid, s.objsubid) i
        where s.refclassid = 'pg_authid'::regclass and s.refobjid = $1 and s.deptype = 'o'
          and s.dbid = (select oid from pg_database where datname = current_database())`,
      [oid],
    );
    for (const { type, identity, objid } of objects) {
      if (performance.now() > until) return;
      const isLargeObject = type === 'large object';
      if (!isLargeObject && !dropsPlainly.includes(type)) continue;
      try {
        if (isLargeObject) await session.query('leftover dropped', 'select lo_unlink($1)', [objid]);
        else await session.query('leftover dropped', `drop ${type} ${identity} restrict`);
        dropped += 1;
      } catch (error) {
        if (!refusedByServer(error)) throw error;
      }
    }
  }
}
