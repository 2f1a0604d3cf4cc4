import { createHash, randomBytes } from 'node:crypto';
import * as z from 'zod';
import type { Context } from '../context.ts';
import type { Caller } from '../http/caller.ts';
import { NotSignedIn } from '../identity/failures.ts';
import type { TokenHolder } from '../identity/token-holder.ts';
import { beginPageSession, endPageSession, pageSession } from '../store/page-session.ts';

/** A page is signed in to for as long as the token that it was done with, and no longer than this. */
const longestSeconds = 15 * 60;

/** What was verified of somebody when they signed in; no token is kept. */
const Kept = z.object({
  issuer: z.string(),
  subject: z.string(),
  name: z.string(),
  groups: z.array(z.string()),
  clientId: z.string(),
  mayDecide: z.boolean(),
  /** How and when they signed in, where the token says so. */
  signIn: z.object({
    acr: z.array(z.string()),
    amr: z.array(z.string()),
    authenticatedAt: z.coerce.date().exactOptional(),
    byCode: z.boolean(),
  }),
}) satisfies z.ZodType<Omit<TokenHolder, 'expiresAt'>>;

export type CallerOf = (holder: TokenHolder) => Promise<Caller>;

const form = /^[A-Za-z0-9_-]{43}$/;

/** Who is signed in to the pages: the browser holds a random name, the store what was verified. */
export class PageSessions {
  readonly #context: Context;
  readonly #callerOf: CallerOf;

  constructor(context: Context, callerOf: CallerOf) {
    this.#context = context;
    this.#callerOf = callerOf;
  }

  /** @returns what the browser is to hold, made anew at each sign-in, and for how many seconds */
  async begin(holder: TokenHolder): Promise<{ readonly name: string; readonly seconds: number }> {
    const { store, integrity } = this.#context;
    const caller = await this.#callerOf(holder);
    const name = randomBytes(32).toString('base64url');
    const left = Math.floor((holder.expiresAt.getTime() - Date.now()) / 1000);
    const seconds = Math.max(0, Math.min(left, longestSeconds));
    await store.transaction('page signed in', (trx) =>
      beginPageSession(trx, integrity.macs, {
        id: idOf(name),
        personId: caller.id,
        holder: asJson(Kept.parse(holder)),
        seconds,
      }),
    );
    return { name, seconds };
  }

  /**
   * Whoever signed in, as their token said then.
   * @throws NotSignedIn
   */
  async caller(name: string | undefined): Promise<Caller> {
    if (name === undefined || !form.test(name)) throw notSignedIn('Nobody is signed in to the page.');
    const { store, integrity } = this.#context;
    const row = await pageSession(store.db, integrity, idOf(name));
    const kept = row && Kept.safeParse(row.holder);
    if (!row || !kept?.success) throw notSignedIn('The sign-in to the page is over, or there never was one.');
    return this.#callerOf({ ...kept.data, expiresAt: row.expires_at });
  }

  async end(name: string | undefined): Promise<void> {
    if (name === undefined || !form.test(name)) return;
    await this.#context.store.write('page signed out', (db) => endPageSession(db, idOf(name)));
  }
}

/** As it will be read: its mac is over that. */
function asJson(kept: z.output<typeof Kept>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(kept)) as Record<string, unknown>;
}

function idOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}

function notSignedIn(reason: string): NotSignedIn {
  return new NotSignedIn(reason, 'Sign in first.', 'Cookie');
}
