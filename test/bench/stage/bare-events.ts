/** The statement by which a bare script records so many events; each has ten values, in the order of the columns. */
export function eventsInsert(events: number): string {
  const row = (n: number) => `(${[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((m) => `$${n * 10 + m}`).join(', ')})`;
  return `insert into audit_event (id, action, actor, resource, resource_id, version, request_id, grant_id, target, detail)
    values ${Array.from({ length: events }, (_, n) => row(n)).join(', ')}`;
}
