import { privileges as before } from './004-pages.ts';

/** Since when a shift has stood in its schedule: when it was seen there first, and when it was gone. */
export const sql = `
create table shift_sighting (
  id uuid primary key,
  schedule text not null,
  person text not null,
  begins timestamptz not null,
  ends timestamptz not null check (begins < ends),
  gone boolean not null,
  at timestamptz not null,
  mac text not null
);
create index shift_sighting_ends on shift_sighting (schedule, ends);
`;

/** What was seen stays as it was seen. */
export const privileges = (runtime: string) => `
${before(runtime)}
grant select, insert on shift_sighting to ${runtime};
`;
