import type pg from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { ScramVerifier } from '../../../contract/leases.ts';
import type { Elapsed } from '../elapsed.ts';
import { IssueFailed, type Intent, type Keep } from '../target.ts';
import { refusedByServer, spoken, type Connections, type Session } from './connect.ts';
import { rolesAtRisk, stateAtRisk } from './differences.ts';
import { noEvidence, type LeaseEvidence } from './evidence.ts';
import { identifier, literal, namesIn, readable, templateRole } from './names.ts';
import { storedScope, type PostgresScope } from './scope.ts';

interface Issuer {
  readonly id: string;
  readonly title: string;
  readonly database: string;
  /** The broker's login there. */
  readonly user: string;
  /** Sessions that are one of the roles that make logins. */
  readonly issuing: Connections;
  readonly connections: Connections;
}

const alreadyThere = ['42710', '23505'];
const unknownRole = '42704';
/** Of SET ROLE. */
const noSuchRole = '22023';
const notAllowed = '42501';
/** The fence's answer where it is too late. */
const divisionByZero = '22012';

/** What one of the roles that make logins says: the broker's own login administers it afterwards, and may act as it. */
function statementsFor(user: string, intent: Intent, scope: PostgresScope): string[] {
  const administered = `grant ${identifier(intent.role)} to ${identifier(user)} with admin true, inherit false, set true`;
  return [...issueStatements(intent, scope), administered];
}

/** The statements that make a lease's login: one transaction, so that it is there as a whole or not at all. */
export function issueStatements(intent: Intent, scope: PostgresScope): string[] {
  // PASSWORD takes no parameter, and a verifier that PostgreSQL does not recognise would be taken for a password.
  const verifier = ScramVerifier.parse(intent.verifier);
  const role = identifier(intent.role);
  return [
    `create role ${role} login inherit connection limit ${scope.connections} password ${literal(verifier)} valid until ${literal(intent.expiresAt.toISOString())}`,
    `grant ${identifier(templateRole({ id: intent.templateId, scope }))} to ${role} with inherit true, set false`,
    ...[...scope.settings].map(
      ([name, value]) => `alter role ${role} set ${settingName(name)} to ${settingValue(name, value)}`,
    ),
  ];
}

const settingName = (name: string) => name.split('.').map(identifier).join('.');

const lists = ['search_path', 'temp_tablespaces'];
function settingValue(name: string, value: string): string {
  if (!lists.includes(name)) return literal(value);
  // An empty one is the empty text, as in `search_path = ''`.
  const names = namesIn(value);
  return (names.length ? names : ['']).map(literal).join(', ');
}

/**
 * What has not taken hold by then never does, by the target's own clock, however late it arrives there: after a while a
 * login that has not appeared counts as one that will not.
 */
const appearsWithinMs = 20_000;

/**
 * Creates the login of a lease; done already is done. Throws `IssueFailed`.
 * @param sinceIntent how long ago the lease was intended, at most
 * @returns how what it may change was before, and the login's number: its sessions would outlive its name
 */
export async function issue(
  issuer: Issuer,
  intent: Intent,
  keep: Keep,
  sinceIntent: Elapsed,
): Promise<LeaseEvidence> {
  let statements: string[];
  let evidence: LeaseEvidence;
  try {
    const scope = storedScope(intent.scope);
    statements = statementsFor(issuer.user, intent, scope);
    evidence = await keepStateBefore(issuer, intent, scope, keep);
  } catch (error) {
    throw new IssueFailed(`it could not be prepared: ${spoken(error)}. Try again.`, {
      nothingCreated: true,
      cause: error,
    });
  }
  for (let attempt = 1; ; attempt += 1) {
    const result = await create(issuer, intent, statements, sinceIntent);
    if ('oid' in result) return { ...evidence, oid: result.oid, system: result.system };
    if (result.again && attempt === 1) continue;
    throw result.failure;
  }
}

async function keepStateBefore(
  { database, connections }: Issuer,
  intent: Intent,
  scope: PostgresScope,
  keep: Keep,
): Promise<LeaseEvidence> {
  const roles = rolesAtRisk(scope);
  if (roles.length === 0) return noEvidence;
  const before = await connections.useIn(scope.database ?? database, (session) =>
    stateAtRisk(session, 'state before read', roles),
  );
  const evidence = { ...noEvidence, before };
  await keep(new Map([[intent.leaseId, evidence]]));
  return evidence;
}

type Created = { readonly oid: number; readonly system: string };
type Failed = { readonly failure: IssueFailed; readonly again: boolean };

