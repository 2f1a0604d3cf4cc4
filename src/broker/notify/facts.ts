import { durationOf } from '../../contract/durations.ts';
import type { Integrity } from '../integrity/integrity.ts';
import { isAuthenticRequest } from '../store/authentic.ts';
import { claimOn } from '../store/claim.ts';
import { decisionsOn } from '../store/decision.ts';
import { brokenGlassOn } from '../store/glass.ts';
import { now } from '../store/now.ts';
import { peopleById } from '../store/person.ts';
import { requestById, type RequestRow } from '../store/request.ts';
import type { Db } from '../store/schema.ts';
import type { Facts, Stand } from './message.ts';

/**
 * What people are told of a request, as it stands now. Undefined where it is not what somebody asked for: nobody is
 * told what somebody else wrote into the database.
 */
export async function factsOf(
  db: Db,
  integrity: Integrity,
  publicUrl: string,
  { request_id: id, about }: { readonly request_id: string; readonly about: Stand['is'] },
): Promise<Facts | undefined> {
  const request = await requestById(db, id);
  if (!request) return undefined;
  if (!isAuthenticRequest(integrity.macs, request)) {
    integrity.alarm({ record: 'request', id, target: request.target, why: 'it is not what was asked for' });
    return undefined;
  }
  const people = await peopleById(db, [request.requester]);
  const broken = (await brokenGlassOn(db, integrity, [id])).get(id);
  const { template } = request;
  return {
    requestId: id,
    url: `${publicUrl}/requests/${id}`,
    requester: people.get(request.requester)?.name ?? 'somebody',
    template: { id: template.id, title: template.title },
    target: template.target.title,
    allows: template.allows,
    duration: durationOf(request.duration_s),
    reason: request.reason,
    ...(request.ticket === null ? {} : { ticket: request.ticket }),
    answerBy: request.answer_by,
    stand: await standOf(db, integrity, request, about, broken?.reason),
  };
}

/** What a message is about, with whose doing it is. What was overtaken meanwhile is told as it is now. */
async function standOf(
  db: Db,
  integrity: Integrity,
  request: RequestRow,
  about: Stand['is'],
  brokenBecause: string | undefined,
): Promise<Stand> {
  const claim = claimOn(request, await now(db));
  const { state } = request;
  const is =
    brokenBecause !== undefined
      ? 'glass broken'
      : state !== 'pending' && state !== 'refused'
        ? state
        : about === 'claimed' && !claim
          ? 'released'
          : about === 'asked' && claim
            ? 'claimed'
            : about;
  const ids = await whoDid(db, integrity, request, is, claim?.personId);
  const people = await peopleById(db, ids);
  return {
    is,
    by: ids.map((id) => people.get(id)?.name ?? 'somebody'),
    ...(brokenBecause === undefined ? {} : { why: brokenBecause }),
  };
}

async function whoDid(
  db: Db,
  integrity: Integrity,
  request: RequestRow,
  is: Stand['is'],
  claimer: string | undefined,
): Promise<string[]> {
  switch (is) {
    case 'claimed':
      return claimer === undefined ? [] : [claimer];
    case 'answered':
    case 'withdrawn':
    case 'glass broken':
      return [request.requester];
    case 'partly approved':
    case 'approved':
    case 'denied': {
      const verdict = is === 'denied' ? 'deny' : 'approve';
      const decisions = await decisionsOn(db, integrity, [request.id]);
      return decisions.filter((one) => one.verdict === verdict).map((one) => one.person_id);
    }
    case 'asked':
    case 'released':
    case 'expired':
      return [];
  }
}
