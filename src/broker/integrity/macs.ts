import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../contract/secret.ts';
import { canonicalJson } from '../templates/digest.ts';

/** What carries a mac. The kind is part of what is authenticated, so that no record's mac fits one of another kind. */
export type RecordKind =
  | 'request'
  | 'decision'
  | 'message'
  | 'broken glass'
  | 'grant'
  | 'review'
  | 'lease'
  | 'page session'
  | 'page typed'
  | 'shift'
  | 'proof nonce';

/** The members of a record that must not change unseen. Times as RFC 3339 text. */
export type Fields = Readonly<Record<string, string | number | null | readonly string[]>>;

/** Message authentication codes (HMAC-SHA-256, RFC 2104) under keys that are not in the database. */
export interface Macs {
  /** Made with the first key: `1.<name of the key, 8 hexadecimal digits>.<mac, base64url>`. */
  of(kind: RecordKind, fields: Fields): string;
  /** Whether it was made of exactly these fields with one of the keys. */
  holds(kind: RecordKind, fields: Fields, mac: string): boolean;
}

const version = '1';

interface Key {
  readonly name: string;
  readonly bytes: Buffer;
}

/** @param keys the first one makes, all of them verify */
export function macsWith(keys: readonly [Secret, ...Secret[]]): Macs {
  const [first, ...others] = keys.map(keyOf);
  if (!first) throw new Error('There is no key.');
  const byName = new Map([first, ...others].map((key) => [key.name, key]));
  return {
    of: (kind, fields) => `${version}.${first.name}.${code(first, kind, fields).toString('base64url')}`,
    holds(kind, fields, mac) {
      const [made, name = '', text = '', ...more] = mac.split('.');
      const key = byName.get(name);
      if (made !== version || !key || more.length > 0) return false;
      const expected = code(key, kind, fields);
      const given = Buffer.from(text, 'base64url');
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}

/** A key's own name says nothing of the key. */
function keyOf(secret: Secret): Key {
  const bytes = Buffer.from(secret.reveal(), 'utf8');
  return { name: createHash('sha256').update('daypass key ').update(bytes).digest('hex').slice(0, 8), bytes };
}

function code(key: Key, kind: RecordKind, fields: Fields): Buffer {
  return createHmac('sha256', key.bytes)
    .update(canonicalJson([kind, fields]))
    .digest();
}
