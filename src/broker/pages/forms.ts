import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import * as z from 'zod';
import { IdempotencyKey } from '../../contract/routes.ts';
import { Refusal } from '../http/problem.ts';
import { markup, type Html } from './html.ts';

/** What came in a form; of two fields of one name neither counts. */
export type Fields = Readonly<Record<string, string>>;

export function fieldsOf(body: string): Fields {
  const fields = new Map<string, string>();
  const twice = new Set<string>();
  for (const [name, value] of new URLSearchParams(body)) {
    if (fields.has(name)) twice.add(name);
    fields.set(name, value);
  }
  for (const name of twice) fields.delete(name);
  return Object.fromEntries(fields);
}

/** Fields that every form has: that it comes from a page that this session was shown, for this purpose. */
export function proofOf(session: string, action: string): Html {
  return markup`<input type="hidden" name="proof" value="${proof(session, action)}" />`;
}

export function hidden(name: string, value: string): Html {
  return markup`<input type="hidden" name="${name}" value="${value}">`;
}

/** One intention of a person, however often the button is pressed. */
export function keyField(): Html {
  return hidden('key', randomBytes(16).toString('base64url'));
}

/** Nobody who does not hold the session can make it, and it does not say what the session is. */
function proof(session: string, action: string): string {
  return createHmac('sha256', session).update(`form ${action}`).digest('base64url');
}

const Sent = z.object({ proof: z.string().max(100) });
const Keyed = z.object({ key: IdempotencyKey });

export function keyOf(fields: Fields): string {
  const sent = Keyed.safeParse(fields);
  if (!sent.success) throw new Refusal('invalid-request', notComplete);
  return sent.data.key;
}

/**
 * That a form was sent from our own page: by its origin (RFC 6454; Fetch, section 3.2), by what the browser says of its
 * site where it says so (Fetch Metadata), and by the proof in it.
 * @throws Refusal `not-allowed`
 */
export function demandOwn(request: FastifyRequest, publicUrl: string, session: string, fields: Fields): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  const sent = Sent.safeParse(fields);
  const own =
    origin === publicUrl &&
    (site === undefined || site === 'same-origin') &&
    sent.success &&
    equal(sent.data.proof, proof(session, pathOf(request)));
  if (!own) throw new Refusal('not-allowed', notOurs);
}

export function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}

function equal(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const notOurs =
  'This did not come from the page that you were shown, so nothing was done. Decide on the page itself.';
const notComplete = 'What came from the page is not complete, so nothing was done. Try again.';
