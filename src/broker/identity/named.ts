import { createHash } from 'node:crypto';
import * as z from 'zod';

const Named = z.object({ iss: z.string(), sub: z.string() });
/** Two parts of the longest token that is looked at. */
const token = /^(?:Bearer|DPoP) +[A-Za-z0-9_-]{1,16384}\.([A-Za-z0-9_-]{1,16384})\./i;

/**
 * Whom a token names, as a hash of issuer and subject, from the value of the `Authorization` header. Nothing of it is
 * verified: anybody can write it, so nobody is let in by it. Undefined where it names nobody.
 */
export function namedIn(authorization: string | undefined): string | undefined {
  const part = token.exec(authorization ?? '')?.[1];
  if (part === undefined) return undefined;
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
  const named = Named.safeParse(claims);
  if (!named.success) return undefined;
  const { iss, sub } = named.data;
  return createHash('sha256')
    .update(JSON.stringify([iss, sub]))
    .digest('base64');
}
