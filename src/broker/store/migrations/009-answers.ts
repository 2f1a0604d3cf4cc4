import * as before from './008-glass.ts';

/** Whoever asked something back is told of the answer. */
export const sql = `
alter table delivery drop constraint delivery_about_check;
alter table delivery add constraint delivery_about_check check (about in
  ('asked', 'claimed', 'released', 'partly approved', 'approved', 'denied', 'withdrawn', 'expired', 'glass broken', 'answered'));
`;

export const { privileges } = before;
