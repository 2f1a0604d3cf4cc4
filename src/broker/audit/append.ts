import { insertEventFrom, insertEvents, type ToldInSql } from '../store/audit-event.ts';
import type { Trx, Within } from '../store/schema.ts';

interface About {
  /** The person who did it; null where time or the broker did. */
  readonly actor: string | null;
  readonly target: string;
}

interface OfRequest extends About {
  readonly resource: 'request';
  readonly resourceId: string;
  readonly version: number;
  readonly requestId: string;
}
interface OfGrant extends About {
  readonly resource: 'grant';
  readonly resourceId: string;
  readonly version: number;
  readonly requestId: string;
  readonly grantId: string;
}
interface OfLease extends About {
  readonly resource: 'lease';
  readonly resourceId: string;
  /** The version of its grant: a change of a lease shows as one of its grant. */
  readonly version: number;
  readonly requestId: string;
  readonly grantId: string;
}

/** What happened, in the words of the field. `detail` is shown to auditors and never holds a secret. */
export type AuditEvent = { readonly detail: Readonly<Record<string, unknown>> } & (
  | (OfRequest & {
      readonly action:
        | `request ${'created' | 'partly approved' | 'approved' | 'denied' | 'withdrawn' | 'expired' | 'claimed' | 'released' | 'discussed' | 'told' | 'not told'}`
        | 'glass broken';
    })
  | (About & { readonly resource: 'person'; readonly resourceId: string; readonly action: 'request refused' })
  | (Omit<About, 'target'> & {
      readonly target: null;
      readonly resource: 'person';
      readonly resourceId: string;
      readonly action: 'attempt refused';
    })
  | (OfGrant & {
      readonly action: `grant ${'approved' | 'activated' | 'not begun' | 'lapsed' | 'ended' | 'expired' | 'revoked' | 'reviewed'}`;
    })
  | (OfLease & {
      readonly action: `lease ${'issuing' | 'issued' | 'failed' | 'closing' | 'closed' | 'unconfirmed'}`;
    })
  | (About & { readonly resource: 'broker'; readonly action: 'lease removed' })
  | (Omit<About, 'target'> & {
      readonly target: string | null;
      readonly resource: 'broker';
      readonly action: 'record not authentic' | 'schedule changed';
    })
);

/** Records what happened in the transaction that makes it happen: both stand, or neither. */
export async function append(trx: Trx, event: AuditEvent): Promise<void> {
  await appendAll(trx, [event]);
}

/** The same for many at once, in the order given. */
export async function appendAll(trx: Trx, events: readonly AuditEvent[]): Promise<void> {
  if (events.length > 0) await insertEvents(trx, events).execute();
}

/** The same as a part of the statement that makes it happen (a common table expression), without a round trip of its own. */
export function recording(event: AuditEvent) {
  return (within: Within) => insertEvents(within, [event]);
}

/**
 * The same, recorded from the rows of other parts of the statement, whose names these are: one event where each has one
 * row, none where nothing happened.
 */
export function recordingFrom<Event extends AuditEvent>(parts: readonly string[], event: ToldInSql<Event>) {
  return (within: Within) => insertEventFrom(within, parts, event);
}
