import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { Secret } from '../../contract/secret.ts';

/** Exactly what the broker accepts: see `ScramVerifier` in the contract. */
const iterations = 4096;
const saltBytes = 16;

/** 32 random bytes, base64url: printable ASCII, which SASLprep (RFC 4013) leaves as it is. */
export function newPassword(): Secret {
  return new Secret(randomBytes(32).toString('base64url'));
}

/**
 * The SCRAM-SHA-256 verifier (RFC 5802, section 3; RFC 7677) of a password in PostgreSQL's notation
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, base64. It lets the target check the password and
 * does not open anything by itself.
 */
export async function verifierOf(password: Secret, salt: Buffer = randomBytes(saltBytes)): Promise<string> {
  const salted = await promisify(pbkdf2)(password.reveal(), salt, iterations, 32, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}
