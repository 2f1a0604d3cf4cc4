import { randomUUID } from 'node:crypto';
import { isExpression, sql, type RawBuilder } from 'kysely';
import type { AuditEvent } from '../audit/append.ts';
import { channels, notifying } from './notify.ts';
import type { Schema, Within } from './schema.ts';

/** An event that the statement itself knows more of than whoever sends it: each of its parts is given, or told in SQL. */
export type ToldInSql<Event> = { readonly [Part in keyof Event]: Event[Part] | RawBuilder<Event[Part]> };

/** Inserts these events, and says so to whoever numbers them. */
export const insertEvents = (within: Within, events: readonly AuditEvent[]) =>
  within.insertInto('audit_event').values(events.map(rowOf)).returning(notifying(channels.audit));

/** The same for one event, of the rows that other parts of the statement have: once for each, never where there is none. */
export const insertEventFrom = (within: Within, parts: readonly string[], event: ToldInSql<AuditEvent>) => {
  const row = Object.entries(rowOf(event));
  const values = sql.join(row.map(([, value]) => sql`${value}`));
  const from = sql.join(parts.map((part) => sql.table(part)));
  return within
    .insertInto('audit_event')
    .columns(row.map(([column]) => column as keyof Schema['audit_event']))
    .expression(sql`select ${values} from ${from}`)
    .returning(notifying(channels.audit));
};

function rowOf(event: ToldInSql<AuditEvent>) {
  return {
    id: randomUUID(),
    action: event.action,
    actor: event.actor,
    resource: event.resource,
    resource_id: 'resourceId' in event ? event.resourceId : null,
    version: 'version' in event ? event.version : null,
    request_id: 'requestId' in event ? event.requestId : null,
    grant_id: 'grantId' in event ? event.grantId : null,
    target: event.target,
    detail: isExpression(event.detail) ? event.detail.$castTo<string>() : JSON.stringify(event.detail),
  };
}
