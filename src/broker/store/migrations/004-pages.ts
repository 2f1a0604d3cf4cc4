import { privileges as before } from './003-talk.ts';

/** Who is signed in to the broker's own pages. What the browser holds stands here as its hash only. */
export const sql = `
create table page_session (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  person_id uuid not null references person,
  holder jsonb not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  mac text not null
);
create index page_session_expires on page_session (expires_at);
create index page_session_person on page_session (person_id, created_at);
`;

export const privileges = (runtime: string) => `
${before(runtime)}
grant select, insert, delete on page_session to ${runtime};
`;
