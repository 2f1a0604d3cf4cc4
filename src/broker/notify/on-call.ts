import { reaches } from '../config/channels.ts';
import type { Config } from '../config/config.ts';
import type { Integrity } from '../integrity/integrity.ts';
import { groupsOf, groupsThatAdd } from '../rules/quorum.ts';
import { whomToTell, type Whom } from '../rules/telling.ts';
import type { Schedules } from '../schedules/schedules.ts';
import { approvalsAmong, decisionsOn, type DecisionRow } from '../store/decision.ts';
import { chooseOnCall, onCallTold, type Taken } from '../store/delivery.ts';
import { peopleById, personId, type PersonRow } from '../store/person.ts';
import { requestById, ruleOf, type RequestRow } from '../store/request.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Addressee } from './message.ts';

/** Who is on call, and how they are reached. */
export interface Rota {
  readonly schedules: Pick<Schedules, 'who'>;
  readonly config: Pick<Config, 'channels' | 'schedules' | 'identity'>;
}

/** A step that tells whoever is on call. */
export interface OnCallStep {
  readonly channel: string;
  /** Name of the schedule. */
  readonly onCall: string;
}

/** What sets people apart for one request. */
export interface Involved {
  /** Ids of those who cannot approve it. */
  readonly cannotApprove: readonly string[];
  /** Subjects of those on call who were told of it. */
  readonly told: readonly string[];
}

/** Those who asked for it or have given their word on it, and those known who would add nothing to what others approved. */
export function cannotApprove(
  request: RequestRow,
  decided: readonly DecisionRow[],
  known: ReadonlyMap<string, PersonRow>,
): string[] {
  const { requester, needs } = ruleOf(request);
  const adding = groupsThatAdd(needs, approvalsAmong(decided));
  const isOneOf = ({ groups }: PersonRow, of: readonly string[]) =>
    of.some((group) => groups.includes(group));
  const addNothing = [...known.values()].filter(
    (one) => isOneOf(one, groupsOf(needs)) && !isOneOf(one, adding),
  );
  return [requester, ...decided.map((one) => one.person_id), ...addNothing.map(({ id }) => id)];
}

/** Whom a step tells of those on call at a moment, as far as is known now. */
export function whomOnCall(
  { schedules, config }: Rota,
  { channel: name, onCall }: OnCallStep,
  { cannotApprove, told }: Involved,
  at: Date,
): Whom {
  const people = schedules.who(onCall, at);
  const channel = config.channels.get(name);
  const contacts = config.schedules.get(onCall)?.contacts;
  return whomToTell(people, {
    cannotApprove: people.filter((subject) => cannotApprove.includes(idOf(config, subject))),
    told,
    unreached: people.filter((subject) => !channel || !reaches(channel, contacts?.get(subject) ?? {})),
  });
}

/** The same for a message that is due: it is theirs from now on. */
export function whomNow(trx: Trx, integrity: Integrity, rota: Rota, due: Taken & OnCallStep): Promise<Whom> {
  const { request_id: id, tried_at: at } = due;
  return chooseOnCall(trx, due, async (others) => {
    const request = await requestById(trx, id);
    const decisions = await decisionsOn(trx, integrity, [id]);
    const known = await peopleById(trx, idsIn(rota.config, due.onCall));
    const apart = request ? cannotApprove(request, decisions, known) : [];
    return whomOnCall(rota, due, { cannotApprove: apart, told: onCallTold(others) }, at);
  });
}

/** The one person whom a message is for; undefined: whomever its channel reaches. */
export async function addresseeOf(
  db: Db,
  config: Rota['config'],
  { on_call: onCall, person }: Pick<Taken, 'on_call' | 'person'>,
): Promise<Addressee | undefined> {
  if (onCall === null || person === null) return undefined;
  const people = await peopleById(db, [idOf(config, person)]);
  const contact = config.schedules.get(onCall)?.contacts.get(person);
  return { ...contact, subject: person, name: nameOf(config, onCall, person, people) };
}

/** The name by which others know somebody of a schedule. */
export function nameOf(
  config: Rota['config'],
  schedule: string,
  subject: string,
  people: ReadonlyMap<string, PersonRow>,
): string {
  const called = config.schedules.get(schedule)?.contacts.get(subject)?.called;
  return people.get(idOf(config, subject))?.name ?? called ?? 'somebody';
}

/** Ids of everybody in a schedule. */
export function idsIn(config: Rota['config'], schedule: string): string[] {
  return [...(config.schedules.get(schedule)?.contacts.keys() ?? [])].map((one) => idOf(config, one));
}

function idOf({ identity }: Rota['config'], subject: string): string {
  return personId({ issuer: identity.issuer, subject });
}
