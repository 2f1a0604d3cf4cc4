import type { Person } from '../../contract/people.ts';
import type { AccessRequest } from '../../contract/requests.ts';
import type { BrokenGlassRow } from '../store/glass.ts';
import type { PersonRow } from '../store/person.ts';
import { ruleOf, type RequestRow } from '../store/request.ts';

/** What requests and grants show alike. */

export function person(people: ReadonlyMap<string, PersonRow>, id: string): Person {
  return { id, name: people.get(id)?.name ?? 'somebody' };
}

/** Those under a template whose glass can be broken. */
export function breakable(rows: readonly RequestRow[]): string[] {
  return rows.filter((row) => ruleOf(row).breakGlass !== undefined).map((row) => row.id);
}

export function presentGlass(row: BrokenGlassRow | undefined): Pick<AccessRequest, 'brokenGlass'> {
  return row ? { brokenGlass: { reason: row.reason, at: row.at.toISOString() } } : {};
}

export function automaticOn(row: RequestRow): { automatic?: string } {
  const { automatic } = ruleOf(row);
  return automatic === undefined ? {} : { automatic };
}
