import type { AccessRequest } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import { cannotApprove, idsIn, nameOf, whomOnCall } from '../notify/on-call.ts';
import { mayApprove, mayBreakGlass, mayDecide } from '../rules/policy.ts';
import { groupsThatAdd, sizeOf, stillNeeded } from '../rules/quorum.ts';
import { claimOn } from '../store/claim.ts';
import { deliveriesOf, onCallTold, type DeliveryRow } from '../store/delivery.ts';
import { approvalsAmong, decisionsOn, type DecisionRow } from '../store/decision.ts';
import { activeAt, grantsOf, type ActiveGrant, type GrantRow } from '../store/grant.ts';
import { brokenGlassOn, type BrokenGlassRow } from '../store/glass.ts';
import { messagesOn, type MessageRow } from '../store/message.ts';
import { peopleById, peopleIn, type PersonRow } from '../store/person.ts';
import { ruleOf, type RequestRow } from '../store/request.ts';
import { durationOf } from '../../contract/values.ts';
import { ticketLink } from '../templates/ticket-link.ts';
import type { Caller } from './caller.ts';
import { toldOf } from './told.ts';
import { mayWrite } from './messages.ts';
import { shownDigest, templateNow, termsOf } from './template-now.ts';
import { automaticOn, breakable, person, presentGlass } from './presented.ts';

/** What else is stored about some requests and shown with them; the same whoever looks. */
export interface AboutRequests {
  readonly decisions: readonly DecisionRow[];
  readonly messages: readonly MessageRow[];
  readonly grants: readonly GrantRow[];
  readonly broken: ReadonlyMap<string, BrokenGlassRow>;
  readonly active: readonly ActiveGrant[];
  readonly deliveries: readonly DeliveryRow[];
  readonly people: ReadonlyMap<string, PersonRow>;
  /** By `keyOf` those asked: the people last seen among them. */
  readonly members: ReadonlyMap<string, readonly PersonRow[]>;
}

/** What was said is shown while it matters: once a request is settled, the audit log has it. */
export async function aboutRequests(
  { store: { db }, integrity, config }: Context,
  rows: readonly RequestRow[],
): Promise<AboutRequests> {
  const ids = rows.map((row) => row.id);
  const waiting = rows.filter((row) => row.state === 'pending');
  const telling = rows.filter((row) => row.template.notify).map((row) => row.id);
  const [decisions, messages, grants, broken, active, deliveries] = await Promise.all([
    decisionsOn(db, integrity, ids),
    messagesOn(
      db,
      integrity,
      waiting.map((row) => row.id),
    ),
    grantsOf(db, ids),
    brokenGlassOn(db, integrity, breakable(rows)),
    activeAt(
      db,
      rows.map((row) => row.target),
    ),
    deliveriesOf(db, telling),
  ]);
  const onCall = new Set(deliveries.flatMap((one) => one.on_call ?? []));
  const people = await peopleById(db, [
    ...rows.flatMap((row) => [row.requester, ...(row.claimed_by === null ? [] : [row.claimed_by])]),
    ...decisions.map((one) => one.person_id),
    ...messages.map((one) => one.person_id),
    ...[...onCall].flatMap((schedule) => idsIn(config, schedule)),
  ]);
  const asked = new Map(
    waiting.map((row) => {
      const whom = whomAsked(row, decidedOn(row, decisions));
      return [keyOf(whom), whom] as const;
    }),
  );
  const members = await Promise.all(
    [...asked].map(
      async ([key, { by, never, most }]) => [key, await peopleIn(db, by, { never, most })] as const,
    ),
  );
  return { decisions, messages, grants, broken, active, deliveries, people, members: new Map(members) };
}

interface Asked {
  readonly by: readonly string[];
  readonly never: readonly string[];
  readonly most: number;
}

const mostNamed = 20;

/** Who can still bring a request further. */
function whomAsked(row: RequestRow, decided: readonly DecisionRow[]): Asked {
  const { needs, never } = ruleOf(row);
  // Whoever asked and those who approved already may be among them.
  const most = mostNamed + 1 + sizeOf(needs);
  return { by: groupsThatAdd(needs, approvalsAmong(decided)), never, most };
}

const keyOf = ({ by, never, most }: Asked) => JSON.stringify([by, never, most]);

function decidedOn({ id }: RequestRow, decisions: readonly DecisionRow[]): DecisionRow[] {
  return decisions.filter((one) => one.request_id === id);
}

/** Stored requests as the caller sees them, in the order given. */
export async function presentRequests(
  context: Context,
  caller: Caller,
  rows: readonly RequestRow[],
): Promise<AccessRequest[]> {
  const about = await aboutRequests(context, rows);
  return rows.map((row) => presentRequest(context, caller, row, about));
}

