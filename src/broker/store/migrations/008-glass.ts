import * as before from './007-on-call.ts';

/** What was opened without waiting for approval, and who looked at it afterwards. */
export const sql = `
create table broken_glass (
  request_id uuid primary key references request,
  person_id uuid not null references person,
  reason text not null,
  at timestamptz not null,
  mac text not null
);
create index broken_glass_person on broken_glass (person_id);

create table review (
  grant_id uuid primary key references "grant",
  person_id uuid not null references person,
  comment text not null,
  at timestamptz not null,
  mac text not null
);

alter table delivery drop constraint delivery_about_check;
alter table delivery add constraint delivery_about_check check (about in
  ('asked', 'claimed', 'released', 'partly approved', 'approved', 'denied', 'withdrawn', 'expired', 'glass broken'));
alter table delivery drop constraint delivery_check;
alter table delivery add constraint delivery_check check (
  case when follows is null then about in ('asked', 'glass broken') else about <> 'asked' end);
`;

/** What was done without asking stays as it was done, and so does who looked at it. */
export const privileges = (runtime: string) => `
${before.privileges(runtime)}
grant select, insert on broken_glass, review to ${runtime};
`;
