import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** A password for one look only, and its verifier. */
export interface Throwaway {
  readonly password: string;
  readonly verifier: string;
}

/**
 * A random password of 32 bytes with its SCRAM-SHA-256 verifier (RFC 5803, as PostgreSQL stores it). One iteration:
 * a random password loses nothing by it, and the server computes a verifier's iterations for every one that it is given.
 */
export function throwaway(): Throwaway {
  const password = randomBytes(32).toString('base64url');
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, 1, 32, 'sha256');
  const key = (name: string) => createHmac('sha256', salted).update(name).digest();
  const stored = createHash('sha256').update(key('Client Key')).digest('base64');
  return {
    password,
    verifier: `SCRAM-SHA-256$1:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`,
  };
}
