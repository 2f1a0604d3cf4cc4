import type { ColumnType, Generated, JSONColumnType, Kysely, QueryCreator, Transaction } from 'kysely';
import type { GrantState } from '../../contract/grants.ts';
import type { CloseReason, LeaseState } from '../../contract/leases.ts';
import type { Receipt } from '../../contract/receipts.ts';
import type { RequestState } from '../../contract/requests.ts';
import type { Delivery } from '../../contract/telling.ts';
import type { Template } from '../../contract/templates.ts';
import type { Demands } from '../rules/policy.ts';

type Time = ColumnType<Date, Date, Date>;
type TimeSetHere = ColumnType<Date, Date | undefined, Date>;

/** The tables, as Kysely sees them; `migrations/` says what they are in SQL. */
export interface Schema {
  installation: {
    only_one: Generated<boolean>;
    id: string;
    event_key: Generated<string>;
    created_at: TimeSetHere;
  };
  person: {
    id: string;
    issuer: string;
    subject: string;
    name: string;
    groups: string[];
    seen_at: TimeSetHere;
  };
  request: {
    id: string;
    requester: string;
    template_id: string;
    template: JSONColumnType<Template>;
    scope: ColumnType<unknown, string, string>;
    target: string;
    duration_s: number;
    reason: string;
    ticket: string | null;
    digest: string;
    approve_by: string[];
    revoke_by: string[];
    quorum: number;
    /** Null where it was made before there was more to demand than one approval. */
    demands: JSONColumnType<Demands> | null;
    state: RequestState;
    created_at: TimeSetHere;
    answer_by: Time;
    version: Generated<number>;
    mac: string;
    /** Who looks at it; null where nobody does. */
    claimed_by: string | null;
    claimed_at: Date | null;
  };
  /** What is asked and answered on a request. */
  message: {
    id: string;
    request_id: string;
    person_id: string;
    text: string;
    at: Time;
    mac: string;
  };
  decision: {
    id: string;
    request_id: string;
    person_id: string;
    verdict: 'approve' | 'deny';
    comment: string | null;
    digest: string;
    /** Those of the quorum's groups that they were in. */
    groups: Generated<string[]>;
    /** What an approval shortened it to; null: as it was asked for. */
    duration_s: number | null;
    at: TimeSetHere;
    mac: string;
  };
  grant: {
    id: string;
    request_id: string;
    holder: string;
    target: string;
    duration_s: number;
    terminals: number;
    state: GrantState;
    created_at: TimeSetHere;
    activate_by: Time;
    activated_at: Date | null;
    expires_at: Date | null;
    ended_at: Date | null;
    ended_by: string | null;
    comment: string | null;
    version: Generated<number>;
    mac: string;
  };
  lease: {
    id: string;
    grant_id: string;
    person_id: string;
    target: string;
    role: string;
    state: LeaseState;
    due_at: Time;
    created_at: TimeSetHere;
    issued_at: Date | null;
    close_reason: CloseReason | null;
    closing_at: Date | null;
    evidence: ColumnType<unknown, string | null | undefined, string | null>;
    obstacle: string | null;
    obstacle_since: Date | null;
    closed_at: Date | null;
    idempotency_key: string;
    body_hash: string;
    version: Generated<number>;
    mac: string;
  };
  receipt: { lease_id: string; receipt: JSONColumnType<Receipt>; at: TimeSetHere };
  /** A request whose requester did not wait for approval. */
  broken_glass: { request_id: string; person_id: string; reason: string; at: Time; mac: string };
  /** Somebody's look at a grant after it ended. */
  review: { grant_id: string; person_id: string; comment: string; at: Time; mac: string };
  delivery: {
    id: string;
    number: Generated<number>;
    request_id: string;
    follows: string | null;
    about: Delivery['about'];
    step: number;
    after_s: number;
    channel: string;
    /** The schedule that says whom it tells; null: whomever the channel reaches. */
    on_call: string | null;
    /** Subject of whom it told, or tried to, because they were on call. */
    person: string | null;
    state: Delivery['state'];
    created_at: TimeSetHere;
    planned_at: Date | null;
    due_at: Date | null;
    attempts: Generated<number>;
    tried_at: Date | null;
    silent_since: Date | null;
    done_at: Date | null;
    outcome: string | null;
    reference: ColumnType<unknown, string | undefined, string>;
  };
  idempotency_key: {
    person_id: string;
    route: string;
    key: string;
    body_hash: string;
    resource_id: string;
    at: TimeSetHere;
  };
  page_session: {
    id: string;
    person_id: string;
    holder: JSONColumnType<Record<string, unknown>>;
    created_at: TimeSetHere;
    expires_at: Time;
    mac: string;
  };
  /** When a shift was seen in a schedule first, or was gone from it. */
  shift_sighting: {
    id: string;
    schedule: string;
    /** The subject. */
    person: string;
    begins: Time;
    ends: Time;
    gone: boolean;
    at: Time;
    mac: string;
  };
  audit_event: {
    id: string;
    at: TimeSetHere;
    action: string;
    actor: string | null;
    resource: string;
    resource_id: string | null;
    version: number | null;
    request_id: string | null;
    grant_id: string | null;
    target: string | null;
    detail: ColumnType<Record<string, unknown>, string | undefined, never>;
  };
  audit_number: { number: number; event_id: string };
  audit_logged: { only_one: Generated<boolean>; number: number };
}

/** For looking: the database refuses whatever else is tried on these connections. */
export type Db = Pick<Kysely<Schema>, 'selectFrom' | 'selectNoFrom' | 'getExecutor'>;
/** For one statement that commits by itself; only a named step is given one. */
export type Writer = Kysely<Schema>;
/** For what happens as a whole or not at all; only a named step is given one. */
export type Trx = Transaction<Schema>;
/** Where a statement that is part of another begins. */
export type Within = QueryCreator<Schema>;
