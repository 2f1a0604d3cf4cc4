import { createHmac, randomBytes } from 'node:crypto';
import * as z from 'zod';
import { Id } from '../../contract/values.ts';
import type { Bonds, Wishes } from './provider.ts';

/** How long somebody may be on the way, in seconds. */
export const onTheWaySeconds = 600;

/**
 * A sign-in that was begun: one secret, which stays in the browser that began it, and where to go afterwards. What goes
 * through the provider follows from the secret, so that an answer counts only in that browser.
 */
export interface Begun {
  readonly secret: string;
  readonly to: string;
}

export function begin(to: string): Begun {
  return { secret: randomBytes(32).toString('base64url'), to };
}

export function bondsOf({ secret }: Begun): Bonds {
  const derived = (what: string) => createHmac('sha256', secret).update(what).digest('base64url');
  return { verifier: derived('verifier'), state: derived('state'), nonce: derived('nonce') };
}

/** The address of the way in. Whoever changes it changes what is asked of the provider, never what it takes here. */
export function wayTo(to: string, { again, stepUp }: Wishes): string {
  const { acrValues, maxAge } = stepUp ?? {};
  const query = new URLSearchParams({
    to,
    ...(again ? { again: '1' } : {}),
    ...(acrValues ? { acr: acrValues.join(' ') } : {}),
    ...(maxAge === undefined ? {} : { age: String(maxAge) }),
  });
  return `/sign-in?${query.toString()}`;
}

const Way = z.object({
  to: z.unknown(),
  again: z.literal('1').optional().catch(undefined),
  acr: z
    .string()
    .max(1000)
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/)
    .optional()
    .catch(undefined),
  age: z
    .string()
    .regex(/^\d{1,8}$/)
    .optional()
    .catch(undefined),
});

/** What the address of the way in asks for; what makes no sense is not asked for. */
export function asked(query: unknown): Wishes & { readonly to: string } {
  const { to, again, acr, age } = Way.parse(query);
  return {
    to: ownPage(to),
    again: again !== undefined,
    stepUp: { acrValues: acr?.split(' '), maxAge: age === undefined ? undefined : Number(age) },
  };
}

/** As it stands in the cookie. */
export function written({ secret, to }: Begun): string {
  return `${secret}.${Buffer.from(to).toString('base64url')}`;
}

export function read(cookie: string | undefined): Begun | undefined {
  const [, secret, to] = /^([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{1,200})$/.exec(cookie ?? '') ?? [];
  if (secret === undefined || to === undefined) return undefined;
  return { secret, to: ownPage(Buffer.from(to, 'base64url').toString()) };
}

/** One of our own pages: nobody is led elsewhere by a link that they sign in through. */
export function ownPage(to: unknown): string {
  const id = typeof to === 'string' ? /^\/requests\/([^/]+)$/.exec(to)?.[1] : undefined;
  const parsed = Id.safeParse(id);
  return parsed.success ? `/requests/${parsed.data}` : '/requests';
}