async function create(
  issuer: Issuer,
  intent: Intent,
  statements: readonly string[],
  sinceIntent: Elapsed,
): Promise<Created | Failed> {
  let connected = false;
  let sentBy: number | undefined;
  try {
    return await issuer.issuing.use(async (session) => {
      connected = true;
      const inTime = await fence(session, sinceIntent);
      sentBy = session.pid;
      const number = `select r.oid, c.system_identifier::text as system from pg_roles r, pg_control_system() c
        where r.rolname = ${literal(intent.role)}`;
      // Once more at the end: each statement in between may have waited.
      const [row] = await session.batch<Created>('login created', [inTime, ...statements, inTime, number]);
      if (!row) throw new Error('it did not tell the number of the login');
      return row;
    });
  } catch (error) {
    const fail = (nothingCreated: boolean, message: string, again = false): Failed => ({
      failure: new IssueFailed(message, { nothingCreated, cause: error }),
      again,
    });
    const refused = refusedByServer(error);
    if (refused && !alreadyThere.includes(error.code ?? ''))
      return fail(true, refusal(issuer, intent, error));
    if (sentBy === undefined)
      return fail(
        true,
        `${issuer.title} cannot be reached by the broker: ${spoken(error)}. Try again in a moment.`,
        connected,
      );
    if (refused) {
      const state = await stateOf(issuer.connections, intent.role);
      return typeof state === 'object'
        ? state
        : fail(false, `at ${issuer.title} this login exists already and is not open.`);
    }
    const outcome = await outcomeOf(issuer.connections, sentBy, intent.role).catch(() => 'unknown' as const);
    if (typeof outcome === 'object') return outcome;
    if (outcome === 'absent')
      // Not a second time: it may have been created, and another broker may have ended it already.
      return fail(true, `the connection to ${issuer.title} broke: ${spoken(error)}. Try again.`);
    return fail(
      false,
      `it is not known whether ${issuer.title} issued a login: ${spoken(error)}. It is being removed. Try again.`,
    );
  }
}

/** A statement that the target refuses once it is too late there for this lease to begin. */
async function fence(session: Session, sinceIntent: Elapsed): Promise<string> {
  const [clock] = await session.query<{ now: number }>(
    'target clock read',
    'select extract(epoch from clock_timestamp())::float8 * 1000 as now',
  );
  const leftMs = appearsWithinMs - sinceIntent();
  if (!clock || leftMs <= 0) throw new Error('it took too long to get a connection');
  const until = new Date(clock.now + leftMs).toISOString();
  return `select 1 / (clock_timestamp() < timestamptz ${literal(until)})::int`;
}

function refusal({ id, title }: Issuer, { templateId }: Intent, error: pg.DatabaseError): string {
  if (error.code === divisionByZero) return `the connection to ${title} was too slow. Try again.`;
  const unprepared = [unknownRole, noSuchRole, notAllowed].includes(error.code ?? '');
  return unprepared
    ? `${title} is not prepared for the template ${templateId} as it was approved (${readable(error.message)}). Whoever operates the broker runs "daypass target setup ${id}" there.`
    : `${title} refused: ${spoken(error)}. Try again; if it stays so, ask whoever operates the broker.`;
}

/** With its number where it is open. */
async function stateOf(connections: Connections, role: string): Promise<Created | 'closed' | 'absent'> {
  const [row] = await connections.useTwice((session) =>
    session.query<Created & { rolcanlogin: boolean }>(
      'login looked up',
      'select r.oid, r.rolcanlogin, c.system_identifier::text as system from pg_roles r, pg_control_system() c where r.rolname = $1',
      [role],
    ),
  );
  if (!row) return 'absent';
  return row.rolcanlogin ? { oid: row.oid, system: row.system } : 'closed';
}

/** What became of statements whose answer was lost: certain once the server process that had them is gone. */
async function outcomeOf(
  connections: Connections,
  pid: number,
  role: string,
): Promise<Created | 'closed' | 'absent' | 'unknown'> {
  for (let look = 0; look < 40; look += 1) {
    const [still] = await connections.useTwice((session) =>
      session.query(
        'issue broken off',
        `with it as materialized (select pid from pg_stat_activity
           where pid = $1 and pid <> pg_backend_pid() and usename = current_user and application_name = 'daypass')
         select pg_terminate_backend(pid) from it`,
        [pid],
      ),
    );
    if (!still) return stateOf(connections, role);
    await delay(50);
  }
  return 'unknown';
}
