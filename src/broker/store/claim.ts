import { append } from '../audit/append.ts';
import { tellNews } from './delivery-news.ts';
import { now } from './now.ts';
import type { RequestRow } from './request.ts';
import type { Trx } from './schema.ts';

/** Who looks at a request. It tells others that they need not; it decides nothing and keeps nobody from deciding. */
export interface Claim {
  readonly personId: string;
  readonly since: Date;
  /** Then it is over by itself. */
  readonly until: Date;
}

/** What says whether somebody looks at a request. */
export type Claimable = Pick<RequestRow, 'state' | 'claimed_by' | 'claimed_at'>;

const lastsMs = 10 * 60_000;

/** The claim that is in force on a request at this time. */
export function claimOn(
  { state, claimed_by: personId, claimed_at: since }: Claimable,
  at: Date,
): Claim | undefined {
  if (state !== 'pending' || personId === null || since === null) return undefined;
  const until = new Date(since.getTime() + lastsMs);
  return at < until ? { personId, since, until } : undefined;
}

/** Makes a locked request this person's to look at from now on, or nobody's, and records it. */
export async function setClaim(
  trx: Trx,
  request: RequestRow,
  actor: string,
  claims: 'claimed' | 'released',
  overFrom?: string,
): Promise<void> {
  const version = request.version + 1;
  await trx
    .updateTable('request')
    .set({
      version,
      claimed_by: claims === 'claimed' ? actor : null,
      claimed_at: claims === 'claimed' ? await now(trx) : null,
    })
    .where('id', '=', request.id)
    .execute();
  await append(trx, {
    action: `request ${claims}`,
    actor,
    resource: 'request',
    resourceId: request.id,
    version,
    requestId: request.id,
    target: request.target,
    detail: overFrom === undefined ? {} : { overFrom },
  });
  await tellNews(trx, request, claims);
}
