import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { spoken, type LoginAttempt } from './connect.ts';
import type { Present, Site } from './ending.ts';
import { identifier, literal } from './names.ts';
import { hinder, prove } from './replicas.ts';
import { throwaway } from './scram.ts';

const wrongPassword = '28P01';
const atOnce = 8;
/** A server that takes longer for its answers than this is asked about the rest another time. */
const patienceMs = 15_000;

/**
 * Tries each login with a password that is right. Only one answer proves that the login is closed: SQLSTATE 28000
 * from the routine that looks at the role after the password was found right. A wrong password (28P01) says nothing
 * about the role, and neither does a refusal by pg_hba.conf (28000 from another routine).
 */
export async function probe(site: Site, endings: readonly Present[]): Promise<void> {
  if (endings.length === 0) return;
  const { password, verifier } = throwaway();
  // A lease that expired has a password that counts as wrong: that is lifted, for what is not open anyway.
  const statements = endings.map(
    ({ lease }) =>
      `alter role ${identifier(lease.role)} password ${literal(verifier)} valid until 'infinity'`,
  );
  await site.connections.useTwice((session) =>
    session.batch('probe prepared', ['set local synchronous_commit = local', ...statements]),
  );

  const until = performance.now() + patienceMs;
  const attemptAt = ({ connections }: Pick<Site, 'connections'>, { lease }: Present) =>
    connections.tryLogin('login probed', lease.role, password);
  await Promise.all([
    inLanes(endings, until, async (ending) => {
      const closed = proof(await attemptAt(site, ending));
      if (typeof closed === 'string') ending.obstacle = closed;
      else ending.evidence = { ...ending.evidence, probe: { at: new Date().toISOString(), ...closed } };
    }),
    ...site.replicas.map((replica) =>
      inLanes(endings, until, async (ending) => {
        const closed = proof(await arrivedOrLate(() => attemptAt(replica, ending)));
        if (typeof closed === 'string') hinder(ending, replica, `this stands in the way: ${closed}`);
        else prove(ending, replica, { probe: { at: new Date().toISOString(), ...closed } });
      }),
    ),
  ]);
}

async function inLanes(
  endings: readonly Present[],
  until: number,
  tryOne: (ending: Present) => Promise<void>,
): Promise<void> {
  const waiting = [...endings];
  const lane = async () => {
    for (let ending = waiting.pop(); ending; ending = waiting.pop()) {
      if (performance.now() > until) ending.obstacle = 'There was no time left for a test of the login.';
      else await tryOne(ending);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

const arriveWithinMs = 3_000;
const pauseMs = 50;

/** At a replica the password counts as wrong until it has arrived there. */
async function arrivedOrLate(attempt: () => Promise<LoginAttempt>): Promise<LoginAttempt> {
  const until = performance.now() + arriveWithinMs;
  for (;;) {
    const met = await attempt();
    const isWrong = !met.in && met.error instanceof pg.DatabaseError && met.error.code === wrongPassword;
    if (!isWrong || performance.now() > until) return met;
    await delay(pauseMs);
  }
}

/** What a login attempt proves, or why it proves nothing. */
export function proof(attempt: LoginAttempt): { sqlstate: string; routine: string } | string {
  if (attempt.in) return 'The login is still open: it let a test in with a valid password.';
  const { error } = attempt;
  if (!(error instanceof pg.DatabaseError)) return `A test of the login came to nothing: ${spoken(error)}.`;
  const { code, routine } = error;
  if (code === '28000' && routine === 'InitializeSessionUserId') return { sqlstate: code, routine };
  if (code === '28000')
    return 'A test of the login proves nothing: pg_hba.conf turns it away before the login is looked at. Let the broker’s machine try.';
  return `A test of the login proves nothing: ${spoken(error)}.`;
}
