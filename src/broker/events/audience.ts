import type { NumberedEvent } from '../store/audit-number.ts';
import { requestsById, ruleOf } from '../store/request.ts';
import type { Db } from '../store/schema.ts';
import { maySee, type Who } from '../rules/policy.ts';

/** For some events, what says who may be told of each. */
export type Audience = (
  events: readonly NumberedEvent[],
) => Promise<(who: Who, event: NumberedEvent) => boolean>;

/** Those who have a part in the request that an event belongs to; nobody for an event that belongs to none. */
export function audienceOf(db: Db, auditors: readonly string[]): Audience {
  return async (events) => {
    const ids = new Set(events.flatMap(({ requestId }) => (requestId === null ? [] : [requestId])));
    const requests = new Map((await requestsById(db, [...ids])).map((row) => [row.id, row]));
    return (who, { requestId }) => {
      const row = requestId === null ? undefined : requests.get(requestId);
      if (!row) return false;
      return maySee(who, ruleOf(row), auditors);
    };
  };
}
