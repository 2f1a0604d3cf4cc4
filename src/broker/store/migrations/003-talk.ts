import * as before from './002-demands.ts';

/** Who looks at a request, and what is asked and answered on it. */
export const sql = `
alter table request add column claimed_by uuid references person;
alter table request add column claimed_at timestamptz;
alter table request add check ((claimed_by is null) = (claimed_at is null));

create table message (
  id uuid primary key,
  request_id uuid not null references request,
  person_id uuid not null references person,
  text text not null,
  at timestamptz not null,
  mac text not null
);
create index message_request on message (request_id, at);

alter table decision add column duration_s integer check (duration_s > 0);
`;

/** What was said stays as it was said. */
export const privileges = (runtime: string) => `
${before.privileges(runtime)}
grant select, insert on message to ${runtime};
`;
