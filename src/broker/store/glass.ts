import { sql, type Selectable } from 'kysely';
import { append } from '../audit/append.ts';
import type { Integrity } from '../integrity/integrity.ts';
import type { Macs } from '../integrity/macs.ts';
import { brokenGlassFields, reviewFields } from './authentic.ts';
import { touchGrant, type GrantRow } from './grant.ts';
import { now } from './now.ts';
import type { Reader, RequestRow } from './request.ts';
import type { Db, Schema, Trx } from './schema.ts';

export type BrokenGlassRow = Selectable<Schema['broken_glass']>;
export type ReviewRow = Selectable<Schema['review']>;

/** Keeps for good that somebody did not wait for approval; the request's own step records it in the audit log. */
export async function insertBrokenGlass(
  trx: Trx,
  macs: Macs,
  request: RequestRow,
  reason: string,
): Promise<void> {
  const row = { request_id: request.id, person_id: request.requester, reason, at: await now(trx) };
  await trx
    .insertInto('broken_glass')
    .values({ ...row, mac: macs.of('broken glass', brokenGlassFields(row)) })
    .execute();
}

/** By request; what nobody did so raises the alarm, and shows without its words. */
export async function brokenGlassOn(
  db: Db,
  { macs, alarm }: Integrity,
  requestIds: readonly string[],
): Promise<ReadonlyMap<string, BrokenGlassRow>> {
  if (requestIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('broken_glass')
    .selectAll()
    .select(sql<string>`(select target from request where request.id = request_id)`.as('target'))
    .where('request_id', 'in', [...requestIds])
    .execute();
  return new Map(
    rows.map(({ target, ...row }) => {
      const authentic = macs.holds('broken glass', brokenGlassFields(row), row.mac);
      if (!authentic)
        alarm({ record: 'broken glass', id: row.request_id, target, why: 'nobody broke the glass so' });
      return [row.request_id, authentic ? row : { ...row, reason: 'What was written is not known any more' }];
    }),
  );
}

/** Signs a locked grant off, and records it. */
export async function insertReview(
  trx: Trx,
  macs: Macs,
  grant: GrantRow,
  { personId, comment }: { readonly personId: string; readonly comment: string },
): Promise<void> {
  const row = { grant_id: grant.id, person_id: personId, comment, at: await now(trx) };
  await trx
    .insertInto('review')
    .values({ ...row, mac: macs.of('review', reviewFields(row)) })
    .execute();
  const { version } = await touchGrant(trx, grant.id);
  await append(trx, {
    action: 'grant reviewed',
    actor: personId,
    resource: 'grant',
    resourceId: grant.id,
    version,
    requestId: grant.request_id,
    grantId: grant.id,
    target: grant.target,
    detail: { comment },
  });
}

/** By grant: who really signed it off; whatever else stands there raises the alarm. */
export async function reviewsOf(
  db: Db,
  { macs, alarm }: Integrity,
  grantIds: readonly string[],
): Promise<ReadonlyMap<string, ReviewRow>> {
  if (grantIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('review')
    .selectAll()
    .select(sql<string>`(select target from "grant" where "grant".id = grant_id)`.as('target'))
    .where('grant_id', 'in', [...grantIds])
    .execute();
  return new Map(
    rows.flatMap(({ target, ...row }) => {
      const authentic = macs.holds('review', reviewFields(row), row.mac);
      if (!authentic) alarm({ record: 'review', id: row.grant_id, target, why: 'nobody signed this off' });
      return authentic ? [[row.grant_id, row] as const] : [];
    }),
  );
}

/** Grants that nobody really signed off, of those that the reader's groups are asked about or may revoke; the newest first. */
export async function owedTo(
  db: Db,
  integrity: Integrity,
  { groups }: Pick<Reader, 'groups'>,
  limit: number,
): Promise<GrantRow[]> {
  const theirs = sql<string[]>`${[...groups]}::text[]`;
  const rows = await db
    .selectFrom('broken_glass')
    .innerJoin('request', 'request.id', 'broken_glass.request_id')
    .innerJoin('grant', 'grant.request_id', 'broken_glass.request_id')
    .selectAll('grant')
    .where(sql<boolean>`(request.approve_by && ${theirs} or request.revoke_by && ${theirs})`)
    .orderBy('broken_glass.at', 'desc')
    .execute();
  return (await notSignedOff(db, integrity, rows)).slice(0, limit);
}

/** How many grants nobody really signed off. */
export async function countOwed(db: Db, integrity: Integrity): Promise<number> {
  const rows = await db
    .selectFrom('broken_glass')
    .innerJoin('grant', 'grant.request_id', 'broken_glass.request_id')
    .select('grant.id')
    .execute();
  return (await notSignedOff(db, integrity, rows)).length;
}

/** Of some grants those without a review that is authentic. All are read: a glass is broken seldom, and a row is easily written. */
async function notSignedOff<Row extends { readonly id: string }>(
  db: Db,
  integrity: Integrity,
  rows: readonly Row[],
): Promise<Row[]> {
  const reviews = await reviewsOf(
    db,
    integrity,
    rows.map(({ id }) => id),
  );
  return rows.filter(({ id }) => !reviews.has(id));
}

/**
 * Whether whoever made a request has what it asks for already, approved or open: under its template, as it was then or
 * is now, or under another one with the same scope at the same target.
 */
export async function holdsTheSame(
  db: Db,
  {
    id,
    requester,
    template_id: template,
    target,
  }: Pick<RequestRow, 'id' | 'requester' | 'template_id' | 'target'>,
): Promise<boolean> {
  const held = await db
    .selectFrom('grant')
    .innerJoin('request', 'request.id', 'grant.request_id')
    .select('grant.id')
    .where('grant.holder', '=', requester)
    .where('grant.state', 'in', ['approved', 'active'])
    .where((e) =>
      e.or([
        e('request.template_id', '=', template),
        e.and([
          e('request.target', '=', target),
          sql<boolean>`request.scope = (select asked.scope from request as asked where asked.id = ${id})`,
        ]),
      ]),
    )
    .executeTakeFirst();
  return held !== undefined;
}

/** What somebody broke the glass for and nobody has signed off, the oldest first. */
export async function owedBy(
  db: Db,
  integrity: Integrity,
  personId: string,
): Promise<{ readonly title: string; readonly isOpen: boolean }[]> {
  const rows = await db
    .selectFrom('broken_glass')
    .innerJoin('request', 'request.id', 'broken_glass.request_id')
    .innerJoin('grant', 'grant.request_id', 'broken_glass.request_id')
    .select(['grant.id', 'grant.state', sql<string>`request.template ->> 'title'`.as('title')])
    .where('broken_glass.person_id', '=', personId)
    .orderBy('broken_glass.at')
    .execute();
  return (await notSignedOff(db, integrity, rows)).map(({ title, state }) => ({
    title,
    isOpen: state === 'approved' || state === 'active',
  }));
}
