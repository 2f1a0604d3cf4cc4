import { digestOf } from '../templates/digest.ts';
import { sql, type Selectable } from 'kysely';
import type { Store } from './connect.ts';
import type { Db, Schema } from './schema.ts';

export type PersonRow = Selectable<Schema['person']>;

const seenAnewAfterMs = 3600_000;

export interface KnownAs {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly groups: readonly string[];
}

const rememberedForMs = 60_000;

/** `recognise`, without asking the database again about people who called just before with the same to say of them. */
export function recogniser(store: Pick<Store, 'db' | 'write'>): (who: KnownAs) => Promise<PersonRow> {
  const lately = new Map<string, { readonly person: PersonRow; readonly until: number }>();
  /** However many calls of somebody come at once, the database is asked once. */
  const asking = new Map<string, Promise<PersonRow>>();
  const ask = async (key: string, who: KnownAs, now: number) => {
    const person = await recognise(store, who);
    for (const [one, { until }] of lately) if (until <= now) lately.delete(one);
    lately.set(key, { person, until: now + rememberedForMs });
    return person;
  };
  return (who) => {
    const now = performance.now();
    const key = JSON.stringify([who.issuer, who.subject, who.name, who.groups]);
    const known = lately.get(key);
    if (known && now < known.until) return Promise.resolve(known.person);
    const answer = asking.get(key) ?? ask(key, who, now).finally(() => asking.delete(key));
    asking.set(key, answer);
    return answer;
  };
}

/**
 * A person is (issuer, subject), and their id follows from it (a UUID of version 8, RFC 9562 section 5.8): whatever
 * somebody writes into the table, nobody's token is taken for another person's.
 */
export function personId({ issuer, subject }: Pick<KnownAs, 'issuer' | 'subject'>): string {
  const digest = digestOf([issuer, subject]);
  const variant = ((parseInt(digest.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(18, 20)}`,
    digest.slice(20, 32),
  ].join('-');
}

/** The person whom a token names, made known at first sight. A person is (issuer, subject). */
export async function recognise(
  { db, write }: Pick<Store, 'db' | 'write'>,
  who: KnownAs,
): Promise<PersonRow> {
  const id = personId(who);
  const known = await db.selectFrom('person').selectAll().where('id', '=', id).executeTakeFirst();
  const lately = known && Date.now() - known.seen_at.getTime() < seenAnewAfterMs;
  if (lately && known.name === who.name && sameMembers(known.groups, who.groups)) return known;
  return write('person known', (writer) =>
    writer
      .insertInto('person')
      .values({
        id,
        issuer: who.issuer,
        subject: who.subject,
        name: who.name,
        groups: [...who.groups],
      })
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet({
          issuer: who.issuer,
          subject: who.subject,
          name: who.name,
          groups: [...who.groups],
          seen_at: sql<Date>`now()`,
        }),
      )
      .returningAll()
      .executeTakeFirstOrThrow(),
  );
}

export async function peopleById(db: Db, ids: readonly string[]): Promise<Map<string, PersonRow>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('person')
    .selectAll()
    .where('id', 'in', [...new Set(ids)])
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/** People last seen in one of the groups and in none of the others, `most` of them. What a token says when they decide is what counts. */
export function peopleIn(
  db: Db,
  groups: readonly string[],
  { never = [], most = 20 }: { readonly never?: readonly string[]; readonly most?: number } = {},
): Promise<PersonRow[]> {
  if (groups.length === 0) return Promise.resolve([]);
  const isIn = (names: readonly string[]) => sql<boolean>`groups && ${[...names]}::text[]`;
  return db
    .selectFrom('person')
    .selectAll()
    .where(isIn(groups))
    .$if(never.length > 0, (query) => query.where((e) => e.not(isIn(never))))
    .orderBy('seen_at', 'desc')
    .limit(most)
    .execute();
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}
