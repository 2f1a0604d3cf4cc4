/**
 * The first schema. `{runtime}` is the role that the broker works as; it owns nothing here.
 * Times of the store are compared on the database's clock.
 */
export const sql = `
create table installation (
  only_one boolean primary key default true check (only_one),
  id text not null check (id ~ '^[0-9a-f]{8}$'),
  event_key uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now()
);

create table person (
  id uuid primary key,
  issuer text not null,
  subject text not null,
  name text not null,
  groups text[] not null default '{}',
  seen_at timestamptz not null default now()
);
create index person_groups on person using gin (groups);

create table request (
  id uuid primary key,
  requester uuid not null references person,
  template_id text not null,
  template jsonb not null,
  scope jsonb not null,
  target text not null,
  duration_s integer not null check (duration_s > 0),
  reason text not null,
  ticket text,
  digest text not null,
  approve_by text[] not null,
  revoke_by text[] not null,
  quorum integer not null check (quorum >= 0),
  state text not null check (state in ('pending', 'approved', 'denied', 'withdrawn', 'expired', 'refused')),
  created_at timestamptz not null default now(),
  answer_by timestamptz not null,
  version integer not null default 1,
  mac text not null default ''
);
create index request_requester on request (requester, created_at desc);
create index request_created on request (created_at desc);
create index request_pending on request (answer_by) where state = 'pending';
create index request_approvers on request using gin (approve_by);
create index request_revokers on request using gin (revoke_by);

create table decision (
  id uuid primary key,
  request_id uuid not null references request,
  person_id uuid not null references person,
  verdict text not null check (verdict in ('approve', 'deny')),
  comment text,
  digest text not null,
  at timestamptz not null default now(),
  mac text not null default '',
  unique (request_id, person_id)
);

create table "grant" (
  id uuid primary key,
  request_id uuid not null unique references request,
  holder uuid not null references person,
  target text not null,
  duration_s integer not null check (duration_s > 0),
  terminals integer not null check (terminals > 0),
  state text not null check (state in ('approved', 'active', 'lapsed', 'ended', 'expired', 'revoked')),
  created_at timestamptz not null default now(),
  activate_by timestamptz not null,
  activated_at timestamptz,
  expires_at timestamptz,
  ended_at timestamptz,
  ended_by uuid references person,
  comment text,
  version integer not null default 1,
  mac text not null default '',
  check ((activated_at is null) = (expires_at is null)),
  check (state <> 'active' or expires_at is not null)
);
create index grant_holder on "grant" (holder, created_at desc);
create index grant_created on "grant" (created_at desc);
create index grant_waiting on "grant" (activate_by) where state = 'approved';
create index grant_active on "grant" (expires_at) where state = 'active';

create table lease (
  id uuid primary key,
  grant_id uuid not null references "grant",
  person_id uuid not null references person,
  target text not null,
  role text not null,
  state text not null check (state in ('issuing', 'issued', 'closing', 'closed', 'failed')),
  due_at timestamptz not null,
  created_at timestamptz not null default now(),
  issued_at timestamptz,
  close_reason text check (close_reason in ('ended', 'expired', 'revoked', 'terminal closed', 'issue not confirmed')),
  closing_at timestamptz,
  evidence jsonb,
  obstacle text,
  obstacle_since timestamptz,
  closed_at timestamptz,
  idempotency_key text not null,
  body_hash text not null,
  version integer not null default 1,
  mac text not null default '',
  check (state <> 'closed' or closed_at is not null),
  check (obstacle_since is null or obstacle is not null),
  check ((state in ('closing', 'closed')) = (close_reason is not null)),
  unique (person_id, grant_id, idempotency_key),
  unique (target, role)
);
create index lease_grant on lease (grant_id);
create index lease_owed on lease (target, due_at) where state in ('issuing', 'issued', 'closing');

create table receipt (
  lease_id uuid primary key references lease,
  receipt jsonb not null,
  at timestamptz not null default now()
);

create table idempotency_key (
  person_id uuid not null references person,
  route text not null,
  key text not null,
  body_hash text not null,
  resource_id uuid not null,
  at timestamptz not null default now(),
  primary key (person_id, route, key)
);
create index idempotency_key_at on idempotency_key (at);

create table audit_event (
  id uuid primary key,
  at timestamptz not null default clock_timestamp(),
  action text not null,
  actor uuid,
  resource text not null check (resource in ('request', 'grant', 'lease', 'person', 'broker')),
  resource_id uuid,
  version integer,
  request_id uuid,
  grant_id uuid,
  target text,
  detail jsonb not null default '{}',
  transaction xid8 not null default pg_current_xact_id()
);
create index audit_event_transaction on audit_event (transaction);
create index audit_event_request on audit_event (request_id);
create index audit_event_actor on audit_event (actor, at);
create index audit_event_target on audit_event (target, at);

create table audit_number (
  number bigint primary key,
  event_id uuid not null unique references audit_event
);

create table audit_logged (
  only_one boolean primary key default true check (only_one),
  number bigint not null
);
insert into audit_logged (number) values (0);
`;

/** What the runtime role may do. Nothing else: not even UPDATE of what an audit event says. */
export const privileges = (runtime: string) => `
grant usage on schema daypass to ${runtime};
grant select on installation to ${runtime};
grant select, insert, update on person, request, "grant", lease to ${runtime};
grant select, insert on decision, receipt, audit_event, audit_number to ${runtime};
grant select, insert, delete on idempotency_key to ${runtime};
grant select, update (number) on audit_logged to ${runtime};
`;
