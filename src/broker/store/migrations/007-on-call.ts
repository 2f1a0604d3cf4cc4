import * as before from './006-deliveries.ts';

/** Steps that tell whoever is on call, and whom they told. */
export const sql = `
alter table delivery
  add column on_call text,
  add column person text,
  drop constraint delivery_state_check,
  add constraint delivery_state_check check (state in
    ('planned', 'waiting', 'sent', 'failed', 'stopped', 'nobody', 'nobody else'));
`;

export const { privileges } = before;
