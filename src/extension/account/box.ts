import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

const ivBytes = 12;
const tagBytes = 16;

/** A key that encrypts what is kept on disk. Its id may be known to anybody. */
export interface Key {
  readonly id: string;
  readonly bytes: Buffer;
}

export function newKey(): Key {
  return keyOf(randomBytes(32));
}

export function keyOf(bytes: Buffer): Key {
  return {
    id: createHash('sha256').update('daypass key id').update(bytes).digest('hex').slice(0, 16),
    bytes,
  };
}

/** AES-256-GCM; `about` is authenticated with it, so that a box cannot stand where another belongs. base64url. */
export function seal(key: Buffer, about: string, text: string): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(about));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** The text in a box, or undefined if it was sealed with another key, about something else, or changed since. */
export function unseal(key: Buffer, about: string, box: string): string | undefined {
  const bytes = Buffer.from(box, 'base64url');
  if (bytes.length < ivBytes + tagBytes) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes))
    .setAAD(Buffer.from(about))
    .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  try {
    return decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return undefined;
  }
}

/** One side of an X25519 agreement, used once. */
export interface Side {
  /** To be given to the other side; base64url. */
  readonly publicKey: string;
  /** The key that both sides arrive at. @throws Error if `theirs` is no such key */
  agree(theirs: string, about: string): Buffer;
}

export function newSide(): Side {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64url'),
    agree: (theirs, about) => {
      const shared = diffieHellman({ privateKey, publicKey: publicKeyOf(theirs) });
      return Buffer.from(hkdfSync('sha256', shared, Buffer.alloc(0), about, 32));
    },
  };
}

function publicKeyOf(text: string): KeyObject {
  return createPublicKey({ key: Buffer.from(text, 'base64url'), format: 'der', type: 'spki' });
}
