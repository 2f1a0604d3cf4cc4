import type { StreamEvent } from '../../contract/events.ts';
import type { NumberedEvent } from '../store/audit-number.ts';

/** An event as it stands on the wire (HTML Living Standard, section 9.2.5). */
export function frame(event: StreamEvent, id?: string): string {
  const { type, ...data } = event;
  return `event: ${type}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** What a stream says of an audit event, if anything. A change of a lease shows as one of its grant. */
export function changeOf(event: NumberedEvent): Extract<StreamEvent, { type: 'changed' }> | undefined {
  const { resource, version } = event;
  if (version === null) return undefined;
  const kind =
    resource === 'request' ? 'request' : resource === 'grant' || resource === 'lease' ? 'grant' : undefined;
  const id = kind === 'request' ? event.requestId : event.grantId;
  return kind && id !== null ? { type: 'changed', resource: kind, id, version } : undefined;
}

/** A change worth telling: of several of one thing only the last, since it is read again anyway. */
export interface Telling {
  readonly event: NumberedEvent;
  readonly change: Extract<StreamEvent, { type: 'changed' }>;
}

/** In the order of their numbers. */
export function tellings(events: readonly NumberedEvent[]): Telling[] {
  const last = new Map<string, Telling>();
  for (const event of events) {
    const change = changeOf(event);
    if (!change) continue;
    const key = `${change.resource} ${change.id}`;
    last.delete(key);
    last.set(key, { event, change });
  }
  return [...last.values()];
}
