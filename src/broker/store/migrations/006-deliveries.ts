import * as before from './005-shifts.ts';

/** What people are told through channels of a request, and what follows once somebody has taken it. */
export const sql = `
create table delivery (
  id uuid primary key,
  number bigint not null generated always as identity,
  request_id uuid not null references request,
  follows uuid references delivery,
  about text not null check (about in
    ('asked', 'claimed', 'released', 'partly approved', 'approved', 'denied', 'withdrawn', 'expired')),
  step integer not null check (step >= 0),
  after_s integer not null check (after_s >= 0),
  channel text not null,
  state text not null check (state in ('planned', 'waiting', 'sent', 'failed', 'stopped')),
  created_at timestamptz not null default clock_timestamp(),
  planned_at timestamptz,
  due_at timestamptz,
  attempts integer not null default 0,
  tried_at timestamptz,
  silent_since timestamptz,
  done_at timestamptz,
  outcome text,
  reference jsonb,
  check ((about = 'asked') = (follows is null)),
  check (state <> 'waiting' or due_at is not null)
);
create unique index delivery_step on delivery (request_id, step) where follows is null;
create index delivery_due on delivery (due_at) where state = 'waiting';
create index delivery_follows on delivery (follows) where follows is not null;
create index delivery_channel on delivery (channel, tried_at) where tried_at is not null;
`;

export const privileges = (runtime: string) => `
${before.privileges(runtime)}
grant select, insert, update on delivery to ${runtime};
`;
