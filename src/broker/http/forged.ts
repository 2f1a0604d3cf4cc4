import type { Integrity } from '../integrity/integrity.ts';
import { isAuthenticRequest } from '../store/authentic.ts';
import { isAuthenticGrant, type LockedGrant } from '../store/grant.ts';
import type { RequestRow } from '../store/request.ts';

/** Raises the alarm where a grant or its request is not as the broker wrote it. @returns whether one is */
export function alarmIfForged(integrity: Integrity, grant: LockedGrant, request: RequestRow): boolean {
  const forged = !isAuthenticGrant(integrity.macs, grant);
  if (forged)
    integrity.alarm({
      record: 'grant',
      id: grant.id,
      target: grant.target,
      why: 'nobody granted this, or it was over before, or it is not over',
    });
  return alarmIfAltered(integrity, request) || forged;
}

export function alarmIfAltered({ macs, alarm }: Integrity, request: RequestRow): boolean {
  const altered = !isAuthenticRequest(macs, request);
  if (altered)
    alarm({
      record: 'request',
      id: request.id,
      target: request.target,
      why: 'it is not what was asked for',
    });
  return altered;
}
