import type { NumberedEvent } from '../store/audit-number.ts';
import { requestsById, ruleOf } from '../store/request.ts';
import type { Db } from '../store/schema.ts';
import { maySee, type Who } from '../rules/policy.ts';

/** Who is to be told of some events. */
export interface Told {
  readonly may: (who: Who, event: NumberedEvent) => boolean;
  /** Whose request it belongs to: the id of a person. */
  readonly whose: (event: NumberedEvent) => string | undefined;
}
export type Audience = (events: readonly NumberedEvent[]) => Promise<Told>;

/** Those who have a part in the request that an event belongs to; nobody for an event that belongs to none. */
export function audienceOf(db: Db, auditors: readonly string[]): Audience {
  return async (events) => {
    const ids = new Set(events.flatMap(({ requestId }) => (requestId === null ? [] : [requestId])));
    const requests = new Map((await requestsById(db, [...ids])).map((row) => [row.id, row]));
    const rowOf = ({ requestId }: NumberedEvent) =>
      requestId === null ? undefined : requests.get(requestId);
    return {
      may(who, event) {
        const row = rowOf(event);
        return row !== undefined && maySee(who, ruleOf(row), auditors);
      },
      whose: (event) => rowOf(event)?.requester,
    };
  };
}
