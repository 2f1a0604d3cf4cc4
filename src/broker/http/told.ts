import type { Telling } from '../../contract/telling.ts';
import { foreseen, type StepStand } from '../rules/telling.ts';
import { claimOn } from '../store/claim.ts';
import type { DeliveryRow } from '../store/delivery.ts';
import type { RequestRow } from '../store/request.ts';

/**
 * Who was told of a request and who will be, as its template had it when it was made.
 * @param nameOf who it is where a step tells whoever is on call; undefined: that is not known
 */
export function toldOf(
  request: RequestRow,
  deliveries: readonly DeliveryRow[],
  now: Date,
  nameOf: (row: DeliveryRow, at: Date) => string | undefined,
): { readonly told?: Telling[] } {
  const plan = request.template.notify ?? [];
  const rows = deliveries
    .filter((row) => row.request_id === request.id && row.follows === null)
    .sort((a, b) => a.step - b.step);
  // Nobody had to be told of what was approved at once.
  if (rows.length === 0) return {};
  const times = foreseen(rows.map(standOf), claimOn(request, now)?.until);
  const told = plan.flatMap((planned, step): Telling[] => {
    if ('call' in planned) {
      const at = new Date(request.created_at.getTime() + planned.afterSeconds * 1000);
      return [{ is: 'call', number: planned.call, at: at.toISOString() }];
    }
    const place = rows.findIndex((row) => row.step === step);
    const [row, found] = [rows[place], times[place]];
    if (!row || !found?.at || found.is === 'not needed') return [{ is: 'not needed', who: planned.tell }];
    const at = found.at.toISOString();
    const { person, state } = row;
    if (person === null && (state === 'nobody' || state === 'nobody else')) return [{ is: state, at }];
    return [{ is: found.is, who: nameOf(row, found.at) ?? planned.tell, at }];
  });
  return { told };
}

function standOf(row: DeliveryRow): StepStand {
  const afterSeconds = row.after_s;
  if (row.state === 'sent' && row.done_at) return { afterSeconds, is: 'told', at: row.done_at };
  if (row.state === 'stopped') return { afterSeconds, is: 'stopped' };
  if (row.silent_since) return { afterSeconds, is: 'not reached', at: row.silent_since };
  return row.planned_at ? { afterSeconds, is: 'up', at: row.planned_at } : { afterSeconds, is: 'planned' };
}