export function presentRequest(
  context: Context,
  caller: Caller,
  row: RequestRow,
  { decisions, messages, grants, broken, active, deliveries, people, members }: AboutRequests,
): AccessRequest {
  const grant = grants.find((one) => one.request_id === row.id);
  const decided = decidedOn(row, decisions);
  const now = templateNow(context, row);
  const rule = ruleOf(row);
  const isOpenToThem = row.state === 'pending' && !decided.some(({ person_id }) => person_id === caller.id);
  const link = row.template.ticket?.link;
  return {
    id: row.id,
    state: row.state,
    requester: person(people, row.requester),
    template: row.template,
    duration: durationOf(row.duration_s),
    reason: row.reason,
    ...(row.ticket === null ? {} : { ticket: row.ticket }),
    ...(row.ticket === null || link === undefined ? {} : { ticketLink: ticketLink(link, row.ticket) }),
    ...(row.state === 'pending' ? { terms: termsOf(row) } : {}),
    ...(now ? { templateNow: now } : {}),
    digest: shownDigest(context, row),
    createdAt: row.created_at.toISOString(),
    answerBy: row.answer_by.toISOString(),
    decisions: decided.map((one) => presentDecision(one, people)),
    ...(grant ? { grantId: grant.id } : {}),
    ...presentGlass(broken.get(row.id)),
    ...breakableFromOn(row, caller),
    ...automaticOn(row),
    askedOf: row.state === 'pending' ? askedNow(row, decided, members).map((one) => one.name) : [],
    stillNeeded: row.state === 'pending' ? neededOn(row, decided) : [],
    messages: messages.filter((one) => one.request_id === row.id).map((one) => presentMessage(one, people)),
    ...presentClaim(row, people),
    openOnTarget: openFor(row, caller, active),
    ...toldOf(row, deliveries, new Date(), namesOnCall(context, row, decided, deliveries, people)),
    version: row.version,
    may: {
      write: mayWrite(caller, row),
      withdraw: row.state === 'pending' && row.requester === caller.id,
      decide: isOpenToThem && mayDecide(caller, rule),
      approve: isOpenToThem && mayApprove(caller, rule, approvalsAmong(decided)),
    },
  };
}

/** Those known who are asked now. */
function askedNow(
  row: RequestRow,
  decided: readonly DecisionRow[],
  members: AboutRequests['members'],
): PersonRow[] {
  return (members.get(keyOf(whomAsked(row, decided))) ?? []).filter(
    (one) => one.id !== row.requester && !decided.some(({ person_id }) => person_id === one.id),
  );
}

/** Who it is that a step told because they were on call, or would tell at a moment; asked in the order of the steps. */
function namesOnCall(
  context: Context,
  row: RequestRow,
  decided: readonly DecisionRow[],
  deliveries: readonly DeliveryRow[],
  people: ReadonlyMap<string, PersonRow>,
): (row: DeliveryRow, at: Date) => string | undefined {
  const told = onCallTold(deliveries.filter((one) => one.request_id === row.id));
  const apart = cannotApprove(row, decided, people);
  return ({ channel, on_call: onCall, person }, at) => {
    if (onCall === null) return undefined;
    if (person !== null) return nameOf(context.config, onCall, person, people);
    const whom = whomOnCall(context, { channel, onCall }, { cannotApprove: apart, told }, at);
    if (whom.is !== 'somebody') return undefined;
    told.push(whom.person);
    return nameOf(context.config, onCall, whom.person, people);
  };
}

function breakableFromOn(row: RequestRow, caller: Caller): Pick<AccessRequest, 'breakableFrom'> {
  const rule = ruleOf(row);
  if (row.state !== 'pending' || row.requester !== caller.id || !rule.breakGlass) return {};
  if (!mayBreakGlass(caller, rule)) return {};
  return { breakableFrom: rule.breakGlass.from };
}

function neededOn(row: RequestRow, decisions: readonly DecisionRow[]): AccessRequest['stillNeeded'] {
  return stillNeeded(ruleOf(row).needs, approvalsAmong(decisions)).map(({ by, number }) => ({
    number,
    by: [...by],
  }));
}

function presentMessage(
  { id, person_id, text, at }: MessageRow,
  people: ReadonlyMap<string, PersonRow>,
): AccessRequest['messages'][number] {
  return { id, by: person(people, person_id), text, at: at.toISOString() };
}

function presentClaim(row: RequestRow, people: ReadonlyMap<string, PersonRow>): Pick<AccessRequest, 'claim'> {
  const claim = claimOn(row, new Date());
  if (!claim) return {};
  const { personId, since, until } = claim;
  return {
    claim: { by: person(people, personId), since: since.toISOString(), until: until.toISOString() },
  };
}

function openFor(
  { target, requester }: RequestRow,
  caller: Caller,
  active: readonly ActiveGrant[],
): AccessRequest['openOnTarget'] {
  const there = active.filter((grant) => grant.target === target);
  const holders = new Set(there.map(({ holder }) => holder));
  holders.delete(requester);
  holders.delete(caller.id);
  const own = there.filter(({ holder }) => holder === requester).map(({ title }) => title);
  return { own: [...new Set(own)], others: holders.size };
}

function presentDecision(
  row: DecisionRow,
  people: ReadonlyMap<string, PersonRow>,
): AccessRequest['decisions'][number] {
  return {
    by: person(people, row.person_id),
    verdict: row.verdict,
    ...(row.comment === null ? {} : { comment: row.comment }),
    ...(row.duration_s === null ? {} : { duration: durationOf(row.duration_s) }),
    at: row.at.toISOString(),
  };
}
